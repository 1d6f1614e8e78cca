import { describe, expect, it } from 'vitest';
import { checkImports } from './import-rules.ts';
import { importsOf } from './module-imports.ts';

/** One file that imports one thing, as `path → specifier`. */
function fileImporting(path: string, specifier: string): { path: string; text: string } {
  return { path, text: `import { x } from '${specifier}';\n` };
}

function rulesBrokenBy(path: string, specifier: string): string[] {
  return checkImports([fileImporting(path, specifier)]).map(violation => violation.rule);
}

describe('reading imports', () => {
  it('sees every way to name a module, with its line', () => {
    const text = [
      "import { a } from './a.ts';",
      'import type {',
      '  B,',
      "} from '../b.ts';",
      "import './side-effect.ts';",
      "import fs, * as all from 'node:fs';",
      "export type { C } from './c.ts';",
      "export * from '@scope/name/part';",
      "type D = import('./d.ts').D;",
      "const e = await import('./e.ts');",
    ].join('\n');
    const found = importsOf({ path: 'shared/base/x.ts', text });
    expect(found.map(({ line, specifier, isReExport }) => [line, specifier, isReExport])).toEqual([
      [1, './a.ts', false],
      [2, '../b.ts', false],
      [5, './side-effect.ts', false],
      [6, 'node:fs', false],
      [7, './c.ts', true],
      [8, '@scope/name/part', true],
      [9, './d.ts', false],
      [10, './e.ts', false],
    ]);
    expect(found[1]?.target).toBe('shared/b.ts');
  });

  it('does not read comments, exported values or plain text as imports', () => {
    const text = [
      '/*',
      "import { a } from './a.ts';",
      '*/',
      "// import './b.ts';",
      "export const from = 'x';",
      'export { from };',
      "console.log('import(\\'./c.ts\\')');",
    ].join('\n');
    expect(importsOf({ path: 'x.ts', text })).toEqual([]);
  });
});

describe('the import rules catch', () => {
  it.each([
    ['shared reaching into another folder', 'shared/wire/a.ts', '../../ingest-node/errors.ts', 'area'],
    ['base importing the model above it', 'shared/base/a.ts', '../model/time.ts', 'area'],
    ['the model importing the wire', 'shared/model/a.ts', '../wire/position.ts', 'area'],
    ['the wire importing the stream', 'shared/wire/a.ts', '../stream/source.ts', 'area'],
    ['the stream importing the client', 'shared/stream/a.ts', '../client/index.ts', 'area'],
    ['a server using the client', 'ingest-node/main.ts', '../shared/client/index.ts', 'area'],
    ['the Worker using the client', 'edge-worker/routes/a.ts', '../../shared/client/index.ts', 'area'],
    ['the dashboard using the wire', 'edge-worker/dashboard/a.ts', '../../shared/wire/position.ts', 'area'],
    ['the dashboard using the Worker', 'edge-worker/dashboard/a.ts', '../fan-out/placement.ts', 'area'],
    ['the Worker using the dashboard', 'edge-worker/app.ts', './dashboard/a.ts', 'area'],
    ['ingest importing the edge', 'ingest-node/main.ts', '../edge-worker/env.ts', 'area'],
    ['the edge importing ingest', 'edge-worker/app.ts', '../ingest-node/errors.ts', 'area'],
    ['an exchange using the feeds', 'ingest-node/exchanges/a.ts', '../feeds/socket.ts', 'area'],
    ['an exchange meeting the distributor', 'ingest-node/exchanges/a.ts', '../distribution/distributor.ts', 'area'],
    ['the distributor meeting an exchange', 'ingest-node/distribution/a.ts', '../exchanges/upbit.ts', 'area'],
    ['a feed naming one exchange', 'ingest-node/feeds/a.ts', '../exchanges/upbit.ts', 'area'],
    ['conversion naming one exchange', 'ingest-node/conversion/a.ts', '../exchanges/upbit.ts', 'area'],
    ['infrastructure using conversion', 'ingest-node/infrastructure/a.ts', '../conversion/validation.ts', 'area'],
    ['the product importing infra', 'ingest-node/main.ts', '../infra/local/start.ts', 'area'],
    ['a folder nobody declared', 'scripts/a.ts', '../shared/base/clock.ts', 'area'],
    ['shared using Node', 'shared/base/a.ts', 'node:fs', 'builtin'],
    ['an exchange using Node', 'ingest-node/exchanges/a.ts', 'node:http', 'builtin'],
    ['fan-out using Cloudflare', 'edge-worker/fan-out/a.ts', 'cloudflare:workers', 'builtin'],
    ['shared using a package', 'shared/stream/a.ts', 'ws', 'vendor'],
    ['a second home for exchange sockets', 'ingest-node/feeds/other.ts', 'ws', 'vendor'],
    ['a log line around the logger', 'ingest-node/feeds/a.ts', 'pino', 'vendor'],
    ['fan-out using a framework', 'edge-worker/fan-out/a.ts', 'hono/ws', 'vendor'],
    ['a package without a role', 'ingest-node/operations/a.ts', 'left-pad', 'vendor'],
    ['a test of shared using a product package', 'shared/base/a.test.ts', 'hono', 'vendor'],
    ['a test of shared using another folder', 'shared/base/a.test.ts', '../../infra/local/start.ts', 'area'],
    ['a test of ingest using the edge', 'ingest-node/a.test.ts', '../edge-worker/env.ts', 'area'],
    ['a test importing a test', 'infra/a.test.ts', './b.test.ts', 'test-file'],
    ['the product importing a suite', 'ingest-node/main.ts', './leadership/leader-election.suite.ts', 'test-file'],
    ['infra importing a test helper', 'infra/local/start.ts', '../../shared/testing/fake-clock.ts', 'test-file'],
  ])('%s', (_what, path, specifier, rule) => {
    expect(rulesBrokenBy(path, specifier)).toEqual([rule]);
  });

  it('a barrel anywhere but at the doors', () => {
    const text = "export { x } from './x.ts';\n";
    expect(checkImports([{ path: 'shared/wire/index.ts', text }]).map(v => v.rule)).toEqual(['barrel']);
    expect(checkImports([{ path: 'shared/client/index.ts', text }])).toEqual([]);
  });

  it('a second file for a vendor that may have one', () => {
    const first = fileImporting('ingest-node/operations/http-server.ts', '@hono/node-server');
    const second = fileImporting('ingest-node/operations/other-server.ts', '@hono/node-server');
    expect(checkImports([first])).toEqual([]);
    expect(checkImports([first, second]).map(v => v.at)).toEqual([`${second.path}:1`]);
  });

  it('files that import each other in a circle, once, from whichever file it starts', () => {
    const files = [
      fileImporting('shared/base/c.ts', './a.ts'),
      fileImporting('shared/base/a.ts', './b.ts'),
      fileImporting('shared/base/b.ts', './c.ts'),
    ];
    const path = 'shared/base/a.ts → shared/base/b.ts → shared/base/c.ts → shared/base/a.ts';
    expect(checkImports(files).map(v => v.message)).toEqual([`files import each other in a circle: ${path}`]);
  });
});

describe('the import rules allow', () => {
  it.each([
    ['shared/client/a.ts', '../stream/source.ts'],
    ['ingest-node/main.ts', './exchanges/registry.ts'],
    ['ingest-node/exchanges/upbit.ts', '../conversion/lossless-json.ts'],
    ['ingest-node/exchanges/upbit.ts', '../errors.ts'],
    ['ingest-node/feeds/feed.ts', '../exchanges/exchange-adapter.ts'],
    ['ingest-node/feeds/feed.ts', '../operations/metrics.ts'],
    ['ingest-node/feeds/ws-socket.ts', 'ws'],
    ['edge-worker/app.ts', 'hono/cors'],
    ['edge-worker/app.ts', './fan-out/placement.ts'],
    ['edge-worker/dashboard/board.ts', '../../shared/client/index.ts'],
    ['infra/local/start.ts', '../../ingest-node/bootstrap.ts'],
    ['infra/local/edge-dev-server.ts', 'miniflare'],
    ['shared/base/a.test.ts', 'fast-check'],
    ['shared/base/a.test.ts', '../testing/fake-clock.ts'],
    ['shared/testing/fake-clock.ts', '../base/clock.ts'],
    ['ingest-node/a.test.ts', '../infra/exchange-simulator/market/market.ts'],
    ['edge-worker/a.workerd.test.ts', 'cloudflare:test'],
  ])('%s → %s', (path, specifier) => {
    expect(rulesBrokenBy(path, specifier)).toEqual([]);
  });
});

/** What `npm run record` says when something is in its way, against a node that is made up. */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type ControlRoutes, ControlServer } from '../operations/control-server.ts';

const RECORD = fileURLToPath(new URL('../record.ts', import.meta.url));
const LINE = `${JSON.stringify({ exchange: 'upbit', channel: 'trade', direction: 'recv', ts: 1.5, raw: 'x'.repeat(500) })}\n`;

const ENV = () => ({ DATA_DIR: dataDir });

let dataDir: string;
let server: ControlServer | null = null;
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'program-'));
});
afterEach(async () => {
  await server?.stop();
  server = null;
  await rm(dataDir, { recursive: true });
});

async function serve(routes: ControlRoutes): Promise<void> {
  server = new ControlServer(dataDir, routes);
  await server.listen();
}

function record(...args: string[]): Promise<{ code: unknown; err: string }> {
  return new Promise(resolve => {
    execFile(process.execPath, [RECORD, ...args], { cwd: dataDir, env: ENV() }, (error, _out, err) =>
      resolve({ code: error?.code ?? 0, err }),
    );
  });
}

test('a recording that the node ended has all that came before, and says why', async () => {
  await serve({
    'GET /record': ({ response }) => void response.end(`${LINE}${LINE}{"end":"what reads it is too slow"}\n`),
  });
  expect(await record('--for', '1h', '--out', 'a.ndjson')).toEqual({
    code: 1,
    err: 'the node ended it: what reads it is too slow; a.ndjson holds what came until then\n',
  });
  expect(await readFile(join(dataDir, 'a.ndjson'), 'utf8')).toBe(LINE + LINE);
});

test.each(['full.ndjson', 'full.ndjson.gz', 'full.ndjson.zst'])('a full disk ends %s in one line', async name => {
  await serve({
    'GET /record': ({ response, signal }) => {
      const timer = setInterval(() => response.write(LINE), 5);
      signal.addEventListener('abort', () => clearInterval(timer));
    },
  });
  await symlink('/dev/full', join(dataDir, name));
  const { code, err } = await record('--out', name);
  expect([code, err.trim().split('\n')]).toEqual([1, [expect.stringMatching(`^cannot write ${name}: ENOSPC`)]]);
});

test('a folder that is not there, and a node that knows no recording, are told in one line', async () => {
  await serve({});
  const unknown = await record('--out', 'a.ndjson');
  expect(unknown).toEqual({ code: 1, err: 'the node answered 404; is it of this version?\n' });
  await server?.stop();
  await serve({ 'GET /record': ({ response }) => void response.write(LINE) });
  const { code, err } = await record('--out', 'nowhere/a.ndjson');
  expect([code, err.split('\n').length]).toEqual([1, 2]);
  expect(err).toMatch(/^cannot write nowhere\/a\.ndjson: ENOENT/);
});

test('from the start: whoever comes while one waits, or while a node runs, is told so; Ctrl-C leaves nothing behind', async () => {
  const waiting = spawn(process.execPath, [RECORD, '--from-start', '--out', 'a.ndjson'], { cwd: dataDir, env: ENV() });
  await once(waiting.stderr, 'data');
  expect(await record('--from-start', '--out', 'b.ndjson')).toEqual({
    code: 1,
    err: expect.stringMatching(/^another recording waits for a node at .*record\.sock\n$/),
  });
  waiting.kill('SIGINT');
  await once(waiting, 'exit');
  expect(await readdir(dataDir)).toEqual([]);

  await serve({ 'GET /record': ({ response }) => void response.write(LINE) });
  expect(await record('--from-start', '--out', 'b.ndjson')).toEqual({
    code: 1,
    err: 'a node runs already with this data folder; --from-start waits for one that starts\n',
  });
});

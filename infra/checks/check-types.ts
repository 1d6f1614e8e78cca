import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { runNode, runSideBySide } from './run-command.ts';
import { REPO_ROOT } from './source-files.ts';

/** Each part of the tree with the globals of the place it runs in, so that `shared` cannot use Node by accident. */
const PROJECTS: readonly (readonly [name: string, ...configs: string[]])[] = [
  ['shared', 'shared/tsconfig.json'],
  ['ingest-node', 'ingest-node/tsconfig.json'],
  ['edge-worker', 'edge-worker/tsconfig.json'],
  ['dashboard', 'edge-worker/dashboard/tsconfig.json'],
  ['infra', 'infra/tsconfig.json'],
  ['tests', 'infra/checks/tsconfig.tests.json'],
  ['workerd tests', 'edge-worker/tsconfig.workerd-tests.json', 'infra/checks/tsconfig.workerd-tests.json'],
];

/** Says per project how many errors it has, then the errors. */
async function checkTypes(): Promise<number> {
  const checked = await runSideBySide(PROJECTS, async ([name, ...configs]) => {
    const config = configs.find(path => existsSync(join(REPO_ROOT, path))) ?? configs[0] ?? name;
    const result = await runNode(['node_modules/typescript/bin/tsc', '-p', config, '--pretty', 'false']);
    const lines = result.output.split('\n').filter(line => line.trim() !== '');
    const errors = lines.filter(line => /error TS\d+/.test(line)).length;
    return { name, failed: result.code !== 0, errors, lines, durationMs: result.durationMs };
  });
  for (const { name, failed, errors, durationMs } of checked) {
    const verdict = failed ? `${Math.max(errors, 1)} errors` : 'ok';
    console.log(`types  ${name.padEnd(14)} ${verdict.padEnd(12)} ${(durationMs / 1000).toFixed(1)} s`);
  }
  const told = new Set<string>();
  for (const { failed, lines } of checked) {
    // A file that several projects reach is told once.
    for (const line of failed ? lines : []) {
      if (!told.has(line)) console.log(line);
      told.add(line);
    }
  }
  return checked.some(({ failed }) => failed) ? 1 : 0;
}

if (import.meta.main) process.exitCode = await checkTypes();

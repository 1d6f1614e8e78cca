import { type CommandResult, runNode, runSideBySide } from './run-command.ts';

/** One part of `npm run check`; also run alone, as `npm run check:<name>`. */
export interface Check {
  readonly name: string;
  readonly command: readonly string[];
}

export interface CheckOutcome extends CommandResult {
  readonly name: string;
}

const BIOME = 'node_modules/@biomejs/biome/bin/biome';

export const CHECKS: readonly Check[] = [
  { name: 'types', command: ['infra/checks/check-types.ts'] },
  { name: 'lint', command: [BIOME, 'lint', '--error-on-warnings'] },
  // Not 'format': the order of imports is part of what `npm run format` mends.
  { name: 'format', command: [BIOME, 'check', '--linter-enabled=false'] },
  { name: 'imports', command: ['infra/checks/import-rules.ts'] },
  { name: 'text', command: ['infra/checks/text-rules.ts'] },
];

/** Runs every check to its end, so that one look shows all there is to mend, and prints what the failed ones said. */
export async function runChecks(): Promise<CheckOutcome[]> {
  const outcomes = await runSideBySide(CHECKS, async ({ name, command }) => ({ name, ...(await runNode(command)) }));
  for (const { code, name, output } of outcomes) {
    if (code !== 0) console.log(`\n── check:${name} ──\n${output.trim()}`);
  }
  console.log('');
  for (const { code, name, durationMs } of outcomes) {
    const seconds = `${(durationMs / 1000).toFixed(1)} s`;
    console.log(`${code === 0 ? '✓' : '✗'} check:${name.padEnd(8)} ${seconds}${code === 0 ? '' : '  failed'}`);
  }
  return outcomes;
}

if (import.meta.main) process.exitCode = (await runChecks()).some(({ code }) => code !== 0) ? 1 : 0;

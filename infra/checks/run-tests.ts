import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { runChecks } from './check.ts';
import { reportJunit } from './report-junit.ts';
import { reportMarkdown } from './report-markdown.ts';
import { runNode } from './run-command.ts';
import { REPO_ROOT } from './source-files.ts';
import { type FileResult, lastLine, nameOf, readResults, totalsOf } from './test-results.ts';

/** All of `npm test` ends within 20 minutes, whatever hangs: what is not done by then has failed. */
const BUDGET_MS = 18 * 60_000;
const LONG_BUDGET_MS = 4 * 60 * 60_000;

const VITEST = 'node_modules/vitest/vitest.mjs';
const NODE_CONFIG = 'infra/checks/vitest.config.ts';
const WORKERD_CONFIG = 'edge-worker/vitest.workerd.config.ts';
const REPORTER = join(REPO_ROOT, 'infra/checks/result-reporter.ts');
const REPORTS = join(REPO_ROOT, 'reports');

const isLong = process.argv.includes('--long');
const startedAt = performance.now();

/** The checks, each counted as a test: a build that breaks a rule is a build that fails. */
async function runCheckParts(): Promise<FileResult> {
  const outcomes = await runChecks();
  const tests = outcomes.map(({ name, code, durationMs, output }) => {
    const titles = [`check:${name}`];
    return code === 0
      ? { titles, state: 'passed' as const, durationMs }
      : { titles, state: 'failed' as const, durationMs, detail: output.trim() };
  });
  const durationMs = Math.max(...outcomes.map(outcome => outcome.durationMs));
  return { run: 'checks', path: 'npm run check', durationMs, tests };
}

/** Runs vitest with one configuration, shows what it says, and keeps it in `reports/<run>.log`. */
async function runVitest(run: string, config: string, ...more: string[]): Promise<FileResult[]> {
  console.log(`\n── ${run} tests ──`);
  if (!existsSync(join(REPO_ROOT, config))) {
    const detail = `${config} is missing, so these tests cannot run`;
    console.log(detail);
    const tests = [{ titles: [`the ${run} tests can run`], state: 'failed' as const, durationMs: 0, detail }];
    return [{ run, path: `(${run} run)`, durationMs: 0, tests }];
  }
  const resultsPath = join(REPORTS, `${run}.results.jsonl`);
  writeFileSync(resultsPath, '');
  const reporters = ['--reporter', 'default', '--reporter', REPORTER];
  const result = await runNode([VITEST, 'run', '--config', config, ...reporters, ...more], {
    env: { TEST_RESULTS: resultsPath, TEST_RUN: run },
    show: true,
    timeoutMs: Math.max(1, (isLong ? LONG_BUDGET_MS : BUDGET_MS) - (performance.now() - startedAt)),
  });
  writeFileSync(join(REPORTS, `${run}.log`), stripVTControlCharacters(result.output));
  // There may be no long tests; that there are no others at all would be a fault.
  if (isLong && /No test files found/.test(result.output)) return [];
  return readResults(run, resultsPath, result.code);
}

/** Says what matters at the end of a long output, the line machines read last. */
function summarize(files: readonly FileResult[], reportPath: string): void {
  const lines: string[] = [''];
  for (const state of ['failed', 'skipped'] as const) {
    for (const file of files) {
      for (const test of file.tests.filter(candidate => candidate.state === state)) {
        const why = state === 'skipped' ? `: ${test.detail ?? ''}` : '';
        lines.push(`${state === 'failed' ? '✗' : '⚠ skipped'}  ${file.path} › ${nameOf(test)}${why}`);
      }
    }
  }
  const tookSeconds = ((performance.now() - startedAt) / 1000).toFixed(0);
  lines.push('', `${files.length} files in ${tookSeconds} s; report: ${reportPath}`, lastLine(totalsOf(files)));
  console.log(lines.join('\n'));
}

async function main(): Promise<void> {
  mkdirSync(REPORTS, { recursive: true });
  const files: FileResult[] = [];
  if (isLong) {
    files.push(...(await runVitest('long', NODE_CONFIG, '--mode', 'long')));
  } else {
    files.push(await runCheckParts());
    files.push(...(await runVitest('node', NODE_CONFIG)));
    files.push(...(await runVitest('workerd', WORKERD_CONFIG)));
  }
  const ran = files.filter(file => file.run !== 'checks').flatMap(file => file.tests);
  if (process.env['CI'] && !ran.some(test => test.state !== 'skipped')) {
    const detail = 'not one test ran';
    const tests = [{ titles: ['there are tests to run'], state: 'failed' as const, durationMs: 0, detail }];
    files.push({ run: 'checks', path: '(all runs)', durationMs: 0, tests });
  }
  const title = isLong ? 'Long tests' : 'Tests';
  const name = isLong ? 'long' : 'report';
  const durationMs = performance.now() - startedAt;
  writeFileSync(join(REPORTS, `${name}.md`), reportMarkdown(title, files, durationMs));
  writeFileSync(join(REPORTS, `${isLong ? 'long' : 'junit'}.xml`), reportJunit(title, files, durationMs));
  summarize(files, `reports/${name}.md`);
  process.exitCode = totalsOf(files).failed === 0 ? 0 : 1;
}

await main();

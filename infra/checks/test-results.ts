import { existsSync, readFileSync } from 'node:fs';

/** How one test ended. */
export interface TestResult {
  /** The titles of its groups and its own, outermost first. */
  readonly titles: readonly string[];
  readonly state: 'passed' | 'failed' | 'skipped';
  readonly durationMs: number;
  /** What was thrown, or why it was skipped. */
  readonly detail?: string;
}

/** All tests of one file, in one run of the test runner. */
export interface FileResult {
  /** `checks`, `node`, `workerd` or `long`. */
  readonly run: string;
  readonly path: string;
  readonly durationMs: number;
  readonly tests: readonly TestResult[];
}

/**
 * What the reporter writes, a line each, while the tests run: so a run that is killed still tells how far it came.
 * `started` without `file` names the file it was in; without `end` the run did not finish.
 */
export type ResultLine =
  | { readonly kind: 'started'; readonly path: string }
  | { readonly kind: 'file'; readonly file: FileResult }
  | { readonly kind: 'end'; readonly unhandledErrors: readonly string[] };

export interface Totals {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

/**
 * Reads what the reporter of one run wrote. Everything that went wrong outside a test becomes a failed test of its own
 * (a run cut short, an error nobody caught, a runner that ended badly without naming a failed test), so that no way
 * to fail can end in “0 failed”.
 */
export function readResults(run: string, resultsPath: string, exitCode: number): FileResult[] {
  const text = existsSync(resultsPath) ? readFileSync(resultsPath, 'utf8') : '';
  return collectResults(run, text, exitCode);
}

/** The same from the reporter's lines. */
export function collectResults(run: string, text: string, exitCode: number): FileResult[] {
  const lines = text.split('\n').flatMap(parseLine);
  const files = lines.flatMap(line => (line.kind === 'file' ? [line.file] : []));
  const problems = lines
    .flatMap(line => (line.kind === 'end' ? line.unhandledErrors : []))
    .map(error => problem('no error goes uncaught', error));
  if (!lines.some(line => line.kind === 'end')) {
    const done = new Set(files.map(file => file.path));
    const open = lines.flatMap(line => (line.kind === 'started' && !done.has(line.path) ? [line.path] : []));
    const where = open.length === 0 ? 'see its output' : `it was in ${open.join(', ')}`;
    problems.push(problem('the run finishes', `the test runner ended early: ${where}`));
  } else if (exitCode !== 0 && problems.length === 0 && totalsOf(files).failed === 0) {
    problems.push(problem('the run ends well', `the test runner ended with code ${exitCode}: see its output`));
  }
  return problems.length === 0 ? files : [...files, { run, path: `(${run} run)`, durationMs: 0, tests: problems }];
}

export function totalsOf(files: readonly FileResult[]): Totals {
  const states = files.flatMap(file => file.tests.map(test => test.state));
  const count = (state: TestResult['state']): number => states.filter(other => other === state).length;
  return { passed: count('passed'), failed: count('failed'), skipped: count('skipped') };
}

/** The last line of a run, which machines read: `N passed, N failed`, and `, N skipped` when there are any. */
export function lastLine({ passed, failed, skipped }: Totals): string {
  return `${passed} passed, ${failed} failed${skipped === 0 ? '' : `, ${skipped} skipped`}`;
}

/** The test's name as people say it. */
export function nameOf(test: TestResult): string {
  return test.titles.join(' › ');
}

function problem(title: string, detail: string): TestResult {
  return { titles: [title], state: 'failed', durationMs: 0, detail };
}

/** A killed run may leave half a line, which is no result. */
function parseLine(line: string): ResultLine[] {
  try {
    return line === '' ? [] : [JSON.parse(line) as ResultLine];
  } catch {
    return [];
  }
}

import { appendFileSync, writeFileSync } from 'node:fs';
import { relative } from 'node:path';
import type { Reporter, SerializedError, TestCase, TestModule } from 'vitest/node';
import { REPO_ROOT } from './source-files.ts';
import type { ResultLine, TestResult } from './test-results.ts';

/**
 * Writes every test's end as a line of JSON to the file named by `TEST_RESULTS` under the run's name `TEST_RUN`.
 * The built-in reporters write once, at the end, and leave out why a test was skipped.
 */
export default class ResultReporter implements Reporter {
  readonly #path = process.env['TEST_RESULTS'] ?? 'reports/results.jsonl';
  readonly #run = process.env['TEST_RUN'] ?? 'node';

  onInit(): void {
    writeFileSync(this.#path, '');
  }

  onTestModuleQueued(module: TestModule): void {
    this.#write({ kind: 'started', path: pathOf(module) });
  }

  onTestModuleEnd(module: TestModule): void {
    // An error outside the tests (a file that does not load, a failed beforeAll) fails the file.
    const outside = [module, ...module.children.allSuites()].flatMap(suite =>
      suite.errors().map((error): TestResult => {
        const titles = [suite.type === 'suite' ? suite.fullName : 'the file loads and its hooks succeed'];
        return { titles, state: 'failed', durationMs: 0, detail: textOf(error) };
      }),
    );
    const tests = [...module.children.allTests()].map(resultOf);
    const { duration, collectDuration, setupDuration } = module.diagnostic();
    const durationMs = duration + collectDuration + setupDuration;
    const file = { run: this.#run, path: pathOf(module), durationMs, tests: [...outside, ...tests] };
    this.#write({ kind: 'file', file });
  }

  onTestRunEnd(_modules: readonly TestModule[], unhandledErrors: readonly SerializedError[]): void {
    this.#write({ kind: 'end', unhandledErrors: unhandledErrors.map(textOf) });
  }

  #write(line: ResultLine): void {
    appendFileSync(this.#path, `${JSON.stringify(line)}\n`);
  }
}

/** From the project's root, whatever the root of the run is. */
function pathOf(module: TestModule): string {
  return relative(REPO_ROOT, module.moduleId);
}

function resultOf(test: TestCase): TestResult {
  const titles = [test.name];
  for (let group = test.parent; group.type === 'suite'; group = group.parent) titles.unshift(group.name);
  const result = test.result();
  const durationMs = test.diagnostic()?.duration ?? 0;
  if (result.state === 'passed') return { titles, state: 'passed', durationMs };
  if (result.state === 'failed') {
    return { titles, state: 'failed', durationMs, detail: result.errors.map(textOf).join('\n\n') };
  }
  // A test still pending when its file has ended was cut off: that is a failure, not a skip.
  if (result.state === 'pending') return { titles, state: 'failed', durationMs, detail: 'it never ended' };
  const isTodo = test.options.mode === 'todo';
  return {
    titles,
    state: 'skipped',
    durationMs,
    detail: result.note ?? (isTodo ? 'not written yet' : 'no reason given'),
  };
}

function textOf(error: SerializedError): string {
  const text = error.stack ?? `${error.name ?? 'Error'}: ${error.message}`;
  return text.includes(error.message) ? text : `${error.message}\n${text}`;
}

import { ABILITIES, exchangeCoverage } from './exchange-coverage.ts';
import { type FileResult, lastLine, nameOf, type TestResult, totalsOf } from './test-results.ts';

const SLOWEST = 15;
/** Enough of an error to know where to look; the run's log has all of it. */
const DETAIL_LINES = 25;

/** The report people read: verdict first, what failed and what was skipped next, numbers last. */
export function reportMarkdown(title: string, files: readonly FileResult[], durationMs: number): string {
  const all = files.flatMap(file => file.tests.map(test => ({ file, test })));
  const failed = all.filter(({ test }) => test.state === 'failed');
  const skipped = all.filter(({ test }) => test.state === 'skipped');
  const slowest = [...all].sort((a, b) => b.test.durationMs - a.test.durationMs).slice(0, SLOWEST);
  const coverage = exchangeCoverage(files);
  return [
    `# ${title}`,
    `**${lastLine(totalsOf(files))}** in ${seconds(durationMs)}`,
    ...section('Failed', failed.length > 0, failed.map(({ file, test }) => failure(file, test)).join('\n\n')),
    ...section(
      `⚠ Skipped: ${skipped.length} tests proved nothing`,
      skipped.length > 0,
      table(
        ['file', 'test', 'why'],
        skipped.map(({ file, test }) => [file.path, nameOf(test), test.detail ?? '']),
      ),
    ),
    ...section(
      'Exchanges',
      true,
      table(
        ['exchange', ...ABILITIES.map(({ title }) => title)],
        coverage.map(row => [row.exchange, ...row.cells]),
      ),
    ),
    ...section('Files', true, filesTable(files)),
    ...section(
      'Slowest tests',
      slowest.length > 0,
      table(
        ['time', 'test', 'file'],
        slowest.map(({ file, test }) => [seconds(test.durationMs), nameOf(test), file.path]),
      ),
    ),
    '',
  ].join('\n\n');
}

function filesTable(files: readonly FileResult[]): string {
  const rows = [...files]
    .sort((a, b) => b.durationMs - a.durationMs)
    .map(file => {
      const { passed, failed, skipped } = totalsOf([file]);
      return [file.path, file.run, seconds(file.durationMs), passed, failed, skipped].map(String);
    });
  return table(['file', 'run', 'time', 'passed', 'failed', 'skipped'], rows);
}

function failure(file: FileResult, test: TestResult): string {
  const lines = (test.detail ?? '').split('\n');
  const shown = lines.slice(0, DETAIL_LINES).join('\n');
  const more = lines.length > DETAIL_LINES ? '\n…' : '';
  return `### ${nameOf(test)}\n\n${file.path}\n\n~~~text\n${shown}${more}\n~~~`;
}

function section(title: string, isNeeded: boolean, body: string): string[] {
  return isNeeded ? [`## ${title}`, body] : [];
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map(cell => cell.replaceAll('|', '\\|').replace(/\s+/g, ' ')).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(ms < 10_000 ? 2 : 0)} s`;
}

import { type FileResult, nameOf, type TestResult, totalsOf } from './test-results.ts';

/** The report machines read: JUnit XML, all runs in one file. */
export function reportJunit(title: string, files: readonly FileResult[], durationMs: number): string {
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites ${attributes({ name: title, ...counts(files), time: (durationMs / 1000).toFixed(3) })}>`,
    ...files.flatMap(file => [
      `  <testsuite ${attributes({ name: file.path, ...counts([file]), time: (file.durationMs / 1000).toFixed(3) })}>`,
      ...file.tests.map(test => testCase(file, test)),
      '  </testsuite>',
    ]),
    '</testsuites>',
    '',
  ].join('\n');
}

function testCase(file: FileResult, test: TestResult): string {
  const opening = `    <testcase ${attributes({ name: nameOf(test), classname: file.path, time: (test.durationMs / 1000).toFixed(3) })}`;
  const detail = test.detail ?? '';
  if (test.state === 'passed') return `${opening}/>`;
  if (test.state === 'skipped') return `${opening}><skipped ${attributes({ message: detail })}/></testcase>`;
  const message = detail.split('\n')[0] ?? '';
  return `${opening}><failure ${attributes({ message })}>${xmlText(detail)}</failure></testcase>`;
}

function counts(files: readonly FileResult[]): Record<string, string> {
  const { passed, failed, skipped } = totalsOf(files);
  const tests = passed + failed + skipped;
  return { tests: `${tests}`, failures: `${failed}`, errors: '0', skipped: `${skipped}` };
}

function attributes(values: Record<string, string>): string {
  return Object.entries(values)
    .map(([name, value]) => `${name}="${xmlText(value)}"`)
    .join(' ');
}

/** XML text: markup escaped; colour codes and characters that XML 1.0 cannot hold taken out. */
function xmlText(text: string): string {
  return (
    text
      // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must go
      .replace(/\u001b\[[0-9;]*m|[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|\p{Surrogate}/gu, '')
      .replaceAll('&', '&amp;')
      .replaceAll('<', '&lt;')
      .replaceAll('>', '&gt;')
      .replaceAll('"', '&quot;')
  );
}

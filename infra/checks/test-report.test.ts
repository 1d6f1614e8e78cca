import { describe, expect, it } from 'vitest';
import { ABILITIES, exchangeCoverage } from './exchange-coverage.ts';
import { reportJunit } from './report-junit.ts';
import { reportMarkdown } from './report-markdown.ts';
import {
  collectResults,
  type FileResult,
  lastLine,
  type ResultLine,
  type TestResult,
  totalsOf,
} from './test-results.ts';

function test(title: string, state: TestResult['state'] = 'passed', detail?: string): TestResult {
  return { titles: ['group', title], state, durationMs: 5, ...(detail === undefined ? {} : { detail }) };
}

function file(path: string, ...tests: TestResult[]): FileResult {
  return { run: 'node', path, durationMs: 10, tests };
}

const lines = (...entries: ResultLine[]): string => entries.map(entry => `${JSON.stringify(entry)}\n`).join('');

describe('the last line', () => {
  it('is exactly what machines look for', () => {
    expect(lastLine({ passed: 3, failed: 0, skipped: 0 })).toBe('3 passed, 0 failed');
    expect(lastLine({ passed: 3, failed: 2, skipped: 1 })).toBe('3 passed, 2 failed, 1 skipped');
  });

  it('counts the tests of every file', () => {
    const files = [file('a', test('x'), test('y', 'failed')), file('b', test('z'), test('w', 'skipped'))];
    expect(totalsOf(files)).toEqual({ passed: 2, failed: 1, skipped: 1 });
  });
});

describe('collecting a run', () => {
  const done: ResultLine = { kind: 'file', file: file('a.test.ts', test('x')) };
  const end: ResultLine = { kind: 'end', unhandledErrors: [] };
  const failures = (text: string, exitCode: number): (string | undefined)[] =>
    collectResults('node', text, exitCode).flatMap(({ tests }) =>
      tests.filter(({ state }) => state === 'failed').map(({ detail }) => detail),
    );

  it('takes a whole run as it is', () => {
    expect(collectResults('node', lines(done, end), 0)).toEqual([done.file]);
  });

  it('fails a run that was cut short, names the file it was in, and keeps what it had', () => {
    const text = `${lines(done, { kind: 'started', path: 'b.test.ts' })}{"kind":"fi`;
    expect(failures(text, 1)).toEqual(['the test runner ended early: it was in b.test.ts']);
    expect(totalsOf(collectResults('node', text, 1)).passed).toBe(1);
  });

  it('fails a run that said nothing at all', () => {
    expect(failures('', 0)).toHaveLength(1);
  });

  it('fails a run with an error nobody caught', () => {
    expect(failures(lines(done, { kind: 'end', unhandledErrors: ['Error: late'] }), 1)).toEqual(['Error: late']);
  });

  it('fails a run that ended badly although every test passed', () => {
    expect(failures(lines(done, end), 3)).toHaveLength(1);
  });
});

describe('the table of exchanges', () => {
  it('says for each ability whether it passed, failed, was skipped, or nobody looked', () => {
    const rows = exchangeCoverage([
      file(
        'a.test.ts',
        test('[exchange:upbit][subscription] simultaneous'),
        test('[exchange:upbit][unsubscription] stops', 'failed'),
        test('[exchange:upbit][unsubscription] stops again'),
        test('[exchange:upbit][channel:trade] a'),
        test('[exchange:upbit][channel:trade] b'),
        test('[exchange:upbit][channel:ticker] later', 'skipped'),
        test('[exchange:bithumb][channel:quote] another exchange'),
        test('[channel:orderBook] of no exchange'),
      ),
    ]);
    const upbit = rows.find(row => row.exchange === 'upbit');
    const covered = ['1 passed', '**1 of 2 failed**', '2 passed', 'skipped'];
    expect(upbit?.cells).toEqual(ABILITIES.map((_, index) => covered[index] ?? 'not covered'));
    expect(rows.find(row => row.exchange === 'binance')?.cells).toEqual(ABILITIES.map(() => 'not covered'));
  });
});

describe('the reports', () => {
  const files = [
    file('good.test.ts', test('passes')),
    file(
      'bad.test.ts',
      test('a | b', 'failed', 'Error: 1 < 2 & "x"\u001b[31m\u0000\n  at z'),
      test('s', 'skipped', 'no browser'),
    ),
  ];

  it('the Markdown names failures and skips with their reasons before the numbers', () => {
    const text = reportMarkdown('Tests', files, 1_500);
    expect(text).toContain('**1 passed, 1 failed, 1 skipped** in 1.50 s');
    expect(text).toContain('### group › a | b\n\nbad.test.ts');
    expect(text).toContain('| bad.test.ts | group › s | no browser |');
    expect(text).toContain('| 0.01 s | group › a \\| b | bad.test.ts |');
    expect(text.indexOf('## Failed')).toBeLessThan(text.indexOf('## Files'));
  });

  it('the Markdown has no section for failures or skips when there are none', () => {
    const text = reportMarkdown('Tests', files.slice(0, 1), 1);
    expect(text).not.toMatch(/## Failed|Skipped/);
  });

  it('the XML counts, escapes, and holds only what XML can', () => {
    const text = reportJunit('Tests', files, 1_500);
    expect(text).toContain('<testsuites name="Tests" tests="3" failures="1" errors="0" skipped="1" time="1.500">');
    expect(text).toContain(
      '<failure message="Error: 1 &lt; 2 &amp; &quot;x&quot;">Error: 1 &lt; 2 &amp; &quot;x&quot;\n  at z',
    );
    expect(text).toContain('<skipped message="no browser"/>');
  });
});

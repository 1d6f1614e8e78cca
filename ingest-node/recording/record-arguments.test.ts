import { expect, test } from 'vitest';
import { readRecordArguments } from './record-arguments.ts';
import { describeProgress } from './record-progress.ts';

test.each([
  ['90s', 90_000],
  ['10m', 600_000],
  ['1h', 3_600_000],
  ['0.5s', 500],
])('--for %s', (text, forMs) => {
  expect(readRecordArguments(['--for', text, '--out', 'a.ndjson.zst'])).toEqual({
    forMs,
    out: 'a.ndjson.zst',
    fromStart: false,
  });
});

test('without --for it records until it is ended, from the start where that is wanted; the file may follow an equals sign', () => {
  expect(readRecordArguments(['--from-start', '--out=x=y.ndjson'])).toEqual({
    forMs: null,
    out: 'x=y.ndjson',
    fromStart: true,
  });
});

test('every fault is named at once', () => {
  expect(readRecordArguments(['--for', '10', 'fast', '--out', 'a.txt'])).toEqual([
    '--for: "10" is not a time such as 90s, 10m or 1h, at most 576h',
    '"fast" is not understood',
    '--out: "a.txt" should end in .ndjson.zst, .ndjson.gz or .ndjson',
  ]);
  expect(readRecordArguments([])).toEqual(['--out is missing: the file to write']);
  expect(readRecordArguments(['--for', '0s', '--out'])).toEqual([
    '--for: "0s" is not a time such as 90s, 10m or 1h, at most 576h',
    '--out needs a value',
  ]);
});

test('the progress says how much came, how much was written, and how long it takes', () => {
  const progress = { records: 12_345, receivedBytes: 3.14 * 2 ** 20, fileBytes: 2 ** 19, elapsedMs: 12_400 };
  expect(describeProgress({ ...progress, forMs: 600_000 })).toBe(
    '12,345 records, 3.1 MiB (0.5 MiB in the file), 0:12 of 10:00, 9:48 left',
  );
  expect(describeProgress({ ...progress, elapsedMs: 3_605_000, forMs: null })).toMatch(/, 1:00:05, Ctrl-C ends it$/);
});

import { expect, test } from 'vitest';
import { statedTimeMs } from './stated-time.ts';

test.each([
  ['{"error":{"name":418,"message":"Too many API requests. Blocked for 900 seconds."}}', 900_000],
  ['blocked for 2 minutes and 5 seconds', 125_000],
  ['1시간 30분 동안 차단되었습니다.', 5_400_000],
  ['요청이 600초간 제한됩니다', 600_000],
  ['5m', 300_000],
  ['{"error":{"name":418}}', null],
  ['at most 10 requests in 1 msec', null],
  ['', null],
])('%s', (text, ms) => {
  expect(statedTimeMs(text)).toBe(ms);
});

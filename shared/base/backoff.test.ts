import fc from 'fast-check';
import { expect, test } from 'vitest';
import { fullJitterMs, RECONNECT_BACKOFF } from './backoff.ts';

const almostOne = () => 1 - Number.EPSILON;

test('the longest possible wait doubles with every failure up to the cap', () => {
  const longest = [0, 1, 2, 3, 4, 5, 6, 7, 100, 5_000].map(failures =>
    Math.round(fullJitterMs(failures, RECONNECT_BACKOFF, almostOne)),
  );
  expect(longest).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000, 60_000, 60_000]);
});

test('the shortest possible wait is none: the jitter is full', () => {
  expect(fullJitterMs(9, RECONNECT_BACKOFF, () => 0)).toBe(0);
});

test('every wait lies within its bounds', () => {
  fc.assert(
    fc.property(fc.nat(3_000), fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (failures, dice) => {
      const wait = fullJitterMs(failures, RECONNECT_BACKOFF, () => dice);
      expect(wait).toBeGreaterThanOrEqual(0);
      expect(wait).toBeLessThanOrEqual(Math.min(60_000, 1_000 * 2 ** failures));
    }),
  );
});

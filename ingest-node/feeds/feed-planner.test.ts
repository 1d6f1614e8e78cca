import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Instrument } from '../../shared/model/instrument.ts';
import { type FeedPlan, planFeeds } from './feed-planner.ts';
import { instrument, instruments } from './testing/fake-exchange.ts';

const shape = (plan: FeedPlan) => plan.map(({ key, instruments: carried }) => `${key}:${carried.length}`);
const placeOf = (plan: FeedPlan) =>
  new Map(plan.flatMap(({ key, instruments: carried }) => carried.map(({ nativeCode }) => [nativeCode, key])));

test('as many feeds as needed, evenly filled', () => {
  expect(shape(planFeeds('upbit', instruments(250), 100))).toEqual(['upbit-0:84', 'upbit-1:83', 'upbit-2:83']);
  expect(shape(planFeeds('upbit', instruments(100), 100))).toEqual(['upbit-0:100']);
  expect(planFeeds('upbit', [], 100)).toEqual([]);
});

test('a newcomer goes where there is room and moves nobody', () => {
  const before = planFeeds('upbit', instruments(150), 100);
  const after = planFeeds('upbit', [instrument('KRW-AAA'), ...instruments(150)], 100, before);
  expect(shape(after)).toEqual(['upbit-0:76', 'upbit-1:75']);
  for (const [code, key] of placeOf(before)) expect(placeOf(after).get(code)).toBe(key);
});

test('a feed without instruments ends, and its number is used again', () => {
  const before = planFeeds('upbit', instruments(4), 2);
  const inFirst = before[0]?.instruments ?? [];
  const rest = instruments(4).filter(one => !inFirst.some(({ nativeCode }) => nativeCode === one.nativeCode));
  const fewer = planFeeds('upbit', rest, 2, before);
  expect(shape(fewer)).toEqual(['upbit-1:2']);
  expect(shape(planFeeds('upbit', instruments(4), 2, fewer))).toEqual(['upbit-0:2', 'upbit-1:2']);
});

test('the plan carries the newest description of an instrument', () => {
  const before = planFeeds('upbit', instruments(1), 2);
  const renamed = instruments(1).map(one => ({ ...one, koreanName: '비트코인' }));
  expect(planFeeds('upbit', renamed, 2, before)[0]?.instruments).toEqual(renamed);
});

test('whatever comes and goes: all are carried once, limits hold, who can stay stays, order does not matter', () => {
  const universe = instruments(40);
  const subset = fc.subarray(universe, { minLength: 0 });
  fc.assert(
    fc.property(
      fc.array(fc.tuple(subset, fc.nat()), { minLength: 1, maxLength: 8 }),
      fc.integer({ min: 1, max: 15 }),
      (lists, limit) => {
        let plan: FeedPlan = [];
        for (const [list, rotation] of lists) {
          const next = planFeeds('upbit', list, limit, plan);
          expect(planFeeds('upbit', rotate(list, rotation), limit, plan)).toEqual(next);
          expect([...placeOf(next).keys()].sort()).toEqual(list.map(({ nativeCode }) => nativeCode).sort());
          expect(next.flatMap(feed => feed.instruments)).toHaveLength(list.length);
          for (const feed of next) {
            expect(feed.instruments.length).toBeGreaterThan(0);
            expect(feed.instruments.length).toBeLessThanOrEqual(limit);
          }
          expect(new Set(next.map(({ key }) => key)).size).toBe(next.length);
          for (const { nativeCode } of list) {
            const before = placeOf(plan).get(nativeCode);
            if (before !== undefined) expect(placeOf(next).get(nativeCode)).toBe(before);
          }
          plan = next;
        }
      },
    ),
  );
});

test('a lower limit moves only what does not fit any more', () => {
  const before = planFeeds('upbit', instruments(10), 10);
  const after = planFeeds('upbit', instruments(10), 6, before);
  expect(shape(after)).toEqual(['upbit-0:6', 'upbit-1:4']);
});

function rotate(list: readonly Instrument[], by: number): Instrument[] {
  const at = list.length === 0 ? 0 : by % list.length;
  return [...list.slice(at), ...list.slice(0, at)];
}

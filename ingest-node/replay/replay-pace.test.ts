import { expect, test } from 'vitest';
import { ManualClock } from '../../shared/base/testing/manual-clock.ts';
import { ReplayPace } from './replay-pace.ts';

const START = 1_618_678_263_011;
const never = new AbortController().signal;

/** Moves the clock in small steps until the promise settles; how long that took. */
async function msUntil(clock: ManualClock, settled: Promise<unknown>): Promise<number> {
  const startedAt = clock.monotonic();
  let isOver = false;
  const over = () => {
    isOver = true;
  };
  settled.then(over, over);
  for (let step = 0; step < 100_000; step++) {
    await new Promise(resolve => setImmediate(resolve));
    if (isOver) return clock.monotonic() - startedAt;
    clock.advance(5);
  }
  throw new Error('it never came');
}

test.each([0.5, 1, 10])('at speed %d a second of the recording takes its time', async speed => {
  const clock = new ManualClock();
  const pace = new ReplayPace(clock, speed);
  const times: number[] = [];
  const reach = (time: number) => pace.reach(time, told => times.push(told), never);
  expect(await msUntil(clock, reach(START))).toBe(0);
  expect(await msUntil(clock, reach(START + 1_000))).toBe(1_000 / speed);
  expect(times).toEqual(times.toSorted((a, b) => a - b));
  expect(times.every(time => time >= START && time < START + 1_000)).toBe(true);
  expect(times.length).toBeGreaterThan(3);
  // Slow conversion is caught up with: the pace is that of the whole, not of each step.
  clock.advance(500 / speed);
  expect(await msUntil(clock, reach(START + 1_400))).toBe(0);
});

test('a step back is not waited for, and another file begins anew', async () => {
  const clock = new ManualClock();
  const pace = new ReplayPace(clock, 1);
  await pace.reach(START, () => {}, never);
  expect(
    await msUntil(
      clock,
      pace.reach(START - 5, () => {}, never),
    ),
  ).toBe(0);
  pace.restart();
  expect(
    await msUntil(
      clock,
      pace.reach(START + 1e9, () => {}, never),
    ),
  ).toBe(0);
});

test('who waits is let go when the caller is gone, and leaves no timer', async () => {
  const clock = new ManualClock();
  const pace = new ReplayPace(clock, 1);
  const gone = new AbortController();
  await pace.reach(START, () => {}, gone.signal);
  const waiting = pace.reach(START + 60_000, () => {}, gone.signal);
  gone.abort();
  await expect(waiting).rejects.toThrow('abort');
  expect(clock.pending).toBe(0);
});

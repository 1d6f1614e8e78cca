import { expect, it } from 'vitest';
import { ManualClock } from '../../shared/base/testing/manual-clock.ts';
import { AwakeClock } from './awake-clock.ts';

it('does not count the time of a sleep, before the late timer fires and after it', async () => {
  const clock = new ManualClock();
  const awake = new AwakeClock(clock);
  awake.start();
  const began = awake.now();
  await clock.advanceAndSettle(1_000);
  expect(awake.now() - began).toBe(1_000);
  clock.sleep(5_000);
  for (const passed of [1_000, 2_000]) {
    expect(awake.now() - began).toBeGreaterThanOrEqual(passed);
    // A tick that has begun before the sleep ends after it.
    expect(awake.now() - began).toBeLessThanOrEqual(passed + 200);
    await clock.advanceAndSettle(1_000);
  }
});

it('never goes back, and leaves no timer', async () => {
  const clock = new ManualClock();
  const awake = new AwakeClock(clock);
  awake.start();
  awake.start();
  let last = awake.now();
  for (const ms of [150, 300, 0, 40, 4_000, 199, 201]) {
    clock.sleep(ms);
    await clock.advanceAndSettle(70);
    expect(awake.now()).toBeGreaterThanOrEqual(last);
    last = awake.now();
  }
  awake.stop();
  expect(clock.pending).toBe(0);
});

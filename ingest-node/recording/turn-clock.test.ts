import { expect, test } from 'vitest';
import type { Clock } from '../../shared/base/clock.ts';
import { ManualClock } from '../../shared/base/testing/manual-clock.ts';
import { TurnClock } from './turn-clock.ts';

/** A turn clock over one that is moved by hand, and whose wall time can be set. */
function world() {
  const manual = new ManualClock();
  const wall = { ahead: 0 };
  const clock: Clock = {
    now: () => manual.now() + wall.ahead,
    monotonic: () => manual.monotonic(),
    setTimer: (ms, fire) => manual.setTimer(ms, fire),
  };
  const ticks: number[] = [];
  const offsets: number[] = [];
  const turns = new TurnClock({
    clock,
    onTick: time => ticks.push(time),
    onOffset: offset => offsets.push(offset),
  });
  return { manual, wall, ticks, offsets, turns };
}

test('time stands still within a turn and what is part of it, and goes on outside', async () => {
  const { manual, turns } = world();
  const began = manual.now();
  const seen: number[] = [];
  const look = () => seen.push(turns.now() - began, turns.monotonic());
  turns.run(() => {
    manual.sleep(3);
    look();
    turns.run(look);
    expect(turns.enter(manual.now())).toBe(false);
  });
  look();
  expect(seen).toEqual([0, 0, 0, 0, 3, 3]);

  seen.length = 0;
  await turns.runSettling(async () => {
    manual.sleep(4);
    for (let wait = 0; wait < 5; wait++) await null;
    look();
  });
  await new Promise(resolve => setImmediate(resolve));
  look();
  expect(seen).toEqual([3, 3, 7, 7]);
});

test('what is due fires as one tick in the order of its time; what is set on the way waits for the next', () => {
  const { manual, ticks, turns } = world();
  const fired: string[] = [];
  turns.setTimer(20, () => fired.push('20'));
  turns.setTimer(10, () => {
    fired.push('10');
    cancel();
    turns.setTimer(0, () => fired.push('on the way'));
  });
  const cancel = turns.setTimer(15, () => fired.push('called off'));
  manual.sleep(30);
  manual.advance(0);
  expect(fired).toEqual(['10', '20', 'on the way']);
  expect(ticks).toHaveLength(2);
  expect(manual.pending).toBe(0);
});

test('a wall clock that is set on or back is told, and carries no timer with it', () => {
  const { manual, wall, offsets, turns } = world();
  let isFired = false;
  turns.setTimer(5_000, () => {
    isFired = true;
  });
  for (const ahead of [3_600_000, -3_600_000]) {
    wall.ahead = ahead;
    // Frames come before anybody has looked at both clocks.
    expect(turns.enter(manual.now() + ahead)).toBe(true);
    const jumped = turns.monotonic();
    turns.leave();
    expect(jumped - manual.monotonic()).toBeLessThanOrEqual(1_000);
    turns.run(() => expect(turns.monotonic()).toBeGreaterThanOrEqual(jumped));
    manual.advance(1_500);
  }
  expect(offsets).toHaveLength(2);
  expect(isFired).toBe(false);
  manual.advance(2_100);
  expect(isFired).toBe(true);
});

import { expect, test } from 'vitest';
import { createSystemClock, systemClock } from './clock.ts';

function handMoved(): { wall: number; monotonic: number; clock: ReturnType<typeof createSystemClock> } {
  const hands = { wall: 1_785_397_735_004, monotonic: 10 };
  const clock = createSystemClock({ dateNow: () => Math.floor(hands.wall), performanceNow: () => hands.monotonic });
  return Object.assign(hands, { clock });
}

test('the wall clock is finer than a millisecond, down to microseconds', () => {
  const hands = handMoved();
  hands.wall += 0.25;
  hands.monotonic += 0.2501234;
  expect(hands.clock.now()).toBe(1_785_397_735_004.25);
});

test('the wall clock follows when someone sets it, forwards or back', () => {
  const hands = handMoved();
  for (const jump of [3_600_000, -7_200_000, 5, -5]) {
    hands.wall += jump;
    expect(hands.clock.now()).toBe(hands.wall);
  }
});

test('a process that is held up between its looks at the two clocks does not take that for a change', () => {
  const hands = { wall: 1_785_397_735_004, monotonic: 10, heldUpMs: 0 };
  const dateNow = () => {
    const wall = Math.floor(hands.wall);
    hands.wall += hands.heldUpMs;
    hands.monotonic += hands.heldUpMs;
    hands.heldUpMs = 0;
    return wall;
  };
  const clock = createSystemClock({ dateNow, performanceNow: () => hands.monotonic });
  hands.wall += 0.9;
  hands.monotonic += 0.9;
  const before = clock.now();
  hands.heldUpMs = 7;
  expect(clock.now(), 'never back').toBeGreaterThanOrEqual(before);
  expect(clock.now() - before).toBeCloseTo(7, 6);
});

test('the monotonic clock does not follow the wall clock', () => {
  const hands = handMoved();
  hands.wall -= 1_000_000;
  expect(hands.clock.monotonic()).toBe(10);
});

test('the system clock agrees with the system', () => {
  expect(Math.abs(systemClock.now() - Date.now())).toBeLessThan(50);
});

test('a timer fires once and not when it was called off', async () => {
  const fired: string[] = [];
  systemClock.setTimer(0, () => fired.push('off'))();
  await new Promise<void>(resolve => {
    systemClock.setTimer(1, () => {
      fired.push('on');
      resolve();
    });
  });
  expect(fired).toEqual(['on']);
});

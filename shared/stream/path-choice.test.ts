import { expect, test } from 'vitest';
import { PathChoice } from './path-choice.ts';

const choice = (count: number) => new PathChoice(count, { baseMs: 100, capMs: 1_000 }, () => 0.5);

test('a path that served is asked first, one that did not makes room for the next', () => {
  expect([choice(3).after(1, true), choice(3).after(1, false), choice(3).after(2, false)]).toEqual([1, 2, 0]);
  expect(choice(1).after(0, false)).toBe(0);
});

test('who refused us is passed over, until nobody is left', () => {
  const paths = choice(3);
  paths.refused(1);
  expect([paths.othersThan(0), paths.after(0, false), paths.after(1, true)]).toEqual([[2], 2, 2]);
  paths.moved();
  expect(paths.othersThan(0)).toEqual([2]);
  paths.refused(0);
  paths.refused(2);
  expect(paths.after(2, true)).toBeNull();
  paths.reset();
  expect(paths.othersThan(0)).toEqual([1, 2]);
});

test('[GAP1] a loss is believed when every other path was tried', () => {
  const paths = choice(3);
  paths.tried(0);
  paths.tried(1);
  expect(paths.hasUntriedBeside(0)).toBe(true);
  paths.tried(2);
  expect(paths.hasUntriedBeside(0)).toBe(false);
  paths.served();
  expect(paths.hasUntriedBeside(0)).toBe(true);
});

test('[GAP1] a hole is unhealable when all paths have shown it four times, whatever heartbeats come between', () => {
  const paths = choice(2);
  for (let hole = 1; hole < 8; hole++) {
    paths.hole();
    paths.served();
  }
  expect(paths.isUnhealable).toBe(false);
  paths.hole();
  expect(paths.isUnhealable).toBe(true);
  paths.moved();
  expect(paths.isUnhealable).toBe(false);
});

test('the wait doubles with every round, up to the cap, and begins anew with a path that serves', () => {
  const paths = choice(2);
  const waits = Array.from({ length: 10 }, () => paths.nextWaitMs());
  expect(waits).toEqual([50, 50, 100, 100, 200, 200, 400, 400, 500, 500]);
  paths.served();
  expect(paths.nextWaitMs()).toBe(50);
});

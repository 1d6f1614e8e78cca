import { expect, test } from 'vitest';
import { Availability } from './availability.ts';

test('a path that has never failed is good at once', () => {
  const path = new Availability(5_000);
  path.observe('down', 0);
  expect(path.isAvailable).toBe(false);
  path.observe('up', 250);
  expect(path.isAvailable).toBe(true);
});

test('one that failed is left at once, and good again when it has been well for a while', () => {
  const path = new Availability(5_000);
  path.observe('up', 0);
  path.observe('down', 1_000);
  expect(path.isAvailable).toBe(false);
  path.observe('up', 2_000);
  path.observe('up', 6_999);
  expect(path.isAvailable).toBe(false);
  path.observe('degraded', 7_000);
  expect(path.isAvailable).toBe(true);
});

test('one that comes and goes stays left', () => {
  const path = new Availability(5_000);
  path.observe('up', 0);
  for (let now = 1_000; now < 60_000; now += 4_000) {
    path.observe('down', now);
    path.observe('up', now + 100);
    path.observe('up', now + 3_900);
    expect(path.isAvailable).toBe(false);
  }
});

test('one that is switched off is not good, and switched on it is after a while', () => {
  const path = new Availability(5_000);
  path.observe('up', 0);
  path.observe('disabled', 1_000);
  path.observe('up', 2_000);
  expect(path.isAvailable).toBe(false);
  path.observe('up', 7_000);
  expect(path.isAvailable).toBe(true);
});

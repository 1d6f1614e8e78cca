import { expect, test } from 'vitest';
import { ManualClock } from '../../shared/base/testing/manual-clock.ts';
import { Checkup } from './checkup.ts';

test('asks once however many want to know, and again when the answer is old', async () => {
  const clock = new ManualClock();
  let asked = 0;
  const checkup = new Checkup({ ask: async () => ++asked, clock, freshForMs: 1_000, withinMs: 500 });
  const [one, two] = await Promise.all([checkup.look(), checkup.look()]);
  expect(one).toEqual({ isUp: true, since: clock.now(), latencyMs: 0, lastError: null });
  expect([two, asked]).toEqual([one, 1]);
  clock.advance(1_000);
  await checkup.look();
  expect(asked).toBe(1);
  clock.advance(1);
  expect((await checkup.look()).since).toBe(one.since);
  expect(asked).toBe(2);
});

test('silence is an answer after a while; the reason stays after the recovery', async () => {
  const clock = new ManualClock();
  let isFrozen = true;
  const ask = () => (isFrozen ? new Promise(() => {}) : Promise.resolve());
  const checkup = new Checkup({ ask, clock, freshForMs: 1_000, withinMs: 500 });
  const looking = checkup.look();
  clock.advance(500);
  const down = { isUp: false, latencyMs: null, lastError: 'no answer within 500 ms' };
  expect(await looking).toMatchObject(down);
  const since = (await looking).since;
  isFrozen = false;
  clock.advance(1_001);
  const recovered = await checkup.look();
  expect(recovered).toMatchObject({ isUp: true, lastError: 'no answer within 500 ms' });
  expect(recovered.since).toBeGreaterThan(since);
});

test('a fault that no question shows is told with the next answer', async () => {
  const clock = new ManualClock();
  const checkup = new Checkup({ ask: async () => {}, clock, freshForMs: 1_000, withinMs: 500 });
  checkup.note('a message that is none');
  expect(await checkup.look()).toMatchObject({ isUp: true, lastError: 'a message that is none' });
});

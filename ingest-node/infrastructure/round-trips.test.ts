import { expect, test } from 'vitest';
import { ManualClock } from '../../shared/base/testing/manual-clock.ts';
import { CircuitOpenError, RoundTrips } from './round-trips.ts';

function setup() {
  const clock = new ManualClock();
  const trips = new RoundTrips(clock);
  let asked = 0;
  const answer = () => {
    asked++;
    clock.sleep(3);
    return Promise.resolve('PONG');
  };
  const fail = () => {
    asked++;
    return Promise.reject(new Error('no answer'));
  };
  return { clock, trips, answer, fail, asked: () => asked };
}

test('before the first answer a service is down, for no reason that is known', () => {
  const { trips } = setup();
  expect(trips.health).toMatchObject({ state: 'down', latencyMs: null, lastError: null });
});

test('says whether it answers, since when, how fast, and what was wrong last', async () => {
  const { clock, trips, answer, fail } = setup();
  expect(await trips.run(answer)).toBe('PONG');
  const since = clock.now();
  expect(trips.health).toEqual({ state: 'up', since, latencyMs: 3, lastError: null });
  clock.sleep(1_000);
  await expect(trips.run(fail)).rejects.toThrow('no answer');
  expect(trips.health).toMatchObject({ state: 'down', since: clock.now(), lastError: 'no answer' });
  await trips.run(answer);
  expect(trips.health).toMatchObject({ state: 'up', lastError: 'no answer' });
});

test('after three failures in a row one request in half a second is let through, the others fail at once', async () => {
  const { clock, trips, answer, fail, asked } = setup();
  for (let count = 0; count < 3; count++) await expect(trips.run(fail)).rejects.toThrow('no answer');
  await expect(trips.run(answer)).rejects.toThrow(CircuitOpenError);
  expect(asked()).toBe(3);
  clock.sleep(500);
  await expect(trips.run(fail)).rejects.toThrow('no answer');
  await expect(trips.run(answer)).rejects.toThrow('not asked, because it failed lately: no answer');
  clock.sleep(500);
  await trips.run(answer);
  await trips.run(answer);
  expect(asked()).toBe(6);
});

test('a fault that ended no round trip is named, and changes nothing else', async () => {
  const { trips, answer } = setup();
  await trips.run(answer);
  trips.note('a record is none');
  expect(trips.health).toMatchObject({ state: 'up', lastError: 'a record is none' });
});

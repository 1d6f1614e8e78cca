/** What a hub shows that has just woken up: out of Redis comes a snapshot of up to 20 s ago, and then what followed it. */
import { expect, test } from 'vitest';
import { ManualClock } from '../../shared/base/testing/manual-clock.ts';
import { ScriptedSource } from '../../shared/stream/testing/scripted-source.ts';
import { HubCore } from './hub-core.ts';

function sleepingHub() {
  const clock = new ManualClock();
  const redis = new ScriptedSource('redis');
  const node = new ScriptedSource('node');
  const hub = new HubCore({
    name: 'local',
    clock,
    sources: [redis, node],
    capacity: 1,
    dial: () => {},
    random: () => 0,
  });
  return { clock, redis, node, hub };
}

/** Whether a promise has an answer by now. */
async function answerOf(promise: Promise<boolean>): Promise<boolean | 'none yet'> {
  return Promise.race([promise, new Promise<'none yet'>(resolve => setImmediate(resolve, 'none yet'))]);
}

test('the state is not shown before everything has come that was there when it was asked for', async () => {
  const { hub, redis } = sleepingHub();
  const known = hub.whenKnown(3_000);
  redis.last.hello(1, 30);
  redis.last.snapshot(1, 10, 'initial');
  expect(await answerOf(known)).toBe('none yet');
  redis.last.batch(1, 11, 21);
  expect(await answerOf(known)).toBe('none yet');
  redis.last.batch(1, 21, 31);
  expect(await answerOf(known)).toBe(true);
  expect(hub.log.position.offset).toBe(30);
  // From now on it is as new as the stream, however long that takes.
  expect(await answerOf(hub.whenKnown(3_000))).toBe(true);
});

test('an old state is better than none when the rest does not come', async () => {
  const { clock, hub, redis } = sleepingHub();
  const known = hub.whenKnown(1_000);
  redis.last.hello(1, 30);
  redis.last.snapshot(1, 10, 'initial');
  clock.advance(1_000);
  expect(await answerOf(known)).toBe(true);
});

test('what a path promised that died does not count: the next one says where the stream stands', async () => {
  const { clock, hub, redis, node } = sleepingHub();
  const known = hub.whenKnown(3_000);
  redis.last.hello(1, 30);
  redis.last.end();
  clock.advance(0);
  node.last.hello(1, 20);
  node.last.snapshot(1, 20, 'initial');
  expect(await answerOf(known)).toBe(true);
});

test('an empty Redis costs the first event no wait: the node is asked at once', async () => {
  const { clock, hub, redis, node } = sleepingHub();
  hub.need();
  redis.last.end('Redis holds no stream yet');
  clock.advance(250);
  expect(node.isOpen).toBe(true);
});

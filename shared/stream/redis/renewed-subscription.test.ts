import { beforeEach, expect, test } from 'vitest';
import { ManualClock } from '../../base/testing/manual-clock.ts';
import type { RedisConnection, RedisSubscription, SubscriptionSink } from './redis-connection.ts';
import { subscribeRenewed } from './renewed-subscription.ts';

const EVERY_MS = 600_000;

/** A Redis whose subscriptions are confirmed, served and ended by the test. */
class ScriptedRedis implements RedisConnection {
  readonly name = 'scripted';
  readonly sinks: SubscriptionSink[] = [];
  readonly open = new Set<number>();

  command(): Promise<null> {
    return Promise.resolve(null);
  }

  subscribe(_channel: string, sink: SubscriptionSink): RedisSubscription {
    const number = this.sinks.push(sink) - 1;
    this.open.add(number);
    return { close: () => this.open.delete(number) };
  }

  async stop(): Promise<void> {}

  /** To all that are subscribed, as Redis does. */
  publish(text: string): void {
    for (const number of this.open) this.sinks[number]!.message(text);
  }
}

let redis: ScriptedRedis;
let clock: ManualClock;
let heard: string[];
let subscription: RedisSubscription;

beforeEach(() => {
  redis = new ScriptedRedis();
  clock = new ManualClock();
  heard = [];
  const options = { connection: redis, channel: 'stream', clock, everyMs: EVERY_MS };
  subscription = subscribeRenewed(options, {
    ready: () => heard.push('ready'),
    message: text => heard.push(text),
    closed: reason => heard.push(`closed: ${reason}`),
  });
  redis.sinks[0]!.ready();
});

test('[TRM1] a second one is confirmed before the first is let go, and nothing falls between them', () => {
  redis.publish('1');
  clock.advance(EVERY_MS);
  redis.sinks[0]!.message('2');
  redis.sinks[1]!.ready();
  redis.publish('3');
  // The first is slower: it brings this only now, and the second has it already.
  redis.sinks[1]!.message('4');
  clock.advance(999);
  expect([...redis.open]).toEqual([0, 1]);
  redis.sinks[0]!.message('4');
  clock.advance(1);
  expect([...redis.open]).toEqual([1]);
  redis.publish('5');
  expect(heard).toEqual(['ready', '1', '2', '3', '4', '3', '4', '5']);
});

test('goes on renewing', () => {
  for (let round = 1; round <= 3; round++) {
    clock.advance(EVERY_MS);
    redis.sinks[round]!.ready();
    clock.advance(1_000);
    expect([...redis.open]).toEqual([round]);
  }
});

test('one that is refused, or never confirmed, changes nothing; another is tried later', () => {
  clock.advance(EVERY_MS);
  redis.sinks[1]!.closed('refused');
  expect([...redis.open]).toEqual([0]);
  clock.advance(EVERY_MS);
  expect([...redis.open]).toEqual([0, 2]);
  clock.advance(EVERY_MS);
  expect([...redis.open]).toEqual([0, 3]);
  redis.publish('still here');
  expect(heard).toEqual(['ready', 'still here']);
});

test('the end of the one in use is told once, and takes the other along', () => {
  clock.advance(EVERY_MS);
  redis.sinks[1]!.ready();
  redis.sinks[0]!.closed('the network');
  redis.sinks[0]!.closed('again');
  expect(heard).toEqual(['ready', 'closed: the network']);
  expect([redis.open.has(1), clock.pending]).toEqual([false, 0]);
});

test('the end of one that has taken over is told too', () => {
  clock.advance(EVERY_MS);
  redis.sinks[1]!.ready();
  clock.advance(1_000);
  redis.sinks[1]!.closed('the network');
  expect(heard).toEqual(['ready', 'closed: the network']);
  expect(clock.pending).toBe(0);
});

test('after it is closed nothing is left, whenever that happens', () => {
  clock.advance(EVERY_MS);
  redis.sinks[1]!.ready();
  subscription.close();
  expect([redis.open.size, clock.pending]).toEqual([0, 0]);
  expect(heard).toEqual(['ready']);
});

import { describe, expect, test } from 'vitest';
import { systemClock } from '../../shared/base/clock.ts';
import { RedisRefusal } from '../../shared/stream/redis/redis-connection.ts';
import { streamSuite } from '../../shared/stream/stream.suite.ts';
import { MemoryRedisConnection } from './memory-redis-connection.ts';
import { MemoryStore } from './memory-store.ts';
import { STREAM_SCRIPTS } from './stream-scripts.ts';
import { startMemoryHarness } from './testing/memory-harness.ts';

const openStore = () => new MemoryStore({ clock: systemClock, scripts: STREAM_SCRIPTS });

streamSuite(
  'the memory of this process',
  () => {
    const store = openStore();
    return startMemoryHarness(store, new MemoryRedisConnection(store));
  },
  { stalls: false, loses: false, tellsCuts: true, keepsBeginnings: false },
);

describe('a connection to the memory of this process', () => {
  const listener = () => {
    const heard: string[] = [];
    return {
      heard,
      ready: () => heard.push('ready'),
      message: (text: string) => heard.push(text),
      closed: (reason: string) => heard.push(`closed: ${reason}`),
    };
  };

  test('says nothing before the call is over, and everything in order after it', async () => {
    const store = openStore();
    const connection = new MemoryRedisConnection(store);
    const sink = listener();
    connection.subscribe('prices', sink);
    for (const text of ['a', 'b', 'c']) void connection.command('PUBLISH', 'prices', text);
    expect(sink.heard).toEqual([]);
    await Promise.resolve();
    expect(sink.heard).toEqual(['ready', 'a', 'b', 'c']);
  });

  test('a closed subscription hears nothing, not even what was on its way', async () => {
    const store = openStore();
    const connection = new MemoryRedisConnection(store);
    const sink = listener();
    const subscription = connection.subscribe('prices', sink);
    void connection.command('PUBLISH', 'prices', 'a');
    subscription.close();
    await Promise.resolve();
    expect([sink.heard, store.subscribers]).toEqual([[], 0]);
  });

  test('a store that is closed ends its subscriptions with a word, once', async () => {
    const store = openStore();
    const sink = listener();
    new MemoryRedisConnection(store).subscribe('prices', sink);
    await store.close();
    await store.close();
    await Promise.resolve();
    expect(sink.heard).toEqual(['ready', 'closed: the memory store was closed']);
  });

  test('numbers are words, a refusal is one, and after the end nothing is answered', async () => {
    const store = openStore();
    const connection = new MemoryRedisConnection(store);
    expect(await connection.command('SET', 'x', 5)).toBe('OK');
    expect(await connection.command('MGET', 'x', 'y')).toEqual(['5', null]);
    await expect(connection.command('HGET', 'x', 'f')).rejects.toThrow(RedisRefusal);
    await expect(connection.command('FLUSHALL')).rejects.toThrow(RedisRefusal);
    await connection.stop();
    await expect(connection.command('GET', 'x')).rejects.toThrow('closed');
    expect(store.execute(['GET', 'x'])).toBe('5');
  });
});

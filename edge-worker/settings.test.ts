import { expect, test } from 'vitest';
import { readSettings, SettingsError } from './settings.ts';

test('what is not set has its default', () => {
  expect(readSettings({ INGEST_URLS: 'http://a:8080/, https://b' })).toEqual({
    ingestUrls: ['http://a:8080', 'https://b'],
    redis: null,
    shardCapacity: 2_000,
    allowedOrigins: [],
    streamToken: null,
    hubPaceMs: 100,
  });
});

test('every fault is named at once', () => {
  const wrong = { INGEST_URLS: 'ws://a', SHARD_CAPACITY: '0', ALLOWED_ORIGINS: 'example.com', HUB_PACE_MS: '1.5' };
  try {
    readSettings(wrong);
    expect.unreachable();
  } catch (error) {
    expect(error).toBeInstanceOf(SettingsError);
    expect((error as SettingsError).faults.map(fault => fault.split(':')[0])).toEqual([
      'INGEST_URLS',
      'SHARD_CAPACITY',
      'ALLOWED_ORIGINS',
      'HUB_PACE_MS',
    ]);
  }
});

test('without a node and without a Redis there is nothing to follow', () => {
  expect(() => readSettings({ INGEST_URLS: ' , ' })).toThrow('INGEST_URLS is empty');
  expect(() => readSettings({})).toThrow('INGEST_URLS is empty');
  const onlyRedis = { UPSTASH_REDIS_REST_URL: 'https://x.upstash.io/', UPSTASH_REDIS_REST_TOKEN: 'secret' };
  expect(readSettings(onlyRedis)).toMatchObject({
    ingestUrls: [],
    redis: { url: 'https://x.upstash.io', token: 'secret' },
  });
});

test.each([
  [{ UPSTASH_REDIS_REST_URL: 'https://x' }, ['UPSTASH_REDIS_REST_TOKEN']],
  [{ UPSTASH_REDIS_REST_TOKEN: 'secret' }, ['UPSTASH_REDIS_REST_URL']],
  [{ UPSTASH_REDIS_REST_URL: 'redis://:secret@x' }, ['UPSTASH_REDIS_REST_URL', 'UPSTASH_REDIS_REST_TOKEN']],
])('a Redis has an address and a token: %o', (variables, named) => {
  try {
    readSettings({ INGEST_URLS: 'http://a', ...variables });
    expect.unreachable();
  } catch (error) {
    expect(error).toBeInstanceOf(SettingsError);
    const { faults, message } = error as SettingsError;
    expect(faults.map(fault => fault.split(':')[0])).toEqual(named);
    expect(message).not.toContain('secret');
  }
});

import { expect, test } from 'vitest';
import { readSettings, SettingsError } from './settings.ts';

test('what is not set has its default', () => {
  expect(readSettings({ INGEST_URLS: 'http://a:8080/, https://b' })).toEqual({
    ingestUrls: ['http://a:8080', 'https://b'],
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

test('without a node there is nothing to follow', () => {
  expect(() => readSettings({ INGEST_URLS: ' , ' })).toThrow('INGEST_URLS is empty');
});

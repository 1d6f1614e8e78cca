import { describe, expect, test } from 'vitest';
import { hubOfShard, placeSession, shardName } from './placement.ts';
import { PlacementCache } from './placement-cache.ts';
import { regionOf } from './region.ts';

describe('placement', () => {
  const place = (sessions: Record<string, number>, refused: string | null = null) =>
    placeSession('apac', new Map(Object.entries(sessions)), 100, refused);

  test('the first browser opens the first shard', () => expect(place({})).toBe('apac-1'));
  test('the fullest shard with room is preferred', () =>
    expect(place({ 'apac-1': 20, 'apac-2': 99, 'apac-3': 50 })).toBe('apac-2'));
  test('a full shard is passed over, and when all are full a new one is opened', () => {
    expect(place({ 'apac-1': 100, 'apac-2': 3 })).toBe('apac-2');
    expect(place({ 'apac-1': 100, 'apac-2': 100 })).toBe('apac-3');
  });
  test('a gap in the numbers is filled first', () => expect(place({ 'apac-1': 100, 'apac-3': 100 })).toBe('apac-2'));
  test('a shard that has just refused is not named again', () => {
    expect(place({ 'apac-1': 99 }, 'apac-1')).toBe('apac-2');
    expect(place({}, 'apac-1')).toBe('apac-2');
  });
  test('a shard’s name names its hub, also one with a dash', () =>
    expect(hubOfShard(shardName('apac-ne', 12))).toBe('apac-ne'));
});

describe('what a Worker remembers of it', () => {
  test('it is asked once for all who come within 5 s, again after a refusal, and again after a failure', async () => {
    let now = 0;
    let asked = 0;
    const cache = new PlacementCache(() => now);
    const ask = async () => `apac-${++asked}`;
    expect(await Promise.all([cache.shardFor('apac', null, ask), cache.shardFor('apac', null, ask)])).toEqual([
      'apac-1',
      'apac-1',
    ]);
    expect(await cache.shardFor('apac', 'apac-1', ask)).toBe('apac-2');
    expect(await cache.shardFor('apac', null, ask)).toBe('apac-2');
    now = 5_001;
    expect(await cache.shardFor('apac', null, ask)).toBe('apac-3');
    now = 20_000;
    await expect(cache.shardFor('apac', null, () => Promise.reject(new Error('no hub')))).rejects.toThrow('no hub');
    expect(await cache.shardFor('apac', null, ask)).toBe('apac-4');
  });
});

describe('region', () => {
  test.each([
    [{ continent: 'AS', country: 'KR' }, 'apac-ne'],
    [{ continent: 'AS', country: 'SG' }, 'apac'],
    [{ continent: 'EU', country: 'DE' }, 'weur'],
    [{ continent: 'XX' }, 'local'],
    [{}, 'local'],
    [undefined, 'local'],
  ])('%o is served by %s', (place, hub) => expect(regionOf(place).hub).toBe(hub));
});

import { expect, it } from 'vitest';
import { MINUTE_MS } from '../../shared/model/time.ts';
import { HeardFeeds } from './heard-feeds.ts';

const start = Date.UTC(2026, 10, 22, 4, 26);

it('each feed is heard until the newest time that it told, and no other feed tells for it', () => {
  const heard = new HeardFeeds();
  heard.told('upbit', 'upbit-0', start, start + 30);
  heard.told('upbit', 'upbit-0', start - 3_600_000, start + 40);
  heard.told('upbit', 'upbit-1', start + 5_000, start + 5_030);
  expect([heard.until('upbit-0'), heard.until('upbit-1')]).toEqual([start, start + 5_000]);
  expect(heard.until('upbit-2')).toBeLessThan(0);
});

it('no feed is heard from a time that has not come', () => {
  const heard = new HeardFeeds();
  heard.told('upbit', 'upbit-0', start + 30_000, start);
  heard.alive('upbit', 'upbit-1', start);
  expect([heard.until('upbit-0'), heard.until('upbit-1')]).toEqual([start, start]);
});

it('a sign of life counts by the clock of the exchange, also after that was set back', () => {
  const heard = new HeardFeeds();
  heard.told('upbit', 'upbit-0', start - 50, start);
  // A quiet market's book is as old as its last change.
  heard.told('upbit', 'upbit-0', start - 600_000, start + 10);
  heard.alive('upbit', 'upbit-1', start + 1_000);
  expect(heard.until('upbit-1')).toBe(start + 950);
  for (const minutes of [1, 2])
    heard.told('upbit', 'upbit-0', start + minutes * MINUTE_MS - 30_000, start + minutes * MINUTE_MS);
  heard.alive('upbit', 'upbit-1', start + 2 * MINUTE_MS + 1_000);
  expect(heard.until('upbit-1')).toBe(start + 2 * MINUTE_MS - 29_000);
});

it('while an exchange tells late what happened, a sign of life proves as much less', () => {
  const heard = new HeardFeeds();
  heard.told('upbit', 'upbit-0', start - 40, start);
  for (const after of [11_000, 15_000, 21_000]) heard.told('upbit', 'upbit-0', start + after - 5_000, start + after);
  heard.alive('upbit', 'upbit-1', start + 22_000);
  expect(heard.until('upbit-1')).toBe(start + 17_000);
  heard.told('upbit', 'upbit-0', start + 22_960, start + 23_000);
  heard.alive('upbit', 'upbit-1', start + 24_000);
  expect(heard.until('upbit-1')).toBe(start + 23_960);
});

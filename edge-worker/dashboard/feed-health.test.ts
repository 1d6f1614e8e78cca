import { describe, expect, it } from 'vitest';
import type { FeedState, FeedStateName, Ticker } from '../../shared/model/market-event.ts';
import { exchangeHealth, isOld } from './feed-health.ts';

function feed(state: FeedStateName, since = 1_000, reason: string | null = null): FeedState {
  const common = { type: 'feed', offset: 1, exchange: 'upbit', symbol: null, exchangeTime: null } as const;
  return { ...common, receivedTime: since, key: `upbit-${state}`, state, since, reason };
}

const tickerAt = (receivedTime: number) => ({ receivedTime }) as Ticker;

describe('the health of an exchange', () => {
  it.each<[FeedStateName[], string]>([
    [[], 'unknown'],
    [['live', 'live'], 'live'],
    [['live', 'connecting'], 'live'],
    [['live', 'stale'], 'partly'],
    [['live', 'down'], 'partly'],
    [['stale', 'down'], 'stale'],
    [['down', 'down'], 'down'],
    [['connecting'], 'connecting'],
  ])('of connections %j is %s', (states, health) => {
    expect(exchangeHealth(states.map(state => feed(state))).state).toBe(health);
  });

  it('counts, and says the first reason', () => {
    const feeds = [feed('live'), feed('stale'), feed('down', 1_000, 'closed with code 1006')];
    expect(exchangeHealth(feeds)).toEqual({ state: 'partly', live: 1, total: 3, reason: 'closed with code 1006' });
  });
});

describe('an old price', () => {
  it.each<[string, FeedState[], number, boolean]>([
    ['none while all connections are live', [feed('live')], 1, false],
    ['from before its connection fell silent', [feed('stale', 500)], 499, true],
    ['not one that moved since', [feed('live'), feed('stale', 500)], 501, false],
    ['all while the only connection is being opened', [feed('connecting', 500)], 400, true],
    ['none for an early replacement', [feed('live'), feed('connecting', 500)], 400, false],
    ['none while nothing is known', [], 400, false],
  ])('%s', (_, feeds, receivedTime, expected) => {
    expect(isOld(tickerAt(receivedTime), feeds)).toBe(expected);
  });
});

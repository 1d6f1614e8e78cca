import type { FeedState, Ticker } from '../../shared/model/market-event.ts';

/** What one exchange's connections amount to. `partly`: some bring data, some do not. */
export type ExchangeHealth = {
  readonly state: 'unknown' | 'connecting' | 'live' | 'partly' | 'stale' | 'down';
  readonly live: number;
  readonly total: number;
  /** The first reason given by a connection that is not live. */
  readonly reason: string | null;
};

/** @param feeds the connections of one exchange */
export function exchangeHealth(feeds: readonly FeedState[]): ExchangeHealth {
  const live = feeds.filter(feed => feed.state === 'live').length;
  const faulty = feeds.filter(isFaulty);
  const reason = faulty.find(feed => feed.reason !== null)?.reason ?? null;
  return { state: summary(feeds, live, faulty), live, total: feeds.length, reason };
}

function summary(feeds: readonly FeedState[], live: number, faulty: readonly FeedState[]): ExchangeHealth['state'] {
  if (feeds.length === 0) return 'unknown';
  if (live > 0) return faulty.length > 0 ? 'partly' : 'live';
  if (faulty.length === 0) return 'connecting';
  return faulty.some(feed => feed.state === 'stale') ? 'stale' : 'down';
}

/**
 * Whether a price may be old: a connection of its exchange brings nothing, and the price is from before that began.
 * Which instruments a connection carries is not known here; a price that moved since is certainly not among them.
 * A connection that is being opened counts only while no other one is live: replacing one early is routine.
 */
export function isOld(ticker: Ticker, feeds: readonly FeedState[]): boolean {
  const hasLive = feeds.some(feed => feed.state === 'live');
  return feeds.some(feed => {
    if (feed.state === 'live' || (feed.state === 'connecting' && hasLive)) return false;
    return ticker.receivedTime <= feed.since;
  });
}

function isFaulty({ state }: FeedState): boolean {
  return state === 'stale' || state === 'down';
}

import type { MarketEvent } from '../model/market-event.ts';
import type { FeedHealth } from '../wire/service-info.ts';

/** The feeds of the node that leads, as far as its stream tells. */
export function feedHealthOf(events: readonly MarketEvent[]): FeedHealth[] {
  const feeds: FeedHealth[] = [];
  for (const event of events) {
    if (event.type !== 'feed') continue;
    const { exchange, key, state, since, reason } = event;
    feeds.push({ exchange, key, state, since, reason, instruments: null });
  }
  return feeds;
}

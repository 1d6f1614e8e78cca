import { conflationKey, type MarketEvent } from '../model/market-event.ts';

/**
 * Rule CNF1: of several events with the same key only the last is kept; what has no key is always kept; order stays.
 *
 * A slow reader that missed ten quotes of BTC/KRW needs the tenth only, but every trade between them.
 */
export function conflate(events: readonly MarketEvent[]): MarketEvent[] {
  const seen = new Set<string>();
  const kept: MarketEvent[] = [];
  for (let index = events.length - 1; index >= 0; index--) {
    const event = events[index]!;
    const key = conflationKey(event);
    if (key !== null) {
      if (seen.has(key)) continue;
      seen.add(key);
    }
    kept.push(event);
  }
  return kept.reverse();
}

import type { MarketEvent } from '../model/market-event.ts';
import { type Cut, isInCut } from '../wire/messages.ts';

/**
 * The newest ticker, quote, order book and candle of every instrument and the state of every feed: what a snapshot
 * holds (rule SNP1). Trades and gaps are moments, not state.
 */
export class LatestState {
  readonly #events = new Map<string, MarketEvent>();

  apply(event: MarketEvent): void {
    const key = stateKey(event);
    if (key === null) return;
    // A minute is closed up to two seconds after its end, when the next one may be open already: that one stays.
    if (event.type === 'candle') {
      const known = this.#events.get(key);
      if (known?.type === 'candle' && known.openTime > event.openTime) return;
    }
    this.#events.set(key, event);
  }

  /** Everything is replaced: what a snapshot does. */
  reset(events: readonly MarketEvent[]): void {
    this.#events.clear();
    for (const event of events) this.apply(event);
  }

  get size(): number {
    return this.#events.size;
  }

  events(cut: Cut = 'full'): MarketEvent[] {
    const events: MarketEvent[] = [];
    for (const event of this.#events.values()) if (isInCut(event, cut)) events.push(event);
    return events;
  }
}

function stateKey(event: MarketEvent): string | null {
  switch (event.type) {
    case 'ticker':
    case 'quote':
    case 'orderBook':
    case 'candle':
      return `${event.type}:${event.exchange}:${event.symbol}`;
    case 'feed':
      return `feed:${event.exchange}:${event.key}`;
    default:
      return null;
  }
}

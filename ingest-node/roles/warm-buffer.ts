import type { MarketEvent } from '../../shared/model/market-event.ts';

/** Trades of that many seconds of the whole market; the present leader publishes each within a fraction of one. */
const MAX_EVENTS = 500_000;

/**
 * What a successor's own feeds have brought while another node still leads (rule HND1). What the leader publishes is
 * taken out again, so that in the moment of the handover there remain the trades that nobody has published, and the
 * newest state of everything.
 *
 * A trade comes once from the feeds and once from the stream, in either order: when the stream is first, the converter
 * knows it and does not offer it (TRD1); when the feeds are first, it lies here until {@link published} is told.
 */
export class WarmBuffer {
  readonly #events = new Map<string, MarketEvent>();

  /** Events of our own feeds, in order. */
  offer(events: readonly MarketEvent[]): void {
    for (const event of events) {
      const key = keyOf(event);
      // State moves to the end: it is as new as its newest event.
      this.#events.delete(key);
      this.#events.set(key, event);
    }
    for (const oldest of this.#events.keys()) {
      if (this.#events.size <= MAX_EVENTS) return;
      this.#events.delete(oldest);
    }
  }

  /** The leader has published this. */
  published(event: MarketEvent): void {
    if (isMoment(event)) this.#events.delete(keyOf(event));
  }

  /** Hands over what remains, in the order in which it came. */
  take(): MarketEvent[] {
    const events = [...this.#events.values()];
    this.#events.clear();
    return events;
  }
}

/** Published once and never replaced. */
function isMoment(event: MarketEvent): boolean {
  return event.type === 'trade' || event.type === 'gap' || (event.type === 'candle' && event.closed);
}

function keyOf(event: MarketEvent): string {
  const key = `${event.type}:${event.exchange}:${event.symbol}`;
  switch (event.type) {
    case 'trade':
      return `${key}:${event.id}`;
    case 'gap':
      return `${key}:${event.afterId}:${event.untilId}`;
    case 'candle':
      return event.closed ? `${key}:${event.openTime}` : key;
    case 'feed':
      return `${key}:${event.key}`;
    default:
      return key;
  }
}

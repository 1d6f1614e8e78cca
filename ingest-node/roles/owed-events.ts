import type { MarketEvent, Trade } from '../../shared/model/market-event.ts';
import type { EpochMillis } from '../../shared/model/time.ts';

/** Trades of that many seconds of the whole market; the present leader publishes each within a fraction of one. */
const MAX_EVENTS = 500_000;
/** What nobody has published for so long has been read back or declared lost by whoever led meanwhile. */
const KEPT_MS = 300_000;

/**
 * What this node's own feeds have brought and nobody has published: while it warms up beside the leader (rule HND1), and
 * what it held when its term was lost (rule FEN1). What others publish is taken out again, so that in the moment in which
 * this node leads there remain the trades that are still owed, and the newest state of everything.
 *
 * A trade comes once from the feeds and once from the stream, in either order: when the stream is first, the converter
 * knows it and does not offer it (TRD1); when the feeds are first, it lies here until {@link published} is told.
 */
export class OwedEvents {
  readonly #events = new Map<string, MarketEvent>();
  /** Keys of trades by what they say, equal ones together: whoever fetched one knows it by another id. */
  readonly #byContent = new Map<string, string[]>();

  /** Events of our own feeds, in order. */
  offer(events: readonly MarketEvent[]): void {
    for (const event of events) {
      const key = keyOf(event);
      // State moves to the end: it is as new as its newest event.
      this.#remove(key);
      this.#events.set(key, event);
      if (event.type === 'trade') this.#keysOf(event).push(key);
    }
    for (const oldest of this.#events.keys()) {
      if (this.#events.size <= MAX_EVENTS) return;
      this.#remove(oldest);
    }
  }

  /** What a lost term held. Its state is old by the time that somebody leads again; its trades are not. */
  keep(events: readonly MarketEvent[]): void {
    this.offer(events.filter(isMoment));
  }

  /** Somebody has published this. */
  published(event: MarketEvent): void {
    if (!isMoment(event)) return;
    this.#remove(keyOf(event));
    const [key] = event.type === 'trade' && event.backfilled === true ? this.#keysOf(event) : [];
    if (key !== undefined) this.#remove(key);
  }

  /** Hands over what remains and is not too old, in the order in which it came. */
  take(now: EpochMillis): MarketEvent[] {
    const events = [...this.#events.values()].filter(({ receivedTime }) => now - receivedTime < KEPT_MS);
    this.#events.clear();
    this.#byContent.clear();
    return events;
  }

  #remove(key: string): void {
    const event = this.#events.get(key);
    this.#events.delete(key);
    if (event?.type !== 'trade') return;
    const content = contentOf(event);
    const others = this.#keysOf(event).filter(other => other !== key);
    if (others.length > 0) this.#byContent.set(content, others);
    else this.#byContent.delete(content);
  }

  #keysOf(trade: Trade): string[] {
    const content = contentOf(trade);
    let keys = this.#byContent.get(content);
    if (keys === undefined) {
      keys = [];
      this.#byContent.set(content, keys);
    }
    return keys;
  }
}

/** Published once and never replaced. */
function isMoment(event: MarketEvent): boolean {
  return event.type === 'trade' || event.type === 'gap' || (event.type === 'candle' && event.closed);
}

function contentOf({ exchange, symbol, exchangeTime, price, size, takerSide }: Trade): string {
  return `${exchange}:${symbol}:${exchangeTime}:${price}:${size}:${takerSide}`;
}

function keyOf(event: MarketEvent): string {
  const key = `${event.type}:${event.exchange}:${event.symbol}`;
  switch (event.type) {
    case 'trade':
      return `${key}:${event.id}`;
    case 'gap':
      return `${key}:${event.afterId}:${event.afterTime}:${event.untilId}:${event.untilTime}`;
    case 'candle':
      return event.closed ? `${key}:${event.openTime}` : key;
    case 'feed':
      return `${key}:${event.key}`;
    default:
      return key;
  }
}

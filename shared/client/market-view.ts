import type { ExchangeName } from '../model/exchange.ts';
import type { Candle, FeedState, MarketEvent, OrderBook, Quote, Ticker } from '../model/market-event.ts';
import type { Matcher } from './filter.ts';

/** What a page may read at any moment: the newest of everything that passes the stream's filter. */
export type LatestView = {
  /** `null` when nothing has arrived yet or the filter hides it; so for all of these. */
  ticker(exchange: ExchangeName, symbol: string): Ticker | null;
  quote(exchange: ExchangeName, symbol: string): Quote | null;
  orderBook(exchange: ExchangeName, symbol: string): OrderBook | null;
  candle(exchange: ExchangeName, symbol: string): Candle | null;
  /** In no particular order; so for all lists. */
  tickers(): Ticker[];
  quotes(): Quote[];
  orderBooks(): OrderBook[];
  candles(): Candle[];
  /** State of every exchange connection: whether what the others show is current. */
  feeds(): FeedState[];
};

/**
 * Latest state by kind and instrument, so that one price is one lookup. Holds what the filter hides as well: that is
 * what makes another filter's state available at once.
 */
export class MarketView implements LatestView {
  #tickers = new Map<string, Ticker>();
  #quotes = new Map<string, Quote>();
  #orderBooks = new Map<string, OrderBook>();
  #candles = new Map<string, Candle>();
  #feeds = new Map<string, FeedState>();
  #matches: Matcher;

  constructor(matches: Matcher) {
    this.#matches = matches;
  }

  setMatcher(matches: Matcher): void {
    this.#matches = matches;
  }

  apply(event: MarketEvent): void {
    switch (event.type) {
      case 'ticker':
        this.#tickers.set(keyOf(event.exchange, event.symbol), event);
        return;
      case 'quote':
        this.#quotes.set(keyOf(event.exchange, event.symbol), event);
        return;
      case 'orderBook':
        this.#orderBooks.set(keyOf(event.exchange, event.symbol), event);
        return;
      case 'candle': {
        // A minute may be closed when the next one is open already: that one stays.
        const key = keyOf(event.exchange, event.symbol);
        if ((this.#candles.get(key)?.openTime ?? 0) <= event.openTime) this.#candles.set(key, event);
        return;
      }
      case 'feed':
        this.#feeds.set(keyOf(event.exchange, event.key), event);
        return;
      default:
        // Trades and gaps are moments, not state; a type of a later version is nothing we could hold.
        return;
    }
  }

  /** Everything is replaced: what a snapshot does. */
  reset(events: readonly MarketEvent[]): void {
    for (const map of this.#maps()) map.clear();
    for (const event of events) this.apply(event);
  }

  /** All state that passes the filter, feed states first: they say how to read the rest. */
  events(): MarketEvent[] {
    return this.#maps().flatMap(map => this.#list<MarketEvent>(map));
  }

  ticker(exchange: ExchangeName, symbol: string): Ticker | null {
    return this.#one(this.#tickers, exchange, symbol);
  }

  quote(exchange: ExchangeName, symbol: string): Quote | null {
    return this.#one(this.#quotes, exchange, symbol);
  }

  orderBook(exchange: ExchangeName, symbol: string): OrderBook | null {
    return this.#one(this.#orderBooks, exchange, symbol);
  }

  candle(exchange: ExchangeName, symbol: string): Candle | null {
    return this.#one(this.#candles, exchange, symbol);
  }

  tickers(): Ticker[] {
    return this.#list(this.#tickers);
  }

  quotes(): Quote[] {
    return this.#list(this.#quotes);
  }

  orderBooks(): OrderBook[] {
    return this.#list(this.#orderBooks);
  }

  candles(): Candle[] {
    return this.#list(this.#candles);
  }

  feeds(): FeedState[] {
    return this.#list(this.#feeds);
  }

  #maps(): Map<string, MarketEvent>[] {
    return [this.#feeds, this.#tickers, this.#quotes, this.#orderBooks, this.#candles];
  }

  #one<Event extends MarketEvent>(map: Map<string, Event>, exchange: ExchangeName, symbol: string): Event | null {
    const event = map.get(keyOf(exchange, symbol));
    return event !== undefined && this.#matches(event) ? event : null;
  }

  #list<Event extends MarketEvent>(map: Map<string, Event>): Event[] {
    const events: Event[] = [];
    for (const event of map.values()) if (this.#matches(event)) events.push(event);
    return events;
  }
}

function keyOf(exchange: string, name: string): string {
  return `${exchange}:${name}`;
}

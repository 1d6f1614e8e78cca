import type { Decimal } from './decimal.ts';
import type { ExchangeName } from './exchange.ts';
import type { EpochMillis } from './time.ts';

/**
 * What every event says. Prices, sizes and volumes are exact plain decimal text ({@link Decimal});
 * times are epoch milliseconds with a fraction down to microseconds; ids are text, exact to the last digit.
 */
type EventOf<Type extends string> = {
  readonly type: Type;
  /**
   * Position within the epoch, counted from 1. Given once, at sealing: an event that is not sealed yet carries 0.
   * The one field that is written after construction, by its owner, the distributor.
   */
  offset: number;
  readonly exchange: ExchangeName;
};

type InstrumentEventOf<Type extends string> = EventOf<Type> & {
  /** Canonical `BASE/QUOTE`, never the exchange's own code. */
  readonly symbol: string;
  /** The exchange's clock; `null` when the frame carries no time (Binance book and quote frames). */
  readonly exchangeTime: EpochMillis | null;
  /** Our clock, when the bytes arrived. */
  readonly receivedTime: EpochMillis;
};

/** Who crossed the spread. Exchanges that name the maker are inverted by their adapter. */
export type TakerSide = 'buy' | 'sell' | 'unknown';

/** One execution. */
export type Trade = InstrumentEventOf<'trade'> & {
  readonly id: string;
  /** In quote currency. */
  readonly price: Decimal;
  /** In base currency. */
  readonly size: Decimal;
  readonly takerSide: TakerSide;
  /** Present on a trade that was fetched afterwards or came in a subscription's snapshot: it may be late. */
  readonly backfilled?: true;
};

/** Which rule an exchange uses for `open`, `change` and `changeRate`; never mix them in one ranking. */
export type ChangeWindow = 'rolling24h' | 'dayUtc' | 'dayKst';

/** Rolling statistics. `null` for what an exchange does not say. */
export type Ticker = InstrumentEventOf<'ticker'> & {
  readonly last: Decimal;
  readonly open: Decimal | null;
  readonly high: Decimal | null;
  readonly low: Decimal | null;
  /** Base currency, rolling 24 hours. */
  readonly volume: Decimal | null;
  /** Quote currency, rolling 24 hours. */
  readonly quoteVolume: Decimal | null;
  /** Signed, in quote currency, against the base of `changeWindow`. */
  readonly change: Decimal | null;
  /** Signed fraction: `0.0064` is 0.64 %. */
  readonly changeRate: Decimal | null;
  readonly changeWindow: ChangeWindow;
};

/** Best bid and ask. A side without orders is `null` in both of its fields. */
export type Quote = InstrumentEventOf<'quote'> & {
  readonly bid: Decimal | null;
  readonly bidSize: Decimal | null;
  readonly ask: Decimal | null;
  readonly askSize: Decimal | null;
};

/** Price in quote currency, size in base currency, never zero. */
export type Level = readonly [price: Decimal, size: Decimal];

/** Full replacement of the top levels, best first, never crossed. */
export type OrderBook = InstrumentEventOf<'orderBook'> & {
  readonly bids: readonly Level[];
  readonly asks: readonly Level[];
  /** The exchange's own number of this book state, where it has one. */
  readonly sequence?: string;
};

/** One minute of trades. */
export type Candle = InstrumentEventOf<'candle'> & {
  readonly interval: '1m';
  readonly openTime: EpochMillis;
  readonly open: Decimal;
  readonly high: Decimal;
  readonly low: Decimal;
  readonly close: Decimal;
  readonly volume: Decimal;
  readonly quoteVolume: Decimal | null;
  readonly closed: boolean;
  /** Present when we built it from trades because the exchange sends none. */
  readonly derived?: true;
};

export type FeedStateName = 'connecting' | 'live' | 'stale' | 'down';

/** State of one exchange connection: how a client learns that what it shows is old. */
export type FeedState = EventOf<'feed'> & {
  readonly symbol: null;
  readonly exchangeTime: null;
  readonly receivedTime: EpochMillis;
  /** Names the connection among those of its exchange: `upbit-0`. */
  readonly key: string;
  readonly state: FeedStateName;
  readonly since: EpochMillis;
  /** Why, in plain words; `null` when there is nothing to explain. */
  readonly reason: string | null;
};

/**
 * Trades that could not be recovered; or of which nobody can say whether they were published, because whoever knew that
 * is gone. A bound that is `null` is not known.
 */
export type TradeGap = InstrumentEventOf<'gap'> & {
  readonly afterId: string | null;
  readonly untilId: string | null;
  readonly afterTime: EpochMillis | null;
  readonly untilTime: EpochMillis | null;
  /** Whether the exchange's numbering proves that trades are missing, or they only may be. */
  readonly provable: boolean;
};

export type MarketEvent = Trade | Ticker | Quote | OrderBook | Candle | FeedState | TradeGap;

export type EventType = MarketEvent['type'];

export const EVENT_TYPES = [
  'trade',
  'ticker',
  'quote',
  'orderBook',
  'candle',
  'feed',
  'gap',
] as const satisfies readonly EventType[];

/**
 * The key under which a newer event replaces an older one, for what may be conflated (rule CNF1): tickers, quotes,
 * order books and open candles. `null` for what is never left out: trades, closed candles, gaps and feed states.
 */
export function conflationKey(event: MarketEvent): string | null {
  switch (event.type) {
    case 'ticker':
      return `t:${event.exchange}:${event.symbol}`;
    case 'quote':
      return `q:${event.exchange}:${event.symbol}`;
    case 'orderBook':
      return `b:${event.exchange}:${event.symbol}`;
    case 'candle':
      return event.closed ? null : `c:${event.exchange}:${event.symbol}:${event.openTime}`;
    default:
      return null;
  }
}

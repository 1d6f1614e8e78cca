/**
 * From bytes to the events that are published: the stateful shell around the pure exchange adapters.
 *
 * An adapter says what one frame means. This service adds what needs a memory: a trade is published once (TRD1), a quote
 * or an order book that says nothing new is left out, order books are paced, candles are closed or built, and everything
 * that was refused is counted by exchange, channel and reason, with a sample for the log. Nothing here throws, and
 * nothing here has a timer or a clock: the caller passes the times in, and calls {@link ConverterService.flush} every few
 * tens of milliseconds.
 */

import type { ExchangeName } from '../../shared/model/exchange.ts';
import type { Candle, EventType, MarketEvent, OrderBook, Quote, Trade } from '../../shared/model/market-event.ts';
import type { EpochMillis } from '../../shared/model/time.ts';
import type {
  BookDelta,
  ControlMessage,
  Conversion,
  ExchangeAdapter,
  InstrumentIndex,
  Rejection,
  RejectionReason,
} from '../exchanges/exchange-adapter.ts';
import { CandleService } from './candle-service.ts';
import type { FrameSource } from './heard-feeds.ts';
import { InstrumentMap } from './instrument-map.ts';
import type { MissingMinutes } from './missing-candles.ts';
import { OrderBookPacer } from './order-book-pacer.ts';
import { RejectionLog, type RejectionSample } from './rejection-log.ts';
import { StateOrder } from './state-order.ts';
import { TextDigest } from './text-digest.ts';
import { TradeMemory, type TradeMemoryOptions } from './trade-memory.ts';

const DEFAULT_ORDER_BOOK_INTERVAL_MS = 250;

export type ConverterOptions = {
  /** Least time between two order books of one instrument: 250 unless told; 0 lets every changed one pass. */
  readonly orderBookIntervalMs?: number;
  readonly tradeMemory?: TradeMemoryOptions;
  /** Exchanges whose candles are asked for after an outage: none unless told. */
  readonly fetchedCandles?: ReadonlySet<ExchangeName>;
  /**
   * Whether a trade is so old that another node published it, though no memory of ours knows it: exchanges answer each
   * subscription with the last trade of every market, which in a quiet one is hours old. None is unless told.
   */
  readonly isInherited?: (trade: Trade) => boolean;
  /** Told of the first rejection of each kind at once, then of at most one per kind in ten seconds. */
  readonly onRejectionSample?: (sample: RejectionSample) => void;
};

/** What a frame gives to do. */
export type ConvertedFrame = {
  /** To publish, in this order. */
  readonly events: readonly MarketEvent[];
  /** All trades of the frame, published before or not: what a feed's continuity is judged by. */
  readonly trades: readonly Trade[];
  /** For whoever builds books from changes; what comes of them goes through {@link ConverterService.admit}. */
  readonly bookDeltas: readonly BookDelta[];
  /** For the feed it came from; `null` for a frame of data. */
  readonly control: ControlMessage | null;
  /** Whether the frame held market data we understand, published or not: what a feed's staleness is measured by. */
  readonly isData: boolean;
};

/** Counted since the start; all numbers only grow, but for the gauges `waitingOrderBooks` and `rememberedTrades`. */
export type ConversionCounts = {
  readonly byExchange: readonly ExchangeCounts[];
  readonly rejections: readonly RejectionCount[];
  readonly waitingOrderBooks: number;
  readonly rememberedTrades: number;
  readonly earlyMemoryRotations: number;
};

export type ExchangeCounts = {
  readonly exchange: ExchangeName;
  readonly frames: number;
  readonly controlFrames: number;
  /** Events handed out to be published, by type. */
  readonly events: Readonly<Record<EventType, number>>;
  /** Trades that had been published before (TRD1). */
  readonly duplicateTrades: number;
  readonly unchangedQuotes: number;
  readonly unchangedOrderBooks: number;
  /** Tickers, quotes and order books that came after a newer one, over another socket. */
  readonly outdatedStates: number;
  /** Order books whose place a newer one took while they waited. */
  readonly replacedOrderBooks: number;
  /** Candles, and trades for candles we build, of a minute that is over, known better already, or still to come. */
  readonly lateCandles: number;
};

export type RejectionCount = {
  readonly exchange: ExchangeName;
  readonly channel: string;
  readonly reason: RejectionReason;
  readonly count: number;
};

type MutableCounts = { -readonly [Key in keyof ExchangeCounts]: ExchangeCounts[Key] } & {
  events: Record<EventType, number>;
};

export class ConverterService {
  readonly #trades: TradeMemory;
  readonly #books: OrderBookPacer;
  readonly #candles: CandleService;
  readonly #rejections: RejectionLog;
  /** Digests of the last ones, by exchange and symbol. */
  readonly #quotes = new InstrumentMap<number>();
  readonly #orders = { ticker: new StateOrder(), quote: new StateOrder(), orderBook: new StateOrder() };
  readonly #counts = new Map<ExchangeName, MutableCounts>();
  readonly #isInherited: (trade: Trade) => boolean;

  constructor(options: ConverterOptions = {}) {
    this.#trades = new TradeMemory(options.tradeMemory);
    this.#candles = new CandleService(options.fetchedCandles);
    this.#books = new OrderBookPacer(options.orderBookIntervalMs ?? DEFAULT_ORDER_BOOK_INTERVAL_MS);
    this.#isInherited = options.isInherited ?? (() => false);
    this.#rejections = new RejectionLog(options.onRejectionSample);
  }

  /**
   * What to publish of one frame. `receivedTime` is when its bytes arrived.
   *
   * @param source by default all frames of an exchange are of one feed
   */
  convert(
    adapter: ExchangeAdapter,
    frame: Uint8Array,
    receivedTime: EpochMillis,
    instruments: InstrumentIndex,
    source: FrameSource = { feed: adapter.exchange, isFirst: true },
  ): ConvertedFrame {
    const counts = this.#countsOf(adapter.exchange);
    counts.frames += 1;
    const conversion = convertSafely(adapter, frame, receivedTime, instruments);
    this.#candles.listen(adapter, conversion, receivedTime, source);
    if (conversion.kind === 'control') {
      counts.controlFrames += 1;
      return { events: [], trades: [], bookDeltas: [], control: conversion.control, isData: false };
    }
    for (const rejection of conversion.rejections) this.#reject(adapter.exchange, rejection, receivedTime);
    if (conversion.kind === 'rejected') return { events: [], trades: [], bookDeltas: [], control: null, isData: false };
    const { bookDeltas = [], sequence } = conversion;
    const trades = conversion.events.filter(event => event.type === 'trade');
    const inherited = trades.filter(trade => trade.backfilled === true && this.#isInherited(trade));
    for (const trade of inherited) this.#trades.remember(trade, receivedTime);
    const isOurs = (event: MarketEvent) => event.type !== 'trade' || !inherited.includes(event);
    const events = inherited.length === 0 ? conversion.events : conversion.events.filter(isOurs);
    return {
      events: this.#admit(events, receivedTime, source, sequence),
      trades,
      bookDeltas,
      control: null,
      isData: true,
    };
  }

  /**
   * What to publish of events that did not come in a frame, such as trades that were fetched afterwards. The same rules
   * apply: a trade that was published before is left out.
   */
  admit(events: readonly MarketEvent[], now: EpochMillis): readonly MarketEvent[] {
    return this.#admit(events, now, null);
  }

  #admit(
    events: readonly MarketEvent[],
    now: EpochMillis,
    source: FrameSource | null,
    sequence?: number,
  ): readonly MarketEvent[] {
    const admitted: MarketEvent[] = [];
    for (const event of events) {
      if (event.type === 'candle') {
        this.#admitCandles(event.exchange, this.#candles.offer(event, now, source), admitted);
        continue;
      }
      if (source !== null && this.#isOutdated(event, sequence, now, source)) continue;
      if (!this.#isNew(event, now)) continue;
      this.#count(event);
      admitted.push(event);
      if (event.type === 'trade') this.#admitCandles(event.exchange, this.#candles.add(event, now, source), admitted);
    }
    return admitted;
  }

  /** Those of some past trades that were not published, see {@link TradeMemory.unpublished}. */
  unpublished(past: readonly Trade[], others: readonly Trade[]): readonly Trade[] {
    return this.#trades.unpublished(past, others);
  }

  /**
   * The order books whose waiting time is over and the candles whose minute is, to be published now. At an infinite time
   * no book waits any longer; no minute ends by that.
   */
  flush(now: EpochMillis): readonly (OrderBook | Candle)[] {
    const due = [...this.#books.flush(now), ...(Number.isFinite(now) ? this.#candles.flush(now) : [])];
    for (const event of due) this.#count(event);
    return due;
  }

  /**
   * Events of these instruments may be missed from now on, or since an earlier time: their open minutes are in doubt, and
   * what the exchange says from now on counts from there.
   */
  interrupt(exchange: ExchangeName, symbols: readonly string[], at?: EpochMillis): void {
    this.#candles.interrupt(exchange, symbols, at);
    if (at === undefined) for (const order of Object.values(this.#orders)) order.forget(exchange, symbols);
  }

  /**
   * What to publish once all trades that an instrument missed were admitted, or once it is known that some never will be:
   * the candles that waited for them.
   */
  resolve(exchange: ExchangeName, symbol: string, isWhole: boolean, now: EpochMillis): readonly Candle[] {
    const candles = this.#candles.resolve(exchange, symbol, isWhole, now);
    for (const candle of candles) this.#count(candle);
    return candles;
  }

  /**
   * The minutes of an instrument whose candle an outage may have swallowed, once its feed delivers it again, to be
   * {@link settleCandles | settled}; `null` where there are none.
   */
  missingCandles(exchange: ExchangeName, symbol: string, now: EpochMillis): MissingMinutes | null {
    return this.#candles.missingOf(exchange, symbol, now);
  }

  /** What to publish of all candles that there are of these minutes. */
  settleCandles(missing: MissingMinutes, past: readonly Candle[]): readonly Candle[] {
    const candles = this.#candles.settle(missing, past);
    for (const candle of candles) this.#count(candle);
    return candles;
  }

  /** A feed has given a sign of life that proves that everything before this time has come. */
  alive(exchange: ExchangeName, feed: string, time: EpochMillis): void {
    this.#candles.alive(exchange, feed, time);
  }

  /** The feeds whose sign of life is wanted, so that the candles of quiet ones can be closed. */
  takeUnheard(): readonly string[] {
    return this.#candles.takeUnheard();
  }

  /** Another node published everything until now: the candles we build begin here, for a feed that misses nothing. */
  beginCandles(exchange: ExchangeName, symbols: readonly string[], now: EpochMillis, source: FrameSource): void {
    this.#candles.beginAnew(exchange, symbols, now, source);
  }

  /** An instrument was listed anew, and its trades may be numbered from the beginning. */
  forgetTrades(exchange: ExchangeName, symbol: string): void {
    this.#trades.forget(exchange, symbol);
  }

  /** A follower tells of each trade and candle in the stream, so that it knows what was published when it leads. */
  remember(event: Trade | Candle, now: EpochMillis): void {
    if (event.type === 'candle') this.#candles.remember(event);
    else this.#trades.remember(event, now);
  }

  /** Another node publishes from now on: what was published last by us is no measure for what is new. */
  forgetState(): void {
    this.#quotes.clear();
    this.#books.clear();
    for (const order of Object.values(this.#orders)) order.clear();
    this.#candles.forget();
  }

  counts(): ConversionCounts {
    return {
      byExchange: [...this.#counts.values()].map(counts => ({ ...counts, events: { ...counts.events } })),
      rejections: this.#rejections.counts(),
      waitingOrderBooks: this.#books.waiting,
      rememberedTrades: this.#trades.size,
      earlyMemoryRotations: this.#trades.earlyRotations,
    };
  }

  #isOutdated(event: MarketEvent, sequence: number | undefined, now: EpochMillis, source: FrameSource): boolean {
    if (event.type !== 'ticker' && event.type !== 'quote' && event.type !== 'orderBook') return false;
    const order = sequence ?? event.exchangeTime;
    if (order === null || !this.#orders[event.type].isOutdated(event, order, now, source)) return false;
    this.#countsOf(event.exchange).outdatedStates += 1;
    return true;
  }

  #isNew(event: MarketEvent, now: EpochMillis): boolean {
    switch (event.type) {
      case 'trade': {
        const isNew = this.#trades.admit(event, now);
        if (!isNew) this.#countsOf(event.exchange).duplicateTrades += 1;
        return isNew;
      }
      case 'quote': {
        const digest = digestOf(event);
        if (this.#quotes.get(event) === digest) {
          this.#countsOf(event.exchange).unchangedQuotes += 1;
          return false;
        }
        this.#quotes.set(event, digest);
        return true;
      }
      case 'orderBook': {
        const pacing = this.#books.offer(event, now);
        if (pacing === 'unchanged') this.#countsOf(event.exchange).unchangedOrderBooks += 1;
        if (pacing === 'replace') this.#countsOf(event.exchange).replacedOrderBooks += 1;
        return pacing === 'publish';
      }
      default:
        return true;
    }
  }

  #admitCandles(exchange: ExchangeName, candles: readonly Candle[] | 'refused', admitted: MarketEvent[]): void {
    if (candles === 'refused') {
      this.#countsOf(exchange).lateCandles += 1;
      return;
    }
    for (const candle of candles) this.#count(candle);
    admitted.push(...candles);
  }

  #count(event: MarketEvent): void {
    this.#countsOf(event.exchange).events[event.type] += 1;
  }

  #reject(exchange: ExchangeName, rejection: Rejection, now: EpochMillis): void {
    this.#rejections.add(exchange, rejection, now);
  }

  #countsOf(exchange: ExchangeName): MutableCounts {
    let counts = this.#counts.get(exchange);
    if (counts === undefined) {
      counts = {
        exchange,
        frames: 0,
        controlFrames: 0,
        events: { trade: 0, ticker: 0, quote: 0, orderBook: 0, candle: 0, feed: 0, gap: 0 },
        duplicateTrades: 0,
        unchangedQuotes: 0,
        unchangedOrderBooks: 0,
        outdatedStates: 0,
        replacedOrderBooks: 0,
        lateCandles: 0,
      };
      this.#counts.set(exchange, counts);
    }
    return counts;
  }
}

/** Adapters do not throw. Should one do it all the same, it costs one frame and not the process. */
function convertSafely(
  adapter: ExchangeAdapter,
  frame: Uint8Array,
  receivedTime: EpochMillis,
  instruments: InstrumentIndex,
): Conversion {
  try {
    return adapter.convert(frame, receivedTime, instruments);
  } catch (error) {
    const detail = `the adapter threw: ${error instanceof Error ? error.message : String(error)}`;
    return { kind: 'rejected', rejections: [{ channel: 'unknown', reason: 'unrecognised', detail }] };
  }
}

function digestOf({ bid, bidSize, ask, askSize }: Quote): number {
  const digest = new TextDigest();
  digest.add(bid ?? '');
  digest.add(bidSize ?? '');
  digest.add(ask ?? '');
  digest.add(askSize ?? '');
  return digest.value;
}

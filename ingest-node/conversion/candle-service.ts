/**
 * All minute candles: those the exchanges send, and those we build from trades where they send none. How an exchange has
 * them is said by its adapter; when one is closed, by {@link CandleTracker}; how far a feed was heard, by
 * {@link HeardFeeds}.
 */
import { isZero } from '../../shared/model/decimal.ts';
import type { ExchangeName } from '../../shared/model/exchange.ts';
import type { Candle, Trade } from '../../shared/model/market-event.ts';
import type { EpochMillis } from '../../shared/model/time.ts';
import type { Conversion, ExchangeAdapter } from '../exchanges/exchange-adapter.ts';
import { CandleBuilder } from './candle-builder.ts';
import { CandleTracker } from './candle-tracker.ts';
import { type FrameSource, HeardFeeds } from './heard-feeds.ts';
import { MissingCandles, type MissingMinutes } from './missing-candles.ts';

type CandleRule = Pick<ExchangeAdapter, 'exchange' | 'candles'>;

/** What other leaders said in the stream counts as if a feed of this name had said it. */
const streamOf = (exchange: ExchangeName): string => `${exchange} in the stream`;

export class CandleService {
  readonly #heard = new HeardFeeds();
  readonly #missing = new MissingCandles();
  readonly #fetched: ReadonlySet<ExchangeName>;
  readonly #tracker = new CandleTracker(this.#heard);
  readonly #builder = new CandleBuilder();
  readonly #rules = new Map<ExchangeName, CandleRule['candles']>();

  /** @param fetched exchanges whose candles can be asked for afterwards; none unless told */
  constructor(fetched: ReadonlySet<ExchangeName> = new Set()) {
    this.#fetched = fetched;
  }

  /** Told of each frame from a socket before its events are offered. */
  listen(
    { exchange, candles }: CandleRule,
    conversion: Conversion,
    receivedTime: EpochMillis,
    source: FrameSource,
  ): void {
    this.#rules.set(exchange, candles);
    // A message without a time of the exchange may have been long on its way.
    if (conversion.kind !== 'events') return;
    const { feed, isFirst } = source;
    let newest = Number.NEGATIVE_INFINITY;
    for (const event of conversion.events) {
      if (event.exchangeTime !== null && event.exchangeTime > newest) newest = event.exchangeTime;
      if (event.type === 'trade' && candles === 'fromTrades') this.#builder.observe(event, source);
    }
    if (isFirst && Number.isFinite(newest)) this.#heard.told(exchange, feed, newest, receivedTime);
  }

  /** A feed has answered what it was asked at this time of ours: everything before has come. */
  alive(exchange: ExchangeName, feed: string, time: EpochMillis): void {
    this.#heard.alive(exchange, feed, time);
  }

  /** The feeds whose sign of life is wanted. */
  takeUnheard(): readonly string[] {
    return this.#tracker.takeUnheard();
  }

  /** What to publish of a candle that was sent; `'refused'` when it is late. */
  offer(candle: Candle, now: EpochMillis, source: FrameSource | null): readonly Candle[] | 'refused' {
    const hasWord = this.#rules.get(candle.exchange) === 'sentWithClosing';
    const published = this.#tracker.offer(candle, now, hasWord, source);
    return published === 'refused' ? published : this.#noteClosed(published);
  }

  /**
   * What to publish after a trade that was never added before; nothing where the exchange sends candles itself.
   *
   * @param source `null` for one that was fetched
   */
  add(trade: Trade, now: EpochMillis, source: FrameSource | null): readonly Candle[] | 'refused' {
    if (this.#rules.get(trade.exchange) !== 'fromTrades') return [];
    const candle = this.#builder.add(trade, source === null);
    if (candle === null || candle === 'refused') return candle ?? [];
    const published = this.#tracker.offer(candle, now, false, source);
    return published === 'refused' ? published : this.#noteClosed(published);
  }

  /** Something of these instruments may be missed from now on, or since an earlier time. */
  interrupt(exchange: ExchangeName, symbols: readonly string[], at?: EpochMillis): void {
    this.#tracker.interrupt(exchange, symbols);
    this.#builder.interrupt(exchange, symbols, at);
    if (!this.#fetched.has(exchange)) return;
    for (const symbol of symbols) {
      const { feed, over } = this.#tracker.stateOf(exchange, symbol);
      const heardUntil = this.#heard.until(feed ?? streamOf(exchange));
      this.#missing.interrupt(exchange, symbol, Math.min(heardUntil, at ?? heardUntil), over);
    }
  }

  /** What an instrument that a feed delivers again has missed until now, to be settled; `null` where that is nothing. */
  missingOf(exchange: ExchangeName, symbol: string, now: EpochMillis): MissingMinutes | null {
    return this.#missing.ask(exchange, symbol, now);
  }

  /** What to publish of all candles that there are of these minutes, in order. */
  settle(missing: MissingMinutes, past: readonly Candle[]): readonly Candle[] {
    const candles = this.#missing.settle(missing, past).filter(({ volume }) => !isZero(volume));
    for (const candle of candles) this.#tracker.remember(candle);
    return candles;
  }

  /**
   * What to publish once all trades that this instrument missed were added, or once it is known that some never will be:
   * the minutes that were in doubt, closed if their time is over.
   */
  resolve(exchange: ExchangeName, symbol: string, isWhole: boolean, now: EpochMillis): readonly Candle[] {
    const { candles, source } = this.#builder.resolve(exchange, symbol, isWhole);
    const published = candles.flatMap(candle => {
      if (this.#tracker.isOver(candle)) return [{ ...candle, closed: true }];
      const offered = this.#tracker.offer(candle, now, false, source);
      return offered === 'refused' ? [] : offered;
    });
    return this.#noteClosed(published);
  }

  /** Another node published the trades of these instruments until now: what we build begins here. */
  beginAnew(exchange: ExchangeName, symbols: Iterable<string>, now: EpochMillis, source: FrameSource): void {
    if (this.#rules.get(exchange) !== 'fromTrades') return;
    const all = [...symbols];
    this.#tracker.interrupt(exchange, all);
    for (const symbol of all) this.#builder.begin(exchange, symbol, now, source);
  }

  /** Another node publishes from now on, and knows what is missing. */
  forget(): void {
    this.#builder.forget();
    this.#tracker.forgetFeeds();
    this.#missing.clear();
  }

  /** Another leader published this one. */
  remember(candle: Candle): void {
    const { exchange, exchangeTime, receivedTime } = candle;
    this.#tracker.remember(candle);
    if (exchangeTime !== null) this.#heard.told(exchange, streamOf(exchange), exchangeTime, receivedTime);
    if (candle.closed) this.#noteClosed([candle]);
  }

  flush(now: EpochMillis): readonly Candle[] {
    return this.#noteClosed(this.#tracker.flush(now));
  }

  #noteClosed(published: readonly Candle[]): readonly Candle[] {
    for (const candle of published) {
      if (!candle.closed) continue;
      this.#builder.close(candle);
      this.#missing.close(candle);
    }
    return published;
  }
}

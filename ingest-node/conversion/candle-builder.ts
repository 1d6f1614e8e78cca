/**
 * Minute candles from trades, for exchanges that send none: every sum exact, marked `derived`.
 *
 * A candle is made only of a minute that was observed from its beginning: its instrument's trades were heard on the
 * socket at least {@link OBSERVE_BEFORE_MS} before it (the exchange's clock and ours may differ by as much), and nothing
 * was missed since. A minute that was joined in the middle has no candle at all: better none than one that looks whole.
 * One that an interruption fell into waits, and its trades are still counted: when all that was missed has been read back,
 * it is as good as any other, and when that cannot be, it has none.
 *
 * A trade belongs to the minute of its `exchangeTime`; without one, to the minute in which it came. Opening and closing
 * price are those of the earliest and the latest trade by that time, so trades that were fetched afterwards find their
 * place as long as their minute is not closed. Of equals the order of arrival counts; a fetched one stands between what
 * came before the interruption and what came after it.
 */
import { addDecimals, compareDecimals, type Decimal, multiplyDecimals } from '../../shared/model/decimal.ts';
import type { ExchangeName } from '../../shared/model/exchange.ts';
import type { Candle, Trade } from '../../shared/model/market-event.ts';
import { type EpochMillis, MINUTE_MS } from '../../shared/model/time.ts';
import { FUTURE_LIMIT_MS } from './candle-tracker.ts';
import type { FrameSource } from './heard-feeds.ts';

export const OBSERVE_BEFORE_MS = 2_000;

/** Minutes of an instrument that wait. Reading back is given up long before. */
const MOST_MINUTES = 30;

type Observed = {
  source: FrameSource;
  /** Since when its trades are heard without a gap; `null` from an interruption until they are heard again. */
  since: EpochMillis | null;
  /** The same, once all that interruptions made it miss is read back; `null` where nothing is in doubt. */
  sinceIfWhole: EpochMillis | null;
  /** When its last trade came that no interruption kept back; fetched ones take their place after it. */
  interruptedAt: EpochMillis | null;
  /** When its newest trade came on a socket, but for the answers to subscriptions: what is missing lies before those. */
  heardAt: EpochMillis;
  /** Those that are not closed. */
  readonly minutes: Map<EpochMillis, Minute>;
  /** Opening time of the newest minute that is closed. */
  closed: EpochMillis;
};

/** When a trade happened, and, of those that happened at the same time, when it came or should have come. */
type Place = { readonly time: EpochMillis; readonly came: EpochMillis };

type Minute = {
  readonly openTime: EpochMillis;
  /** The one that came last. */
  newest: Trade;
  first: Place;
  last: Place;
  open: Decimal;
  high: Decimal;
  low: Decimal;
  close: Decimal;
  volume: Decimal;
  quoteVolume: Decimal;
};

export class CandleBuilder {
  /** By exchange and symbol. */
  readonly #observed = new Map<string, Observed>();

  /** A trade of this instrument came on a socket, new or repeated: from now on nothing is missed. */
  observe({ exchange, symbol, receivedTime, backfilled }: Trade, source: FrameSource): void {
    const observed = this.#observed.get(`${exchange}:${symbol}`);
    if (observed === undefined) this.begin(exchange, symbol, receivedTime, source);
    else {
      observed.source = source;
      observed.since ??= receivedTime;
      if (backfilled !== true) observed.heardAt = receivedTime;
    }
  }

  /** Nothing of this instrument is missed from this time on; what was before is not known. */
  begin(exchange: ExchangeName, symbol: string, since: EpochMillis, source: FrameSource): void {
    const closed = this.#observed.get(`${exchange}:${symbol}`)?.closed ?? Number.NEGATIVE_INFINITY;
    const observed = {
      source,
      since,
      sinceIfWhole: null,
      interruptedAt: null,
      heardAt: since,
      minutes: new Map(),
      closed,
    };
    this.#observed.set(`${exchange}:${symbol}`, observed);
  }

  /**
   * Something of these instruments may be missed from now on, until they are heard again.
   *
   * @param at since when it may be, where that was before what was heard last
   */
  interrupt(exchange: ExchangeName, symbols: Iterable<string>, at?: EpochMillis): void {
    for (const symbol of symbols) {
      const observed = this.#observed.get(`${exchange}:${symbol}`);
      if (observed === undefined) continue;
      observed.sinceIfWhole ??= observed.since;
      observed.since = null;
      observed.interruptedAt = at ?? observed.heardAt;
    }
  }

  /**
   * All that interruptions made this instrument miss has been added, or it is known that some of it never will be. Answers
   * with the minutes that are whole by that and were in doubt before, the oldest first.
   */
  resolve(exchange: ExchangeName, symbol: string, isWhole: boolean): { candles: Candle[]; source: FrameSource | null } {
    const observed = this.#observed.get(`${exchange}:${symbol}`);
    if (observed === undefined || observed.sinceIfWhole === null) return { candles: [], source: null };
    const { sinceIfWhole, minutes, source, since } = observed;
    observed.sinceIfWhole = null;
    if (isWhole) observed.since = sinceIfWhole;
    for (const openTime of minutes.keys()) {
      if (!isObserved(openTime, observed.since)) minutes.delete(openTime);
    }
    const whole = [...minutes.values()].filter(({ openTime }) => isWhole && !isObserved(openTime, since));
    const candles = whole.sort((a, b) => a.openTime - b.openTime).map(minute => candleOf(minute, minute.newest));
    return { candles, source };
  }

  /** This one was published as closed: what comes of its minute is late. */
  close({ exchange, symbol, openTime }: Candle): void {
    const observed = this.#observed.get(`${exchange}:${symbol}`);
    if (observed === undefined) return;
    observed.minutes.delete(openTime);
    observed.closed = Math.max(observed.closed, openTime);
  }

  /** Somebody else publishes the trades from now on. */
  forget(): void {
    this.#observed.clear();
  }

  /**
   * The open candle with this trade in it, which must not have been added before. `null` in a minute that has none, or none
   * so far; `'refused'` when its minute is closed, and for a trade from the future.
   *
   * @param isFetched whether it came by no socket
   */
  add(trade: Trade, isFetched = false): Candle | 'refused' | null {
    const observed = this.#observed.get(`${trade.exchange}:${trade.symbol}`);
    const time = trade.exchangeTime ?? trade.receivedTime;
    const openTime = Math.floor(time / MINUTE_MS) * MINUTE_MS;
    if (openTime > trade.receivedTime + FUTURE_LIMIT_MS) return 'refused';
    if (observed === undefined || !isObserved(openTime, observed.sinceIfWhole ?? observed.since)) return null;
    const { minutes, closed, since, interruptedAt } = observed;
    const place = { time, came: (isFetched ? interruptedAt : null) ?? trade.receivedTime };
    let minute = minutes.get(openTime);
    if (minute === undefined && openTime <= closed) return 'refused';
    if (minute === undefined) {
      minute = minuteOf(trade, place, openTime);
      minutes.set(openTime, minute);
      if (minutes.size > MOST_MINUTES) giveUpOldest(observed);
    } else include(minute, trade, place);
    return isObserved(openTime, since) ? candleOf(minute, trade) : null;
  }
}

function isObserved(openTime: EpochMillis, since: EpochMillis | null): boolean {
  return since !== null && openTime >= since + OBSERVE_BEFORE_MS;
}

/** Trades of it that still come must not begin it anew. */
function giveUpOldest(observed: Observed): void {
  const oldest = Math.min(...observed.minutes.keys());
  observed.minutes.delete(oldest);
  observed.closed = Math.max(observed.closed, oldest);
}

function minuteOf(trade: Trade, place: Place, openTime: EpochMillis): Minute {
  const { price, size } = trade;
  const prices = { open: price, high: price, low: price, close: price };
  return {
    ...{ openTime, newest: trade, first: place, last: place, ...prices },
    ...{ volume: size, quoteVolume: multiplyDecimals(price, size) },
  };
}

function include(minute: Minute, trade: Trade, place: Place): void {
  const { price, size } = trade;
  minute.newest = trade;
  if (isBefore(place, minute.first)) {
    minute.first = place;
    minute.open = price;
  }
  if (!isBefore(place, minute.last)) {
    minute.last = place;
    minute.close = price;
  }
  if (compareDecimals(price, minute.high) > 0) minute.high = price;
  if (compareDecimals(price, minute.low) < 0) minute.low = price;
  minute.volume = addDecimals(minute.volume, size);
  minute.quoteVolume = addDecimals(minute.quoteVolume, multiplyDecimals(price, size));
}

function isBefore(one: Place, other: Place): boolean {
  return one.time < other.time || (one.time === other.time && one.came < other.came);
}

function candleOf(minute: Minute, { exchange, symbol, receivedTime }: Trade): Candle {
  const { openTime, last, open, high, low, close, volume, quoteVolume } = minute;
  return {
    type: 'candle',
    offset: 0,
    exchange,
    symbol,
    exchangeTime: last.time,
    receivedTime,
    interval: '1m',
    openTime,
    open,
    high,
    low,
    close,
    volume,
    quoteVolume,
    closed: false,
    derived: true,
  };
}

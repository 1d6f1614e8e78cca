/**
 * Minute candles from trades, for exchanges that send none: every sum exact, marked `derived`.
 *
 * A candle is made only of a minute that was observed from its beginning: its instrument's trades were heard on the
 * socket at least {@link OBSERVE_BEFORE_MS} before it (the exchange's clock and ours may differ by as much), and nothing
 * interrupted since. A minute that was joined in the middle, or that an outage fell into, has no candle at all, even
 * when its missed trades are fetched afterwards: better none than one that looks whole.
 *
 * A trade belongs to the minute of its `exchangeTime`; without one, to the minute in which it came. Opening and closing
 * price are those of the earliest and the latest trade by that time, of equals by arrival, so trades that were fetched
 * afterwards find their place as long as their minute is the newest.
 */
import { addDecimals, compareDecimals, type Decimal, multiplyDecimals } from '../../shared/model/decimal.ts';
import type { ExchangeName } from '../../shared/model/exchange.ts';
import type { Candle, Trade } from '../../shared/model/market-event.ts';
import { type EpochMillis, MINUTE_MS } from '../../shared/model/time.ts';
import { FUTURE_LIMIT_MS } from './candle-tracker.ts';

export const OBSERVE_BEFORE_MS = 2_000;

type Observed = {
  /** Since when its trades are heard without a gap. */
  readonly since: EpochMillis;
  minute: Minute | null;
};

type Minute = {
  readonly openTime: EpochMillis;
  firstTime: EpochMillis;
  lastTime: EpochMillis;
  open: Decimal;
  high: Decimal;
  low: Decimal;
  close: Decimal;
  volume: Decimal;
  quoteVolume: Decimal;
};

export class CandleBuilder {
  /** By exchange and symbol; absent while something may be missed. */
  readonly #observed = new Map<string, Observed>();

  /** A trade of this instrument came on a socket, new or repeated: from now on nothing is missed. */
  observe({ exchange, symbol, receivedTime }: Trade): void {
    const key = `${exchange}:${symbol}`;
    if (!this.#observed.has(key)) this.#observed.set(key, { since: receivedTime, minute: null });
  }

  /** Something of these instruments may be missed from now on, until they are heard again. */
  interrupt(exchange: ExchangeName, symbols: Iterable<string>): void {
    for (const symbol of symbols) this.#observed.delete(`${exchange}:${symbol}`);
  }

  /**
   * The open candle with this trade in it, which must not have been added before. `null` in a minute that has none,
   * `'refused'` when a newer minute has begun, or for a trade from the future.
   */
  add(trade: Trade): Candle | 'refused' | null {
    const observed = this.#observed.get(`${trade.exchange}:${trade.symbol}`);
    const time = trade.exchangeTime ?? trade.receivedTime;
    const openTime = Math.floor(time / MINUTE_MS) * MINUTE_MS;
    if (openTime > trade.receivedTime + FUTURE_LIMIT_MS) return 'refused';
    if (observed === undefined || openTime < observed.since + OBSERVE_BEFORE_MS) return null;
    let { minute } = observed;
    if (minute !== null && openTime < minute.openTime) return 'refused';
    if (minute !== null && openTime === minute.openTime) include(minute, trade, time);
    else minute = minuteOf(trade, time, openTime);
    observed.minute = minute;
    return candleOf(minute, trade);
  }
}

function minuteOf({ price, size }: Trade, time: EpochMillis, openTime: EpochMillis): Minute {
  const prices = { open: price, high: price, low: price, close: price };
  return {
    ...{ openTime, firstTime: time, lastTime: time, ...prices },
    ...{ volume: size, quoteVolume: multiplyDecimals(price, size) },
  };
}

function include(minute: Minute, { price, size }: Trade, time: EpochMillis): void {
  if (time < minute.firstTime) {
    minute.firstTime = time;
    minute.open = price;
  }
  if (time >= minute.lastTime) {
    minute.lastTime = time;
    minute.close = price;
  }
  if (compareDecimals(price, minute.high) > 0) minute.high = price;
  if (compareDecimals(price, minute.low) < 0) minute.low = price;
  minute.volume = addDecimals(minute.volume, size);
  minute.quoteVolume = addDecimals(minute.quoteVolume, multiplyDecimals(price, size));
}

function candleOf(minute: Minute, { exchange, symbol, receivedTime }: Trade): Candle {
  const { openTime, lastTime, open, high, low, close, volume, quoteVolume } = minute;
  return {
    type: 'candle',
    offset: 0,
    exchange,
    symbol,
    exchangeTime: lastTime,
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

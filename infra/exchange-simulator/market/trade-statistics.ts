import type { Prng } from './prng.ts';
import { floorToTick, type TickTable } from './tick-table.ts';
import { type Trade, tradeMs } from './trade.ts';

export const MINUTE_MS = 60_000;
export const HOUR_MS = 3_600_000;
export const DAY_MS = 86_400_000;

/** Trades of one stretch of time. Prices in price units, volumes in size units, quote volumes in the product. */
export type Candle = {
  startMs: number;
  open: number;
  high: number;
  low: number;
  close: number;
  volume: bigint;
  quoteVolume: bigint;
  /** The part of the volumes that takers bought. */
  buyVolume: bigint;
  buyQuoteVolume: bigint;
  count: number;
  /** Number of the last trade inside, or before it when `count` is 0. */
  lastNumber: number;
  lastTradeMs: number;
};

/** The steps prices and sizes must stand on. */
export type Grid = { tick: TickTable; lotUnits: number };

/** How much trades in a day: how many trades, and of what size (size units) on average. */
export type DailyPace = { trades: number; size: number };

/** Hours kept: a rolling day, the day before today's start, and the current one. */
const HOURS = 49;
const MINUTES = 240;
const INVENTED_MINUTES = 30;

function empty(startMs: number, price: number, lastNumber: number): Candle {
  return {
    startMs,
    open: price,
    high: price,
    low: price,
    close: price,
    volume: 0n,
    quoteVolume: 0n,
    buyVolume: 0n,
    buyQuoteVolume: 0n,
    count: 0,
    lastNumber,
    lastTradeMs: startMs,
  };
}

function add(candle: Candle, trade: Trade): void {
  const size = BigInt(trade.size);
  const quote = size * BigInt(trade.price);
  if (candle.count === 0) {
    candle.open = trade.price;
    candle.high = trade.price;
    candle.low = trade.price;
  }
  if (trade.price > candle.high) candle.high = trade.price;
  if (trade.price < candle.low) candle.low = trade.price;
  candle.close = trade.price;
  candle.volume += size;
  candle.quoteVolume += quote;
  if (trade.takerBuys) {
    candle.buyVolume += size;
    candle.buyQuoteVolume += quote;
  }
  candle.count += 1;
  candle.lastNumber = trade.number;
  candle.lastTradeMs = tradeMs(trade);
}

function merge(into: Candle, next: Candle): void {
  if (into.count === 0) {
    into.open = next.open;
    into.high = next.high;
    into.low = next.low;
  } else if (next.count > 0) {
    into.high = Math.max(into.high, next.high);
    into.low = Math.min(into.low, next.low);
  }
  into.close = next.close;
  into.volume += next.volume;
  into.quoteVolume += next.quoteVolume;
  into.buyVolume += next.buyVolume;
  into.buyQuoteVolume += next.buyQuoteVolume;
  into.count += next.count;
  into.lastNumber = next.lastNumber;
  into.lastTradeMs = next.lastTradeMs;
}

/**
 * Sums over the trades of one instrument: hours (from which rolling and calendar days are added up; a rolling day
 * moves in whole hours) and minutes (candles). Starts with an invented past so that a ticker is never empty.
 */
export class TradeStatistics {
  readonly #hours: Candle[];
  readonly #minutes: Candle[];
  readonly #sums = new Map<number, { hourMs: number; candle: Candle }>();
  /** Of the zone that asked last: what it holds does not change any more. */
  #dayBefore: Candle | null = null;

  /** `daily` is the pace of the days before the start; null when there were none. */
  constructor(startMs: number, price: number, daily: DailyPace | null, shape: Grid, prng: Prng) {
    if (daily === null) {
      const opening = floorToTick(price, shape.tick);
      this.#hours = [empty(Math.floor(startMs / HOUR_MS) * HOUR_MS, opening, 0)];
      this.#minutes = [empty(Math.floor(startMs / MINUTE_MS) * MINUTE_MS, opening, 0)];
      return;
    }
    this.#hours = inventPast(startMs, HOUR_MS, HOURS - 1, price, daily, shape, prng, 0.004);
    this.#minutes = inventPast(startMs, MINUTE_MS, INVENTED_MINUTES, price, daily, shape, prng, 0.0006);
  }

  record(trade: Trade): void {
    const timeMs = tradeMs(trade);
    add(this.#current(this.#hours, HOUR_MS, HOURS, timeMs), trade);
    add(this.#current(this.#minutes, MINUTE_MS, MINUTES, timeMs), trade);
  }

  /** The 24 hours that end now, in whole hours. */
  rollingDay(nowMs: number): Candle {
    return this.#since(Math.floor(nowMs / HOUR_MS) * HOUR_MS - 23 * HOUR_MS, -1);
  }

  /** The calendar day of a zone `offsetMs` ahead of UTC, and the price it opened against. */
  day(nowMs: number, offsetMs: number): { today: Candle; previousClose: number } {
    const startMs = Math.floor((nowMs + offsetMs) / DAY_MS) * DAY_MS - offsetMs;
    const before = this.#hours.findLast(hour => hour.startMs < startMs);
    const today = this.#since(startMs, offsetMs);
    return { today, previousClose: before?.close ?? today.open };
  }

  /** The calendar day before that one. */
  dayBefore(nowMs: number, offsetMs: number): Candle {
    const endMs = Math.floor((nowMs + offsetMs) / DAY_MS) * DAY_MS - offsetMs;
    const startMs = endMs - DAY_MS;
    if (this.#dayBefore?.startMs === startMs) return this.#dayBefore;
    const candle = empty(startMs, this.day(nowMs, offsetMs).previousClose, 0);
    for (const hour of this.#hours) if (hour.startMs >= startMs && hour.startMs < endMs) merge(candle, hour);
    this.#dayBefore = candle;
    return candle;
  }

  /** Highest and lowest price that is kept. */
  range(): { high: number; low: number } {
    let high = 0;
    let low = Number.MAX_SAFE_INTEGER;
    for (const hour of this.#hours) {
      high = Math.max(high, hour.high);
      low = Math.min(low, hour.low);
    }
    return { high, low };
  }

  /** The minute of the last trade, however long ago that was. */
  latestMinute(): Candle {
    return this.#minutes.at(-1)!;
  }

  /** The minute that starts then: flat when nothing traded in it. */
  minute(startMs: number): Candle {
    for (let index = this.#minutes.length - 1; index >= 0; index -= 1) {
      const candle = this.#minutes[index]!;
      if (candle.startMs === startMs) return candle;
      if (candle.startMs < startMs) return empty(startMs, candle.close, candle.lastNumber);
    }
    return empty(startMs, this.#minutes[0]!.open, 0);
  }

  /** Minutes with trades, oldest first. */
  get minutes(): readonly Candle[] {
    return this.#minutes;
  }

  /** Trades that the invented past counts, so that trade ids can start above them. */
  get inventedCount(): number {
    return this.#hours.reduce((sum, hour) => sum + hour.count, 0);
  }

  #current(candles: Candle[], lengthMs: number, keep: number, timeMs: number): Candle {
    const startMs = Math.floor(timeMs / lengthMs) * lengthMs;
    const last = candles.at(-1)!;
    if (last.startMs >= startMs) return last;
    const next = empty(startMs, last.close, last.lastNumber);
    candles.push(next);
    if (candles.length > keep) candles.shift();
    return next;
  }

  /** Whole hours from `fromMs`. The closed ones are added up once per hour and zone, not once per ticker. */
  #since(fromMs: number, zone: number): Candle {
    const current = this.#hours.at(-1)!;
    if (current.startMs < fromMs) return empty(fromMs, current.close, current.lastNumber);
    let sum = this.#sums.get(zone);
    if (sum === undefined || sum.hourMs !== current.startMs || sum.candle.startMs !== fromMs) {
      const opened = this.#hours.find(hour => hour.startMs >= fromMs)!;
      const candle = empty(fromMs, opened.open, 0);
      for (const hour of this.#hours) if (hour.startMs >= fromMs && hour !== current) merge(candle, hour);
      sum = { hourMs: current.startMs, candle };
      this.#sums.set(zone, sum);
    }
    const total = { ...sum.candle };
    merge(total, current);
    return total;
  }
}

/** A walk backwards from today's price. */
function inventPast(
  startMs: number,
  lengthMs: number,
  count: number,
  price: number,
  daily: DailyPace,
  shape: Grid,
  prng: Prng,
  spread: number,
): Candle[] {
  const onGrid = (value: number): number => Math.max(shape.tick(0), floorToTick(value, shape.tick));
  const candles: Candle[] = [];
  let close = onGrid(price);
  const last = Math.floor(startMs / lengthMs) * lengthMs;
  for (let back = 0; back < count; back += 1) {
    const open = onGrid(close * (1 + prng.gauss() * spread));
    const candle = empty(last - back * lengthMs, open, 0);
    candle.high = Math.max(open, close, onGrid(Math.max(open, close) * (1 + prng.unit() * spread * 0.5)));
    candle.low = onGrid(Math.min(open, close) * (1 - prng.unit() * spread * 0.5));
    candle.close = close;
    candle.count = Math.max(1, Math.round(((daily.trades * lengthMs) / DAY_MS) * (0.5 + prng.unit())));
    const lots = Math.max(1, Math.round((candle.count * daily.size * (0.7 + 0.6 * prng.unit())) / shape.lotUnits));
    candle.volume = BigInt(lots) * BigInt(shape.lotUnits);
    candle.quoteVolume = candle.volume * BigInt(Math.round((open + close) / 2));
    candle.buyVolume = BigInt(Math.round(lots * (0.4 + 0.2 * prng.unit()))) * BigInt(shape.lotUnits);
    candle.buyQuoteVolume = candle.buyVolume * BigInt(Math.round((open + close) / 2));
    candles.unshift(candle);
    close = open;
  }
  return candles;
}

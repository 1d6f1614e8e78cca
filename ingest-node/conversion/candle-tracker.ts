/**
 * Which minute candle of an instrument is open, and when it is closed: once, and never changed after.
 *
 * A candle is closed
 * 1. by the exchange's own word, where it has one (Binance's `x`);
 * 2. else by the next candle of its instrument;
 * 3. else by the clock, {@link CLOSE_AFTER_MS} after its minute, so that a market that stops trading is closed too. An
 *    exchange that has a word of its own is given {@link AWAIT_WORD_MS}: its last frame before the word can lack seconds.
 *
 * Our clock alone proves nothing: while a socket is silently dead, the end of a minute has not reached us. So the clock
 * closes a candle only when the exchange has been heard from beyond the minute. And an interruption leaves open candles
 * in doubt: one is closed only if a later frame, which says the whole minute again, takes the doubt away. One in doubt
 * whose minute is followed by another is never closed, because nobody knows what it missed.
 *
 * No timer and no clock: the caller passes the times in.
 */
import { compareDecimals, isZero } from '../../shared/model/decimal.ts';
import type { ExchangeName } from '../../shared/model/exchange.ts';
import type { Candle } from '../../shared/model/market-event.ts';
import { type EpochMillis, MINUTE_MS } from '../../shared/model/time.ts';

export const CLOSE_AFTER_MS = 2_000;
export const AWAIT_WORD_MS = 5_000;
/** A minute that opens later than this after now is a fault of somebody's clock, and would make all real ones late. */
export const FUTURE_LIMIT_MS = 60_000;

type Window = {
  readonly exchange: ExchangeName;
  open: Candle | null;
  /** When the clock closes {@link open}. */
  deadline: EpochMillis;
  /** Whether something of {@link open} may have been missed. */
  isDoubtful: boolean;
  /** Opening time of the newest minute that is over, closed or given up. */
  over: EpochMillis;
};

export class CandleTracker {
  readonly #windows = new Map<string, Window>();
  readonly #heardUntil = new Map<ExchangeName, EpochMillis>();
  #nextDeadline: EpochMillis = Number.POSITIVE_INFINITY;

  /**
   * What to publish, in this order: at most the closing of the minute before, and this candle. `'refused'` for one that
   * is late: its minute is over, or more of it is known already; and for one from the future. A minute without trades is
   * no candle, but it closes the one before. `hasWord`: whether its exchange says itself which candle is closed.
   */
  offer(candle: Candle, now: EpochMillis, hasWord: boolean): readonly Candle[] | 'refused' {
    const window = this.#windowOf(candle);
    const { openTime } = candle;
    if (openTime <= window.over || openTime > now + FUTURE_LIMIT_MS) return 'refused';
    const known = window.open;
    if (known !== null && openTime < known.openTime) return 'refused';
    const growth = known?.openTime === openTime ? compareDecimals(candle.volume, known.volume) : 1;
    if (growth < 0) return 'refused';

    const published: Candle[] = [];
    if (known !== null && openTime > known.openTime) close(window, known, published);
    if (isZero(candle.volume)) return published;
    window.open = candle;
    window.isDoubtful = false;
    if (candle.closed) {
      close(window, candle, published);
      return published;
    }
    window.deadline = openTime + MINUTE_MS + (hasWord ? AWAIT_WORD_MS : CLOSE_AFTER_MS);
    this.#nextDeadline = Math.min(this.#nextDeadline, window.deadline);
    if (growth > 0) published.push(candle);
    return published;
  }

  /** The exchange has told us everything up to this moment of its clock. */
  heard(exchange: ExchangeName, until: EpochMillis): void {
    if (until > (this.#heardUntil.get(exchange) ?? 0)) this.#heardUntil.set(exchange, until);
  }

  /** Something of these instruments may be missed from now on. */
  interrupt(exchange: ExchangeName, symbols: Iterable<string>): void {
    for (const symbol of symbols) {
      const window = this.#windows.get(`${exchange}:${symbol}`);
      if (window !== undefined && window.open !== null) window.isDoubtful = true;
    }
  }

  /** Another leader published this one: if it is closed, it is not published again. */
  remember(candle: Candle): void {
    const window = this.#windowOf(candle);
    if (!candle.closed || candle.openTime <= window.over) return;
    window.over = candle.openTime;
    if (window.open !== null && window.open.openTime <= window.over) window.open = null;
  }

  /** The candles whose time is over, closed. */
  flush(now: EpochMillis): readonly Candle[] {
    if (now < this.#nextDeadline) return [];
    const closed: Candle[] = [];
    this.#nextDeadline = Number.POSITIVE_INFINITY;
    for (const window of this.#windows.values()) {
      const { open, deadline, exchange } = window;
      if (open === null || window.isDoubtful) continue;
      const isHeard = (this.#heardUntil.get(exchange) ?? 0) >= open.openTime + MINUTE_MS;
      if (now >= deadline && isHeard) close(window, open, closed);
      else this.#nextDeadline = Math.min(this.#nextDeadline, deadline);
    }
    return closed;
  }

  #windowOf({ exchange, symbol }: Candle): Window {
    const key = `${exchange}:${symbol}`;
    let window = this.#windows.get(key);
    if (window === undefined) {
      window = { exchange, open: null, deadline: 0, isDoubtful: false, over: Number.NEGATIVE_INFINITY };
      this.#windows.set(key, window);
    }
    return window;
  }
}

/** The minute is over; what is known of it is its last word, unless it is in doubt. */
function close(window: Window, candle: Candle, published: Candle[]): void {
  // A copy without its offset: the open one may have been sealed.
  if (!window.isDoubtful) published.push({ ...candle, offset: 0, closed: true });
  window.open = null;
  window.over = candle.openTime;
}

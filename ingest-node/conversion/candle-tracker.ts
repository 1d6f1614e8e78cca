/**
 * Which minute candle of an instrument is open, and when it is closed: once, and never changed after.
 *
 * A candle is closed
 * 1. by the exchange's own word, where it has one (Binance's `x`);
 * 2. else by the next candle of its instrument on the same feed;
 * 3. else by the clock, {@link CLOSE_AFTER_MS} after its minute, so that a market that stops trading is closed too. An
 *    exchange that has a word of its own is given {@link AWAIT_WORD_MS}: its last frame before the word can lack seconds.
 *
 * Our clock alone proves nothing: while a socket is silently dead, the end of a minute has not reached us. So the clock
 * closes a candle only when the very feed that carries it was heard until {@link PROOF_BEFORE_MS} before the clock does,
 * which is after the exchange has sent its last frame of the minute. A feed that has nothing to say is asked for a sign of
 * life in time. And an interruption leaves open candles in doubt: one is closed only if a later frame, which says the
 * whole minute again, takes the doubt away. One in doubt whose minute is followed by another is never closed here, because
 * nobody knows what it missed.
 *
 * No timer and no clock: the caller passes the times in.
 */
import { compareDecimals, isZero } from '../../shared/model/decimal.ts';
import type { ExchangeName } from '../../shared/model/exchange.ts';
import type { Candle } from '../../shared/model/market-event.ts';
import { type EpochMillis, MINUTE_MS } from '../../shared/model/time.ts';
import type { FrameSource, HeardFeeds } from './heard-feeds.ts';

export const CLOSE_AFTER_MS = 2_000;
export const AWAIT_WORD_MS = 5_000;
/** Upbit repeats a changed candle a second later at the latest, Binance every two seconds. */
export const PROOF_BEFORE_MS = 1_000;
/** A feed that was not heard so far is asked for a sign of life so long before the clock would close its candles. */
export const ASK_BEFORE_MS = 800;
/** A minute that opens later than this after now is a fault of somebody's clock, and would make all real ones late. */
export const FUTURE_LIMIT_MS = 60_000;

type Minute = {
  candle: Candle;
  /** When the clock closes it. */
  readonly deadline: EpochMillis;
  /** Whether something of it may have been missed. */
  isDoubtful: boolean;
  /** Whether its feed was asked for a sign of life. */
  isAsked: boolean;
};

type Window = {
  /** The feed that brought the newest frame, `null` before the first one. */
  feed: string | null;
  /** What is not over, the oldest first. More than one where the newest does not prove the end of those before. */
  minutes: Minute[];
  /** Opening time of the newest minute that is over, closed or given up. */
  over: EpochMillis;
};

/** Beyond it the oldest minute that nothing proves is given up. */
const MOST_MINUTES = 3;

export class CandleTracker {
  readonly #heard: Pick<HeardFeeds, 'until'>;
  readonly #windows = new Map<string, Window>();
  readonly #unheard = new Set<string>();
  #nextLook: EpochMillis = Number.POSITIVE_INFINITY;

  constructor(heard: Pick<HeardFeeds, 'until'>) {
    this.#heard = heard;
  }

  /**
   * What to publish, in this order: the closings of minutes before, and this candle. `'refused'` for one that is late: its
   * minute is over, or more of it is known already; and for one from the future. A minute without trades is no candle, but
   * it closes the one before.
   *
   * @param hasWord whether its exchange says itself which candle is closed
   * @param source `null` for one that came by no feed
   */
  offer(candle: Candle, now: EpochMillis, hasWord: boolean, source: FrameSource | null): readonly Candle[] | 'refused' {
    const window = this.#windowOf(candle);
    const { openTime } = candle;
    if (openTime <= window.over || openTime > now + FUTURE_LIMIT_MS) return 'refused';
    let minute = window.minutes.find(one => one.candle.openTime === openTime);
    if (minute === undefined && openTime < (window.minutes.at(-1)?.candle.openTime ?? 0)) return 'refused';
    const growth = minute === undefined ? 1 : compareDecimals(candle.volume, minute.candle.volume);
    if (growth < 0) return 'refused';

    const published: Candle[] = [];
    const endsEarlier = source?.isFirst === true && source.feed === window.feed;
    if (source !== null) window.feed = source.feed;
    if (minute === undefined) this.#endBefore(window, endsEarlier, published);
    if (isZero(candle.volume)) return published;
    if (minute === undefined) {
      const deadline = openTime + MINUTE_MS + (hasWord ? AWAIT_WORD_MS : CLOSE_AFTER_MS);
      minute = { candle, deadline, isDoubtful: false, isAsked: false };
      window.minutes.push(minute);
      if (window.minutes.length > MOST_MINUTES) end(window, window.minutes[0]!);
    }
    minute.candle = candle;
    minute.isDoubtful = false;
    if (candle.closed) {
      close(window, minute, published);
      return published;
    }
    this.#nextLook = Math.min(this.#nextLook, minute.deadline - ASK_BEFORE_MS);
    if (growth > 0) published.push(candle);
    return published;
  }

  /** Something of these instruments may be missed from now on. */
  interrupt(exchange: ExchangeName, symbols: Iterable<string>): void {
    for (const symbol of symbols) {
      const window = this.#windows.get(`${exchange}:${symbol}`);
      for (const minute of window?.minutes ?? []) if (!this.#isProven(window!, minute)) minute.isDoubtful = true;
    }
  }

  /** Another leader published this one: if it is closed, it is not published again. */
  remember(candle: Candle): void {
    const window = this.#windowOf(candle);
    if (!candle.closed || candle.openTime <= window.over) return;
    window.over = candle.openTime;
    window.minutes = window.minutes.filter(one => one.candle.openTime > window.over);
  }

  /** The feed that brought its newest frame, `null` before the first; opening time of its newest minute that is over. */
  stateOf(exchange: ExchangeName, symbol: string): { readonly feed: string | null; readonly over: EpochMillis } {
    return this.#windows.get(`${exchange}:${symbol}`) ?? { feed: null, over: Number.NEGATIVE_INFINITY };
  }

  /** Which feed brought what is no sign any more of who brings the next. */
  forgetFeeds(): void {
    for (const window of this.#windows.values()) window.feed = null;
  }

  /** Whether its minute was closed or given up. */
  isOver(candle: Candle): boolean {
    return candle.openTime <= this.#windowOf(candle).over;
  }

  /** The candles whose time is over, closed. */
  flush(now: EpochMillis): readonly Candle[] {
    if (now < this.#nextLook) return [];
    const closed: Candle[] = [];
    this.#nextLook = Number.POSITIVE_INFINITY;
    for (const window of this.#windows.values()) {
      for (const minute of [...window.minutes]) this.#look(window, minute, now, closed);
    }
    return closed;
  }

  /** The feeds whose sign of life is wanted, each once a minute. */
  takeUnheard(): readonly string[] {
    if (this.#unheard.size === 0) return [];
    const feeds = [...this.#unheard];
    this.#unheard.clear();
    return feeds;
  }

  #look(window: Window, minute: Minute, now: EpochMillis, closed: Candle[]): void {
    if (minute.isDoubtful) return;
    const { deadline } = minute;
    const isProven = this.#isProven(window, minute);
    if (isProven && now >= deadline) {
      close(window, minute, closed);
      return;
    }
    if (!isProven && !minute.isAsked && now >= deadline - ASK_BEFORE_MS) {
      minute.isAsked = true;
      if (window.feed !== null) this.#unheard.add(window.feed);
    }
    this.#nextLook = Math.min(this.#nextLook, isProven || minute.isAsked ? deadline : deadline - ASK_BEFORE_MS);
  }

  #isProven({ feed }: Window, { deadline }: Minute): boolean {
    return feed !== null && this.#heard.until(feed) >= deadline - PROOF_BEFORE_MS;
  }

  /** A new minute has begun. */
  #endBefore(window: Window, isSure: boolean, published: Candle[]): void {
    for (const minute of [...window.minutes]) {
      if (minute.isDoubtful) end(window, minute);
      else if (isSure || this.#isProven(window, minute)) close(window, minute, published);
    }
  }

  #windowOf({ exchange, symbol }: Candle): Window {
    const key = `${exchange}:${symbol}`;
    let window = this.#windows.get(key);
    if (window === undefined) {
      window = { feed: null, minutes: [], over: Number.NEGATIVE_INFINITY };
      this.#windows.set(key, window);
    }
    return window;
  }
}

/** The minute is over, and what is known of it is its last word. */
function close(window: Window, minute: Minute, published: Candle[]): void {
  // A copy without its offset: the open one may have been sealed.
  published.push({ ...minute.candle, offset: 0, closed: true });
  end(window, minute);
}

/** The minute is over, and so are those before it. */
function end(window: Window, { candle }: Minute): void {
  window.over = Math.max(window.over, candle.openTime);
  window.minutes = window.minutes.filter(one => one.candle.openTime > window.over);
}

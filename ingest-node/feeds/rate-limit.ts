/**
 * Connection attempts to one exchange from this machine's address, all its feeds together: at most `count` in any
 * window of `windowMs`, as the exchange sees them. Exchanges count attempts, not successes, so an attempt is spent when it
 * is granted; and they count arrivals, so our windows are longer than theirs by what the way there may vary.
 */
import type { CancelTimer, Clock } from '../../shared/base/clock.ts';
import { Away } from './away.ts';

/**
 * The first attempts after a mass disconnect take longer to arrive than those after them: names are looked up, both sides
 * are busy. Without this two windows of ours would meet within one of theirs.
 */
export const ARRIVAL_SPREAD_MS = 250;

/** The pure core: attempts by time on a monotonic clock. */
export class SlidingWindow {
  readonly windowMs: number;
  #count: number;
  /** Times of the attempts that still count, oldest first. */
  #attempts: number[] = [];

  constructor(count: number, windowMs: number) {
    this.#count = Math.max(1, Math.floor(count));
    this.windowMs = windowMs;
  }

  get count(): number {
    return this.#count;
  }

  /** Takes effect from the next attempt on; attempts already made still count. */
  setCount(count: number): void {
    this.#count = Math.max(1, Math.floor(count));
  }

  used(now: number): number {
    this.#forget(now);
    return this.#attempts.length;
  }

  /** Spends an attempt and answers 0, or answers how long to wait before asking again. */
  take(now: number): number {
    this.#forget(now);
    const oldestInTheWay = this.#attempts[this.#attempts.length - this.#count];
    if (oldestInTheWay !== undefined) return oldestInTheWay + this.windowMs - now;
    this.#attempts.push(now);
    return 0;
  }

  #forget(now: number): void {
    const kept = this.#attempts.findIndex(at => at + this.windowMs > now);
    if (kept !== 0) this.#attempts = kept === -1 ? [] : this.#attempts.slice(kept);
  }
}

export type ConnectLimiterStatus = {
  /** Attempts within the current window. */
  readonly used: number;
  readonly count: number;
  readonly windowMs: number;
  /** Attempts since the start of the process. */
  readonly total: number;
  /** How many are in line. */
  readonly waiting: number;
  /** Milliseconds that all attempts are held back because the exchange asked for it; 0 when they are not. */
  readonly heldForMs: number;
};

type ConnectLimit = { readonly count: number; readonly windowMs: number };
type Waiter = { readonly grant: () => void };

/** A line of attempts before the window: first come, first served. It outlives the feeds that stand in it. */
export class ConnectLimiter {
  readonly #clock: Clock;
  readonly #window: SlidingWindow;
  readonly #limit: ConnectLimit;
  readonly #line: Waiter[] = [];
  readonly #away: Away;
  #total = 0;
  #cancel: CancelTimer | null = null;

  /** @param away shared with all who ask this exchange anything */
  constructor(limit: ConnectLimit, clock: Clock, away = new Away({ clock })) {
    this.#clock = clock;
    this.#away = away;
    this.#limit = limit;
    this.#window = new SlidingWindow(limit.count, limit.windowMs + ARRIVAL_SPREAD_MS);
  }

  /** Resolves when the caller may dial, once, now. Rejects with the signal's reason when it is aborted before. */
  acquire(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) {
        reject(signal.reason);
        return;
      }
      const leave = () => {
        this.#line.splice(this.#line.indexOf(waiter), 1);
        reject(signal.reason);
      };
      const waiter: Waiter = {
        grant: () => {
          signal.removeEventListener('abort', leave);
          resolve();
        },
      };
      signal.addEventListener('abort', leave, { once: true });
      this.#line.push(waiter);
      this.#serve();
    });
  }

  /**
   * The exchange asked us to stay away this long: nobody dials before. A shorter hold does not end a longer one.
   *
   * @param status of the answer to an upgrade, where it was that
   */
  holdFor(ms: number, status: number | null = null): void {
    this.#away.turnedAway('webSocket', status, ms);
  }

  /**
   * Uses only this share of the limit, 0 to 1, and never less than one attempt: two nodes behind one address share it
   * while the leadership is handed over.
   */
  useShare(share: number): void {
    this.#window.setCount(this.#limit.count * share);
    this.#serve();
  }

  status(): ConnectLimiterStatus {
    const now = this.#clock.monotonic();
    return {
      used: this.#window.used(now),
      count: this.#window.count,
      windowMs: this.#limit.windowMs,
      total: this.#total,
      waiting: this.#line.length,
      heldForMs: this.#away.heldForMs('webSocket'),
    };
  }

  #serve(): void {
    this.#cancel?.();
    this.#cancel = null;
    while (this.#line.length > 0) {
      const now = this.#clock.monotonic();
      const heldForMs = this.#away.heldForMs('webSocket');
      const waitMs = heldForMs > 0 ? heldForMs : this.#window.take(now);
      if (waitMs > 0) {
        this.#cancel = this.#clock.setTimer(waitMs, () => this.#serve());
        return;
      }
      this.#total++;
      this.#line.shift()?.grant();
    }
  }
}

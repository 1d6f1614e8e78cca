/**
 * Snapshots for the books that want one, one at a time: whoever lost its book stands in line, and neither a slow answer
 * nor a snapshot that does not fit costs its neighbours more than their turn. The weight of requests is the business of
 * `fetch`, which waits for the budget.
 */
import { fullJitterMs, RECONNECT_BACKOFF } from '../../shared/base/backoff.ts';
import type { CancelTimer, Clock } from '../../shared/base/clock.ts';
import type { BookSnapshot } from '../exchanges/exchange-adapter.ts';
import type { AlignOutcome } from './order-book-builder.ts';

export type FetchedSnapshot =
  | { readonly ok: true; readonly snapshot: BookSnapshot }
  | {
      readonly ok: false;
      readonly reason: string;
      /** Milliseconds before which the exchange wants no further request of anyone. */
      readonly pauseMs: number;
    };

export type FetchSnapshot = (nativeCode: string, signal: AbortSignal) => Promise<FetchedSnapshot>;

export type BookResyncOptions = {
  /** Never rejects. */
  readonly fetch: FetchSnapshot;
  /** Tries a snapshot on its book. */
  readonly onSnapshot: (nativeCode: string, snapshot: BookSnapshot) => AlignOutcome;
  /** An attempt did not give a book: it will be made again. */
  readonly onFailure: (nativeCode: string, reason: string) => void;
  readonly clock: Clock;
  /** In [0, 1). */
  readonly random: () => number;
};

export type BookResyncCounts = {
  readonly attempts: number;
  /** Snapshots that became a book. */
  readonly aligned: number;
  /** Snapshots older than the changes at hand: the exchange's copy lags behind its stream. */
  readonly tooOld: number;
  /** Requests without a usable answer, and books that came out crossed. */
  readonly failures: number;
};

/**
 * Snapshots lag behind the stream, so one that is fetched in the moment of a gap is older than what came after the gap
 * and would be paid for in vain.
 */
const SETTLE_MS = 300;
/** A book that is lost again sooner than this waits longer each time: it must not eat up the others' budget. */
const HEALTHY_MS = 60_000;

type Waiting = { readonly nativeCode: string; readonly since: number; notBefore: number; failures: number };

export class BookResync {
  readonly #options: BookResyncOptions;
  readonly #line = new Map<string, Waiting>();
  /** By native code: when a book was last found, and how long its next wait in a row will be. */
  readonly #found = new Map<string, { readonly at: number; readonly failures: number }>();
  readonly #counts = { attempts: 0, aligned: 0, tooOld: 0, failures: 0 };
  #current: AbortController | null = null;
  #heldUntil = 0;
  #cancelTimer: CancelTimer | null = null;

  constructor(options: BookResyncOptions) {
    this.#options = options;
  }

  /** Puts a book in line, unless it stands there. */
  request(nativeCode: string): void {
    if (this.#line.has(nativeCode)) return;
    const { clock, random } = this.#options;
    const now = clock.monotonic();
    const found = this.#found.get(nativeCode);
    const failures = found !== undefined && now - found.at < HEALTHY_MS ? found.failures : 0;
    const backoffMs = failures === 0 ? 0 : fullJitterMs(failures - 1, RECONNECT_BACKOFF, random);
    this.#line.set(nativeCode, { nativeCode, since: now, notBefore: now + SETTLE_MS + backoffMs, failures });
    this.#serve();
  }

  /** Ends the request under way and forgets who waits; nothing is called afterwards, until the next request. */
  stop(): void {
    this.#line.clear();
    this.#found.clear();
    this.#current?.abort();
    this.#current = null;
    this.#cancelTimer?.();
  }

  counts(): BookResyncCounts {
    return { ...this.#counts };
  }

  /** How many wait, and for how many milliseconds the longest has. */
  waiting(): { readonly count: number; readonly longestMs: number } {
    const now = this.#options.clock.monotonic();
    // The line is in the order of arrival, so its first has waited longest.
    const [first] = this.#line.values();
    return { count: this.#line.size, longestMs: first === undefined ? 0 : now - first.since };
  }

  #serve(): void {
    if (this.#current !== null || this.#line.size === 0) return;
    const { clock } = this.#options;
    this.#cancelTimer?.();
    const now = clock.monotonic();
    let next: Waiting | null = null;
    for (const waiting of this.#line.values()) {
      if (next === null || waiting.notBefore < next.notBefore) next = waiting;
    }
    if (next === null) return;
    const waitMs = Math.max(next.notBefore, this.#heldUntil) - now;
    if (waitMs > 0) this.#cancelTimer = clock.setTimer(waitMs, () => this.#serve());
    else void this.#attempt(next);
  }

  async #attempt(waiting: Waiting): Promise<void> {
    const { fetch, onSnapshot, onFailure, clock, random } = this.#options;
    const current = new AbortController();
    this.#current = current;
    this.#counts.attempts += 1;
    const fetched = await fetch(waiting.nativeCode, current.signal);
    if (current.signal.aborted) return;
    this.#current = null;
    const outcome = fetched.ok ? onSnapshot(waiting.nativeCode, fetched.snapshot) : fetched.reason;
    const now = clock.monotonic();
    if (outcome === 'aligned') {
      this.#counts.aligned += 1;
      this.#found.set(waiting.nativeCode, { at: now, failures: waiting.failures + 1 });
      this.#line.delete(waiting.nativeCode);
    } else {
      this.#counts[outcome === 'tooOld' ? 'tooOld' : 'failures'] += 1;
      waiting.notBefore = now + SETTLE_MS + fullJitterMs(waiting.failures, RECONNECT_BACKOFF, random);
      waiting.failures += 1;
      if (!fetched.ok) this.#heldUntil = Math.max(this.#heldUntil, now + fetched.pauseMs);
      onFailure(waiting.nativeCode, outcome);
    }
    this.#serve();
  }
}

/**
 * Asks an exchange with contiguous ids for the newest trade of all instruments at once, whenever a feed has begun to
 * deliver. A jump of ids shows with the next trade only, and only after a first one: a market that falls silent would
 * hide its last trades, and one that was silent its first.
 */
import { type Backoff, fullJitterMs } from '../../shared/base/backoff.ts';
import type { CancelTimer, Clock } from '../../shared/base/clock.ts';
import type { EpochMillis } from '../../shared/model/time.ts';
import type { TradeHistory } from '../exchanges/exchange-adapter.ts';

export type TradeCensusOptions = {
  readonly newest: NonNullable<TradeHistory['newest']>;
  readonly group: string;
  readonly clock: Clock;
  readonly random: () => number;
  readonly acquire: (group: string, weight: number, signal: AbortSignal) => Promise<void>;
  readonly get: (
    path: string,
    signal: AbortSignal,
  ) => Promise<{ readonly ok: true; readonly body: Uint8Array } | { readonly ok: false; readonly pauseMs: number }>;
  /**
   * The newest trade's id by native code, as it stood not before `time`; the symbols are those that were asked for until
   * the request.
   */
  readonly onNewest: (newest: ReadonlyMap<string, string>, symbols: ReadonlySet<string>, time: EpochMillis) => void;
};

const RETRY_BACKOFF: Backoff = { baseMs: 1_000, capMs: 30_000 };
/** Then the next trades will have to show it. */
const MOST_FAILURES = 20;
/** So old an answer may be, and so far the exchange's clock may be off. */
const ANSWER_AGE_MS = 10_000;

export class TradeCensus {
  readonly #options: TradeCensusOptions;
  #symbols = new Set<string>();
  #isRunning = false;
  #cancelRetry: CancelTimer = () => {};

  constructor(options: TradeCensusOptions) {
    this.#options = options;
  }

  /** One request answers for all that are asked for until it is sent. */
  ask(symbols: Iterable<string>, signal: AbortSignal): void {
    for (const symbol of symbols) this.#symbols.add(symbol);
    if (!this.#isRunning) void this.#run(0, signal);
  }

  stop(): void {
    this.#cancelRetry();
    this.#symbols.clear();
    this.#isRunning = false;
  }

  async #run(failures: number, signal: AbortSignal): Promise<void> {
    const { newest, group, acquire, get, clock, random, onNewest } = this.#options;
    this.#isRunning = true;
    try {
      await acquire(group, newest.weight, signal);
    } catch {
      return;
    }
    const symbols = this.#symbols;
    this.#symbols = new Set();
    const time = clock.now() - ANSWER_AGE_MS;
    const answer = await get(newest.path, signal);
    if (signal.aborted) return;
    const ids = answer.ok ? newest.parse(answer.body) : null;
    if (ids !== null) onNewest(ids, symbols, time);
    else for (const symbol of symbols) this.#symbols.add(symbol);
    if (this.#symbols.size === 0 || failures >= MOST_FAILURES) {
      this.#isRunning = false;
      return;
    }
    const backoffMs = ids === null ? RETRY_BACKOFF.baseMs + fullJitterMs(failures, RETRY_BACKOFF, random) : 0;
    const waitMs = Math.max(backoffMs, answer.ok ? 0 : answer.pauseMs);
    this.#cancelRetry = clock.setTimer(waitMs, () => void this.#run(ids === null ? failures + 1 : 0, signal));
  }
}

/**
 * Fetches the minute candles that an outage of one exchange's feeds swallowed: one request per instrument, one at a time and
 * behind all others, each a few seconds after its last missing minute, when the exchange has surely made its candle.
 */
import { type Backoff, fullJitterMs } from '../../shared/base/backoff.ts';
import type { CancelTimer, Clock } from '../../shared/base/clock.ts';
import type { ExchangeName } from '../../shared/model/exchange.ts';
import type { Instrument } from '../../shared/model/instrument.ts';
import type { Candle } from '../../shared/model/market-event.ts';
import { type EpochMillis, MINUTE_MS } from '../../shared/model/time.ts';
import type { CandleBackfillHealth } from '../../shared/wire/service-info.ts';
import type { CandleHistory } from '../exchanges/exchange-adapter.ts';
import type { MissingMinutes } from './missing-candles.ts';
import type { HistoryAnswer } from './trade-fetcher.ts';

export type CandleBackfillOptions = {
  readonly exchange: ExchangeName;
  readonly history: CandleHistory;
  readonly clock: Clock;
  readonly random: () => number;
  /** Resolves when a request of this weight may be sent; rejects when aborted before. */
  readonly acquire: (group: string, weight: number, signal: AbortSignal) => Promise<void>;
  /** Fetches a path. Never rejects. */
  readonly get: (path: string, signal: AbortSignal) => Promise<HistoryAnswer>;
  /** What an instrument that a feed delivers again has missed until now; `null` where that is nothing. */
  readonly missingOf: (symbol: string, now: EpochMillis) => MissingMinutes | null;
  /** All candles that there are of these minutes: publishes those that are missing, and answers how many that were. */
  readonly settle: (missing: MissingMinutes, past: readonly Candle[]) => number;
  /** These minutes cannot be had. */
  readonly onLeftOut: (missing: MissingMinutes, reason: string) => void;
};

/** Of a longer outage only the last so many are fetched: all markets' candles of a day at once would displace the present. */
export const MOST_MISSING_MINUTES = 60;
/** After the end of a minute. */
const MADE_WITHIN_MS = 5_000;
const RETRY_BACKOFF: Backoff = { baseMs: 1_000, capMs: 30_000 };
/** As long as trades are asked for. */
const DEADLINE_MS = 15 * 60_000;
/** What an exchange answers for an instrument that it does not have (any more). */
const HOPELESS_STATUSES: readonly number[] = [400, 404];

type Job = {
  readonly missing: MissingMinutes;
  /** Monotonic, like `notBefore`. */
  readonly addedAt: number;
  notBefore: number;
  failures: number;
};

export class CandleBackfill {
  readonly #options: CandleBackfillOptions;
  /** By symbol. */
  readonly #jobs = new Map<string, Job>();
  readonly #counts = { requests: 0, failedRequests: 0, backfilledCandles: 0, leftOutMinutes: 0 };
  #instruments: ReadonlyMap<string, Instrument> = new Map();
  #run: AbortController | null = null;
  #isBusy = false;
  #cancelWake: CancelTimer = () => {};

  constructor(options: CandleBackfillOptions) {
    this.#options = options;
  }

  start(): void {
    this.#run ??= new AbortController();
  }

  /** No request and no candle after the call. */
  stop(): void {
    this.#run?.abort();
    this.#run = null;
    this.#isBusy = false;
    this.#cancelWake();
    this.#jobs.clear();
  }

  setInstruments(instruments: readonly Instrument[]): void {
    this.#instruments = new Map(instruments.map(instrument => [instrument.symbol, instrument]));
  }

  /** A feed has delivered these for so long that each of them is subscribed again. */
  ask(symbols: Iterable<string>): void {
    if (this.#run === null) return;
    const { clock, missingOf } = this.#options;
    const now = clock.now();
    for (const symbol of symbols) {
      const missing = missingOf(symbol, now);
      if (missing === null) continue;
      const addedAt = clock.monotonic();
      const notBefore = addedAt + Math.max(0, missing.until + MADE_WITHIN_MS - now);
      this.#jobs.set(symbol, { missing: this.#newest(missing), addedAt, notBefore, failures: 0 });
    }
    this.#pump();
  }

  counts(): CandleBackfillHealth {
    return { exchange: this.#options.exchange, ...this.#counts, waiting: this.#jobs.size };
  }

  #newest(missing: MissingMinutes): MissingMinutes {
    const most = Math.min(MOST_MISSING_MINUTES, this.#options.history.pageSize);
    const from = Math.max(missing.from, missing.until - most * MINUTE_MS);
    if (from > missing.from) this.#leaveOut({ ...missing, until: from }, 'the outage was too long');
    return { ...missing, from };
  }

  /** Begins with the job that has been due for longest, or comes back when the first one is. */
  #pump(): void {
    this.#cancelWake();
    if (this.#run === null || this.#isBusy) return;
    let first: Job | null = null;
    for (const job of this.#jobs.values()) if (first === null || job.notBefore < first.notBefore) first = job;
    if (first === null) return;
    const waitMs = first.notBefore - this.#options.clock.monotonic();
    if (waitMs > 0) this.#cancelWake = this.#options.clock.setTimer(waitMs, () => this.#pump());
    else void this.#serve(first, this.#run.signal);
  }

  async #serve(job: Job, signal: AbortSignal): Promise<void> {
    this.#isBusy = true;
    const { history, acquire, get, settle, clock } = this.#options;
    const { symbol, from, until } = job.missing;
    const instrument = this.#instruments.get(symbol);
    if (instrument === undefined) this.#give(job, 'it is not listed');
    else {
      const isOurTurn = await acquire(history.limit.group, history.limit.weight, signal).then(
        () => !signal.aborted,
        () => false,
      );
      if (!isOurTurn) return;
      this.#counts.requests += 1;
      const answer = await get(history.path(instrument, from, until), signal);
      if (signal.aborted) return;
      const read = answer.ok ? history.parse(answer.body, instrument, clock.now()) : answer;
      if ('candles' in read) {
        this.#counts.backfilledCandles += settle(job.missing, read.candles);
        this.#end(job);
      } else {
        this.#counts.failedRequests += 1;
        if (HOPELESS_STATUSES.includes(read.status ?? 0)) this.#give(job, read.reason);
        else this.#retry(job, read.reason, answer.ok ? 0 : answer.pauseMs);
      }
    }
    this.#isBusy = false;
    this.#pump();
  }

  #retry(job: Job, reason: string, pauseMs: number): void {
    const { clock, random } = this.#options;
    const now = clock.monotonic();
    if (now - job.addedAt > DEADLINE_MS) {
      this.#give(job, reason);
      return;
    }
    const backoffMs = RETRY_BACKOFF.baseMs + fullJitterMs(job.failures, RETRY_BACKOFF, random);
    job.failures += 1;
    job.notBefore = now + Math.max(pauseMs, backoffMs);
  }

  #give(job: Job, reason: string): void {
    this.#options.settle(job.missing, []);
    this.#leaveOut(job.missing, reason);
    this.#end(job);
  }

  #leaveOut(missing: MissingMinutes, reason: string): void {
    this.#counts.leftOutMinutes += (missing.until - missing.from) / MINUTE_MS;
    this.#options.onLeftOut(missing, reason);
  }

  /** A newer job of the same instrument stays. */
  #end(job: Job): void {
    const { symbol } = job.missing;
    if (this.#jobs.get(symbol) === job) this.#jobs.delete(symbol);
  }
}

/**
 * Reads past trades of one exchange by REST, within its limits: takes one page of one task at a time, so that a few
 * requests run at once, the instruments that trade most come first, and a page that fails is asked for again with backoff.
 * Knows nothing of why something is read.
 */
import { type Backoff, fullJitterMs } from '../../shared/base/backoff.ts';
import type { CancelTimer, Clock } from '../../shared/base/clock.ts';
import type { Instrument } from '../../shared/model/instrument.ts';
import type { Trade } from '../../shared/model/market-event.ts';
import type { RefusedPage, TradeHistory, TradeRun } from '../exchanges/exchange-adapter.ts';
import type { Finding, TradeReading, WantedPage } from './trade-reading.ts';

export type HistoryAnswer =
  | { readonly ok: true; readonly body: Uint8Array }
  | { readonly ok: false; readonly reason: string; readonly status: number | null; readonly pauseMs: number };

export type TradeTask = { readonly symbol: string; readonly reading: TradeReading };

export type TradeFetcherOptions<Task extends TradeTask> = {
  readonly history: TradeHistory;
  readonly clock: Clock;
  readonly random: () => number;
  /** Resolves when a request of this weight may be sent; rejects when aborted before. */
  readonly acquire: (group: string, weight: number, signal: AbortSignal) => Promise<void>;
  /** Fetches a path. Never rejects. */
  readonly get: (path: string, signal: AbortSignal) => Promise<HistoryAnswer>;
  readonly instrumentOf: (symbol: string) => Instrument | undefined;
  readonly activityOf: (symbol: string) => number;
  /** Trades that a task found, in order; never none. */
  readonly onFound: (task: Task, trades: readonly Trade[]) => void;
  /** The task is over: all of it was read, or what remains cannot be had. */
  readonly onEnd: (task: Task, isWhole: boolean) => void;
};

const RETRY_BACKOFF: Backoff = { baseMs: 1_000, capMs: 30_000 };
/** A task that failed and is older is given up: longer than any block that an exchange announces at first. */
const DEADLINE_MS = 15 * 60_000;
/** More tasks than this are not kept: the oldest is given up. */
const MOST_TASKS = 20_000;
const LANES = 4;
/** REST may lag behind the frames, so what is not there is asked for this often. */
const LOOKS = 3;
/** What an exchange answers for an instrument that it does not have (any more). */
const HOPELESS_STATUSES: readonly number[] = [400, 404];

type Job<Task> = {
  readonly task: Task;
  /** Monotonic, like `notBefore`. */
  readonly addedAt: number;
  notBefore: number;
  failures: number;
  looks: number;
  /** Rises when what was asked for is no longer what is wanted. */
  turn: number;
};

type Page =
  | { readonly kind: 'trades'; readonly rows: readonly Trade[] }
  | { readonly kind: 'runs'; readonly rows: readonly TradeRun[] };

/** `page` is `null` where none came that could be read. */
type Fetched = { readonly page: Page | null; readonly isHopeless: boolean; readonly pauseMs: number };

export class TradeFetcher<Task extends TradeTask> {
  readonly #options: TradeFetcherOptions<Task>;
  readonly #cheapest: number;
  /** In the order in which they were added. */
  readonly #jobs = new Map<Task, Job<Task>>();
  /** Instruments whose page is on its way: it may answer their other tasks too. */
  readonly #busy = new Set<string>();
  /** Requests under way or in line for their turn; those in line. */
  #lanes = 0;
  #lanesWaiting = 0;
  #run: AbortController | null = null;
  #wakeTime = Number.POSITIVE_INFINITY;
  #cancelWake: CancelTimer = () => {};
  readonly counts = { requests: 0, failedRequests: 0 };

  constructor(options: TradeFetcherOptions<Task>) {
    this.#options = options;
    const { limit, runs } = options.history;
    this.#cheapest = runs?.weight ?? limit.weight;
  }

  start(): void {
    this.#run ??= new AbortController();
  }

  /** No request and no callback after the call. Answers with the tasks that were open, and forgets them. */
  stop(): Task[] {
    this.#run?.abort();
    this.#run = null;
    this.#cancelWake();
    this.#wakeTime = Number.POSITIVE_INFINITY;
    this.#busy.clear();
    const open = [...this.#jobs.keys()];
    this.#jobs.clear();
    return open;
  }

  get waiting(): number {
    return this.#jobs.size;
  }

  add(task: Task, delayMs: number): void {
    const addedAt = this.#now();
    const notBefore = addedAt + delayMs;
    this.#jobs.set(task, { task, addedAt, notBefore, failures: 0, looks: 0, turn: 0 });
    const [oldest] = this.#jobs.values();
    if (this.#jobs.size > MOST_TASKS && oldest !== undefined) this.#end(oldest, false);
    this.#wakeAt(notBefore);
  }

  /** What was read of it may not reach far enough any more. */
  restart(task: Task): void {
    const job = this.#jobs.get(task);
    if (job === undefined) return;
    job.turn += 1;
    job.looks = 0;
    task.reading.rewind();
    job.notBefore = this.#now();
    this.#wakeAt(job.notBefore);
  }

  #wakeAt(time: number): void {
    if (this.#wakeTime <= time) return;
    this.#cancelWake();
    this.#wakeTime = time;
    this.#cancelWake = this.#options.clock.setTimer(Math.max(0, time - this.#now()), () => this.#pump());
  }

  /** Keeps the lanes busy while a task is due, and comes back when the next one is. */
  #pump(): void {
    this.#cancelWake();
    this.#wakeTime = Number.POSITIVE_INFINITY;
    const run = this.#run;
    if (run === null) return;
    const now = this.#now();
    const due = new Set<string>();
    for (const job of this.#jobs.values()) {
      const { symbol, reading } = job.task;
      if (this.#busy.has(symbol)) continue;
      if (job.notBefore > now) this.#wakeAt(job.notBefore);
      else if (reading.isHealed) this.#end(job, true);
      else due.add(symbol);
    }
    // A lane that waits for its turn has not chosen a task yet: whoever trades most then comes first.
    while (this.#lanesWaiting < due.size && this.#lanes < LANES) {
      this.#lanes += 1;
      this.#lanesWaiting += 1;
      void this.#serve(run.signal).finally(() => {
        this.#lanes -= 1;
        this.#pump();
      });
    }
  }

  /** One page of one task. */
  async #serve(signal: AbortSignal): Promise<void> {
    const isOurTurn = await this.#acquire(this.#cheapest, signal);
    this.#lanesWaiting -= 1;
    const job = isOurTurn ? this.#next() : null;
    if (job === null) return;
    const { symbol, reading } = job.task;
    const { wanted } = reading;
    const { turn } = job;
    this.#busy.add(symbol);
    const fetched = await this.#fetch(symbol, wanted, signal);
    if (signal.aborted) return;
    this.#busy.delete(symbol);
    if (!this.#jobs.has(job.task) || job.turn !== turn) return;
    if (fetched === null || fetched.isHopeless) this.#end(job, false);
    else if (fetched.page !== null) this.#take(job, fetched.page);
    else this.#retry(job, fetched.pauseMs);
  }

  /** `null` where there is nothing to ask for. */
  async #fetch(symbol: string, wanted: WantedPage, signal: AbortSignal): Promise<Fetched | null> {
    const { history, get, instrumentOf } = this.#options;
    const instrument = instrumentOf(symbol);
    if (instrument === undefined) return null;
    const path =
      wanted.kind === 'runs'
        ? history.runs?.path(instrument, wanted.since)
        : history.path(instrument, wanted.from, wanted.daysAgo ?? 0);
    if (path === null || path === undefined) return null;
    // The turn was for the cheapest page.
    const rest = wanted.kind === 'runs' ? 0 : history.limit.weight - this.#cheapest;
    if (rest > 0 && !(await this.#acquire(rest, signal))) return null;
    this.counts.requests += 1;
    const answer = await get(path, signal);
    const read = answer.ok ? this.#parse(wanted.kind, answer.body, instrument) : answer;
    if ('rows' in read) return { page: read, isHopeless: false, pauseMs: 0 };
    this.counts.failedRequests += 1;
    const isHopeless = HOPELESS_STATUSES.includes(read.status ?? 0);
    return { page: null, isHopeless, pauseMs: answer.ok ? 0 : answer.pauseMs };
  }

  #parse(kind: WantedPage['kind'], body: Uint8Array, instrument: Instrument): Page | RefusedPage {
    const { history, clock } = this.#options;
    if (kind === 'runs') {
      const page = history.runs?.parse(body, instrument, clock.now()) ?? { ok: false, reason: 'no runs' };
      return page.ok ? { kind, rows: page.runs } : page;
    }
    const page = history.parse(body, instrument, clock.now());
    return page.ok ? { kind, rows: page.trades } : page;
  }

  #acquire(weight: number, signal: AbortSignal): Promise<boolean> {
    const { history, acquire } = this.#options;
    return acquire(history.limit.group, weight, signal).then(
      () => !signal.aborted,
      () => false,
    );
  }

  #take(job: Job<Task>, page: Page): void {
    const reach = reachOf(page);
    const { symbol } = job.task;
    this.#follow(job, takePage(job.task.reading, page));
    // A page that runs over further misses of its instrument answers for them as well.
    if (reach === null) return;
    for (const other of this.#jobs.values()) {
      const { task } = other;
      if (task.symbol !== symbol || other === job || task.reading.isAnsweredBy?.(...reach) !== true) continue;
      this.#follow(other, takePage(task.reading, page));
    }
  }

  /** The due job of the instrument that trades most; of one instrument the one found first. */
  #next(): Job<Task> | null {
    const now = this.#now();
    let [best, bestActivity]: [Job<Task> | null, number] = [null, -1];
    for (const job of this.#jobs.values()) {
      const { symbol } = job.task;
      if (job.notBefore > now || this.#busy.has(symbol)) continue;
      const activity = this.#options.activityOf(symbol);
      if (activity > bestActivity) [best, bestActivity] = [job, activity];
    }
    return best;
  }

  #follow(job: Job<Task>, { found, next }: Finding): void {
    if (found.length > 0) this.#options.onFound(job.task, found);
    switch (next) {
      case 'more':
        return;
      case 'done':
        this.#end(job, true);
        return;
      case 'lost':
        this.#end(job, false);
        return;
      case 'absent':
        job.looks += 1;
        if (job.looks >= LOOKS) this.#end(job, false);
        else this.#retry(job, 0);
    }
  }

  #retry(job: Job<Task>, pauseMs: number): void {
    if (this.#now() - job.addedAt > DEADLINE_MS) {
      this.#end(job, false);
      return;
    }
    const backoffMs = RETRY_BACKOFF.baseMs + fullJitterMs(job.failures, RETRY_BACKOFF, this.#options.random);
    job.failures += 1;
    this.#readAnew(job, Math.max(pauseMs, backoffMs));
  }

  #readAnew(job: Job<Task>, afterMs: number): void {
    job.task.reading.rewind();
    job.notBefore = this.#now() + afterMs;
    this.#wakeAt(job.notBefore);
  }

  #end(job: Job<Task>, isWhole: boolean): void {
    this.#jobs.delete(job.task);
    this.#options.onEnd(job.task, isWhole);
  }

  #now(): number {
    return this.#options.clock.monotonic();
  }
}

function takePage(reading: TradeReading, page: Page): Finding {
  if (page.kind === 'trades') return reading.take(page.rows);
  return reading.takeRuns?.(page.rows) ?? { found: [], next: 'more' };
}

/** The first and the last id of a page that counts upward. */
function reachOf(page: Page): [bigint, bigint] | null {
  const runs = page.kind === 'runs' ? page.rows : [page.rows[0], page.rows.at(-1)].map(runOf);
  const [first, last] = [runs[0], runs.at(-1)];
  return first === undefined || last === undefined ? null : [first.first, last.last];
}

function runOf(trade: Trade | undefined): Pick<TradeRun, 'first' | 'last'> | undefined {
  return trade === undefined ? undefined : { first: BigInt(trade.id), last: BigInt(trade.id) };
}

/**
 * Fetches the trades that one exchange's feeds missed, within its REST limits, and declares as a `gap` what cannot be had.
 *
 * `trade-continuity.ts` says what may be missing; here it becomes a job that takes one page at a time, so that a few
 * requests run at once, the instruments that trade most come first, and a page that fails is asked for again with
 * backoff. A job ends with its trades published, once and in order, or with one gap; never in silence but for a stop,
 * after which the next start finds the same interruption in the same memory.
 */
import { type Backoff, fullJitterMs } from '../../shared/base/backoff.ts';
import type { CancelTimer, Clock } from '../../shared/base/clock.ts';
import type { ExchangeName } from '../../shared/model/exchange.ts';
import type { Instrument } from '../../shared/model/instrument.ts';
import type { FeedStateName, Trade, TradeGap } from '../../shared/model/market-event.ts';
import type { TradeHistory } from '../exchanges/exchange-adapter.ts';
import { FramePause } from './frame-pause.ts';
import { TradeCensus } from './trade-census.ts';
import { type Miss, TradeContinuity } from './trade-continuity.ts';
import { type Finding, type MissReading, readingOf } from './trade-reading.ts';

export type HistoryAnswer =
  | { readonly ok: true; readonly body: Uint8Array }
  | { readonly ok: false; readonly reason: string; readonly status: number | null; readonly pauseMs: number };

export type TradeBackfillOptions = {
  readonly exchange: ExchangeName;
  readonly history: TradeHistory;
  readonly clock: Clock;
  readonly random: () => number;
  /** Resolves when a request of this weight may be sent; rejects when aborted before. */
  readonly acquire: (group: string, weight: number, signal: AbortSignal) => Promise<void>;
  /** Fetches a path. Never rejects. */
  readonly get: (path: string, signal: AbortSignal) => Promise<HistoryAnswer>;
  /** Publishes what was not published before (TRD1), and answers how many those were. */
  readonly publish: (events: readonly (Trade | TradeGap)[]) => number;
};

/** Counted since the start; all only grow, but for the gauge `waiting`. */
export type TradeBackfillCounts = {
  readonly exchange: ExchangeName;
  /** Interruptions of one instrument that had to be looked into, or jumps of its ids. */
  readonly suspected: number;
  /** Pages of past trades asked for; and of those, how many brought none. */
  readonly requests: number;
  readonly failedRequests: number;
  readonly backfilledTrades: number;
  readonly declaredGaps: number;
  readonly waiting: number;
};

/** After a feed delivers again, until its subscription has surely been answered for every instrument. */
const SETTLE_MS = 1_500;
/** Until a trade that REST shows and the stream has not brought counts as missed. */
const LATER_MS = 5_000;
const RETRY_BACKOFF: Backoff = { baseMs: 1_000, capMs: 30_000 };
/** A job that could not be done until then is declared a gap: longer than any block that an exchange announces at first. */
const DEADLINE_MS = 15 * 60_000;
/** More jobs than this are not kept: the oldest is declared a gap. */
const MOST_JOBS = 5_000;
const LANES = 4;
/** REST may lag behind the frames, so what is not there is asked for this often. */
const LOOKS = 3;
/** What an exchange answers for an instrument that it does not have (any more). */
const HOPELESS_STATUSES: readonly number[] = [400, 404];

type Job = {
  readonly miss: Miss;
  readonly reading: MissReading;
  /** Monotonic, like `notBefore`. */
  readonly foundAt: number;
  notBefore: number;
  /** Pages were read and are to be judged when the job is due. */
  isRead: boolean;
  isRunning: boolean;
  failures: number;
  looks: number;
  /** Rises when what was asked for is no longer what is wanted. */
  turn: number;
};

export class TradeBackfill {
  readonly #options: TradeBackfillOptions;
  readonly #continuity: TradeContinuity;
  readonly #pauses = new Map<string, FramePause>();
  readonly #settling = new Map<string, CancelTimer>();
  /** In the order in which they were found. */
  readonly #jobs = new Set<Job>();
  readonly #counts = { suspected: 0, requests: 0, failedRequests: 0, backfilledTrades: 0, declaredGaps: 0 };
  #instruments: ReadonlyMap<string, Instrument> = new Map();
  /** Requests under way or in line for their turn; those in line. */
  #lanes = 0;
  #lanesWaiting = 0;
  readonly #census: TradeCensus | null;
  #run: AbortController | null = null;
  #wakeTime = Number.POSITIVE_INFINITY;
  #cancelWake: CancelTimer = () => {};

  constructor(options: TradeBackfillOptions) {
    this.#options = options;
    const { history } = options;
    this.#continuity = new TradeContinuity(history.ids);
    this.#census =
      history.newest === undefined
        ? null
        : new TradeCensus({
            ...options,
            newest: history.newest,
            group: history.limit.group,
            onNewest: (ids, symbols) => this.#compare(ids, symbols),
          });
  }

  start(): void {
    if (this.#run !== null) return;
    this.#run = new AbortController();
    for (const miss of this.#continuity.openJumps()) this.#add(miss, 0);
  }

  /** No request and no event after the call. What was known of the trades stays known. */
  stop(): void {
    this.#run?.abort();
    this.#run = null;
    this.#census?.stop();
    this.#cancelWake();
    this.#wakeTime = Number.POSITIVE_INFINITY;
    for (const cancel of this.#settling.values()) cancel();
    this.#settling.clear();
    this.#pauses.clear();
    for (const job of this.#jobs) this.#continuity.interrupt([job.miss.symbol]);
    this.#jobs.clear();
  }

  setInstruments(instruments: readonly Instrument[]): void {
    this.#instruments = new Map(instruments.map(instrument => [instrument.symbol, instrument]));
  }

  /**
   * A feed that carries these instruments changed its state.
   *
   * @param subscribingMs how long a new socket takes to ask for all of them: until then trades may still go by unseen
   */
  onFeedState(key: string, state: FeedStateName, symbols: Iterable<string>, subscribingMs: number): void {
    if (this.#run === null) return;
    if (state !== 'live') this.#interrupt(key, symbols);
    else this.#settleLater(key, symbols, subscribingMs + SETTLE_MS);
  }

  /** A frame of a feed came and has not been converted yet. */
  beforeFrame(key: string, symbols: () => Iterable<string>): void {
    let pause = this.#pauses.get(key);
    if (pause === undefined) {
      pause = new FramePause();
      this.#pauses.set(key, pause);
    }
    if (!pause.beat(this.#options.clock.monotonic()) || this.#run === null) return;
    this.#interrupt(key, symbols());
    this.#settleLater(key, symbols(), SETTLE_MS);
  }

  /** Trades of one frame, published before or not. */
  observe(trades: readonly Trade[]): void {
    for (const trade of trades) {
      const miss = this.#continuity.observe(trade);
      // The trade that a second socket is about to bring is not worth a request.
      if (miss !== null && this.#run !== null) this.#add(miss, SETTLE_MS);
    }
  }

  /** A trade that another node published: the first connection continues where it left off. */
  remember(trade: Trade): void {
    this.#continuity.remember(trade);
  }

  counts(): TradeBackfillCounts {
    return { exchange: this.#options.exchange, ...this.#counts, waiting: this.#jobs.size };
  }

  #interrupt(key: string, symbols: Iterable<string>): void {
    this.#settling.get(key)?.();
    this.#settling.delete(key);
    this.#pauses.delete(key);
    this.#continuity.interrupt(symbols);
  }

  #settleLater(key: string, symbols: Iterable<string>, afterMs: number): void {
    this.#settling.get(key)?.();
    const cancel = this.#options.clock.setTimer(afterMs, () => {
      this.#settling.delete(key);
      if (this.#run !== null) this.#census?.ask(symbols, this.#run.signal);
      const known = new Map([...this.#jobs].map(job => [job.miss, job]));
      for (const miss of this.#continuity.settle(symbols)) {
        const job = known.get(miss);
        if (job === undefined) this.#add(miss, 0);
        else this.#restart(job);
      }
      this.#pump();
    });
    this.#settling.set(key, cancel);
  }

  #compare(newest: ReadonlyMap<string, string>, symbols: ReadonlySet<string>): void {
    for (const symbol of symbols) {
      const id = newest.get(this.#instruments.get(symbol)?.nativeCode ?? '');
      const miss = id === undefined ? null : this.#continuity.newestIs(symbol, id);
      // The newest may be on its way.
      if (miss !== null) this.#add(miss, SETTLE_MS);
    }
  }

  #add(miss: Miss, delayMs: number): void {
    this.#counts.suspected += 1;
    const foundAt = this.#now();
    const reading = readingOf(miss, this.#options.history);
    const flags = { isRead: false, isRunning: false, failures: 0, looks: 0, turn: 0 };
    this.#jobs.add({ miss, reading, foundAt, notBefore: foundAt + delayMs, ...flags });
    const [oldest] = this.#jobs;
    if (this.#jobs.size > MOST_JOBS && oldest !== undefined) this.#giveUp(oldest);
    this.#wakeAt(foundAt + delayMs);
  }

  /** Another interruption: what was read may not reach to its end. */
  #restart(job: Job): void {
    job.turn += 1;
    job.notBefore = 0;
    job.looks = 0;
    job.isRead = false;
    job.reading.rewind();
  }

  #wakeAt(time: number): void {
    if (this.#wakeTime <= time) return;
    this.#cancelWake();
    this.#wakeTime = time;
    this.#cancelWake = this.#options.clock.setTimer(Math.max(0, time - this.#now()), () => this.#pump());
  }

  /** Keeps the lanes busy while a job is due, and comes back when the next one is. */
  #pump(): void {
    this.#cancelWake();
    this.#wakeTime = Number.POSITIVE_INFINITY;
    const run = this.#run;
    if (run === null) return;
    const now = this.#now();
    const due = new Set<string>();
    const busy = this.#busySymbols();
    for (const job of this.#jobs) {
      if (busy.has(job.miss.symbol)) continue;
      if (job.notBefore > now) this.#wakeAt(job.notBefore);
      else if (job.reading.isHealed) this.#close(job);
      else if (job.isRead) this.#follow(job, job.reading.judge());
      else due.add(job.miss.symbol);
    }
    // A lane that waits for its turn has not chosen a job yet: whoever trades most then comes first.
    while (this.#lanesWaiting < due.size && this.#lanes < LANES) {
      this.#lanes += 1;
      this.#lanesWaiting += 1;
      void this.#serve(run.signal).finally(() => {
        this.#lanes -= 1;
        this.#pump();
      });
    }
  }

  /** One page of one job. */
  async #serve(signal: AbortSignal): Promise<void> {
    const { history, acquire, get, clock } = this.#options;
    const isOurTurn = await acquire(history.limit.group, history.limit.weight, signal).then(
      () => true,
      () => false,
    );
    this.#lanesWaiting -= 1;
    const job = isOurTurn && !signal.aborted ? this.#next() : null;
    if (job === null) return;
    const instrument = this.#instruments.get(job.miss.symbol);
    const path = instrument === undefined ? null : history.path(instrument, job.reading.from);
    if (instrument === undefined || path === null) {
      this.#giveUp(job);
      return;
    }
    const { turn } = job;
    job.isRunning = true;
    this.#counts.requests += 1;
    const answer = await get(path, signal);
    job.isRunning = false;
    if (signal.aborted || !this.#jobs.has(job) || job.turn !== turn) return;
    const page = answer.ok ? history.parse(answer.body, instrument, clock.now()) : null;
    if (page?.ok) {
      this.#follow(job, job.reading.take(page.trades));
      if (history.ids === 'contiguous') this.#share(page.trades, job);
      return;
    }
    this.#counts.failedRequests += 1;
    const isHopeless = !answer.ok && answer.status !== null && HOPELESS_STATUSES.includes(answer.status);
    if (isHopeless) this.#giveUp(job);
    else this.#retry(job, answer.ok ? 0 : answer.pauseMs);
  }

  /** A page that runs over further jumps of its instrument answers for them as well. */
  #share(page: readonly Trade[], served: Job): void {
    const [first, last] = [page[0], page.at(-1)];
    if (first === undefined || last === undefined) return;
    for (const job of this.#jobs) {
      const { symbol, from, until } = job.miss;
      const isCovered = symbol === first.symbol && from >= BigInt(first.id) && until <= BigInt(last.id);
      if (isCovered && job !== served) this.#follow(job, job.reading.take(page));
    }
  }

  /** The due job of the instrument that trades most; of one instrument the one found first. */
  #next(): Job | null {
    const now = this.#now();
    const busy = this.#busySymbols();
    let [best, bestActivity]: [Job | null, number] = [null, -1];
    for (const job of this.#jobs) {
      if (job.notBefore > now || job.isRead || busy.has(job.miss.symbol)) continue;
      const activity = this.#continuity.activityOf(job.miss.symbol);
      if (activity > bestActivity) [best, bestActivity] = [job, activity];
    }
    return best;
  }

  /** Instruments whose page is on its way: it may answer for their other jobs too. */
  #busySymbols(): ReadonlySet<string> {
    return new Set([...this.#jobs].filter(({ isRunning }) => isRunning).map(({ miss }) => miss.symbol));
  }

  #follow(job: Job, { missed, next }: Finding): void {
    this.#publish(missed);
    job.isRead = false;
    switch (next) {
      case 'more':
        return;
      case 'done':
        this.#close(job);
        return;
      case 'wait':
        job.isRead = true;
        job.notBefore = this.#now() + SETTLE_MS;
        this.#wakeAt(job.notBefore);
        return;
      case 'later':
        this.#readAnew(job, LATER_MS);
        return;
      case 'absent':
        job.looks += 1;
        if (job.looks >= LOOKS) this.#giveUp(job);
        else this.#retry(job, 0);
    }
  }

  #retry(job: Job, pauseMs: number): void {
    if (this.#now() - job.foundAt > DEADLINE_MS) {
      this.#giveUp(job);
      return;
    }
    const backoffMs = RETRY_BACKOFF.baseMs + fullJitterMs(job.failures, RETRY_BACKOFF, this.#options.random);
    job.failures += 1;
    this.#readAnew(job, Math.max(pauseMs, backoffMs));
  }

  #readAnew(job: Job, afterMs: number): void {
    job.reading.rewind();
    job.notBefore = this.#now() + afterMs;
    this.#wakeAt(job.notBefore);
  }

  #publish(missed: readonly Trade[]): void {
    if (missed.length === 0) return;
    this.#counts.backfilledTrades += this.#options.publish(missed);
    for (const trade of missed) this.#continuity.remember(trade);
  }

  #giveUp(job: Job): void {
    const { exchange, history, clock, publish } = this.#options;
    const { symbol, before, after } = job.miss;
    const { missed, afterId, untilId } = job.reading.remains();
    this.#publish(missed);
    const known = [...before, ...after.values(), ...missed];
    const timeOf = (id: string | null) => known.find(trade => trade.id === id)?.exchangeTime ?? null;
    const gap: TradeGap = {
      type: 'gap',
      offset: 0,
      exchange,
      symbol,
      exchangeTime: timeOf(untilId),
      receivedTime: clock.now(),
      afterId,
      untilId,
      afterTime: timeOf(afterId),
      untilTime: timeOf(untilId),
      provable: history.ids === 'contiguous',
    };
    publish([gap]);
    this.#counts.declaredGaps += 1;
    this.#close(job);
  }

  #close(job: Job): void {
    this.#jobs.delete(job);
    this.#continuity.close(job.miss);
  }

  #now(): number {
    return this.#options.clock.monotonic();
  }
}

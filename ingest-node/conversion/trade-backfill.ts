/**
 * Fetches the trades that one exchange's feeds missed, and declares as a `gap` what cannot be had.
 *
 * `feed-interruptions.ts` says when something may have been missed, `trade-continuity.ts` what, and `trade-fetcher.ts`
 * reads past trades within the exchange's limits: here what the second suspects becomes a task of the third. A task ends
 * with its trades published, once and in order, or with one gap; never in silence but for a stop, after which the next start
 * finds the same interruption in the same memory.
 */
import type { Clock } from '../../shared/base/clock.ts';
import type { ExchangeName } from '../../shared/model/exchange.ts';
import type { Instrument } from '../../shared/model/instrument.ts';
import type { MarketEvent, Trade, TradeGap } from '../../shared/model/market-event.ts';
import type { EpochMillis } from '../../shared/model/time.ts';
import type { TradeBackfillHealth } from '../../shared/wire/service-info.ts';
import type { TradeHistory } from '../exchanges/exchange-adapter.ts';
import { AnchorReading } from './anchor-reading.ts';
import { BackwardReading } from './backward-reading.ts';
import { FirstIdReading, FirstTradesReading } from './beginning-reading.ts';
import { FeedInterruptions, SETTLE_MS } from './feed-interruptions.ts';
import { TradeCensus, type TradeCensusOptions } from './trade-census.ts';
import { type Beginning, type Miss, TradeContinuity } from './trade-continuity.ts';
import { TradeFetcher, type TradeFetcherOptions, type TradeTask } from './trade-fetcher.ts';
import type { Remains, TradeReading } from './trade-reading.ts';
import { UpwardReading } from './upward-reading.ts';

export type TradeBackfillOptions = Pick<
  TradeFetcherOptions<TradeTask>,
  'history' | 'clock' | 'random' | 'acquire' | 'get'
> & {
  readonly exchange: ExchangeName;
  /** Those of some past trades, in order, that were not published (TRD1); the others surely were. */
  readonly unpublished: (past: readonly Trade[], others: readonly Trade[]) => readonly Trade[];
  /**
   * Publishes them, and answers what was published.
   *
   * @param past all that is known of the time of these trades, themselves included
   */
  readonly publish: (events: readonly (Trade | TradeGap)[], past: readonly Trade[]) => readonly MarketEvent[];
  /** Frames of these instruments stayed away on an open socket: some may have been lost. */
  readonly onInterrupted?: (symbols: readonly string[]) => void;
  /** No miss of an instrument is open any more; or a miss was not whole. */
  readonly onResolved?: (symbol: string, isWhole: boolean) => void;
  /** After an interruption a feed has delivered these for so long that each of them is subscribed again. */
  readonly onSettled?: (symbols: readonly string[]) => void;
  /** As `acquire`, for the one request that tells of all instruments whether trades of them are missing. */
  readonly acquireForAll: TradeCensusOptions['acquire'];
  /** With contiguous ids: one that was delisted trades again and its ids may begin anew, or those of another node's trades do. */
  readonly onRelisted?: (symbol: string) => void;
};

/**
 * Longer than it takes to read all markets of an exchange back within its limits: 342 s at Upbit where a midnight lies
 * between, since each of 855 markets then takes two pages and five are read a second.
 */
const DOUBT_MS = 400_000;

/** So long before it came a list may have been made, and so far the exchange's clock may be off. */
const LIST_AGE_MS = 30_000;

/** `miss` is `null` where nothing is missing and only an anchor is wanted. */
type Task = TradeTask & { readonly miss: Miss | null };

export class TradeBackfill {
  /** To be told of the feeds' states and frames. */
  readonly interruptions: FeedInterruptions;
  readonly #exchange: ExchangeName;
  readonly #history: TradeHistory;
  readonly #clock: Clock;
  readonly #unpublished: TradeBackfillOptions['unpublished'];
  readonly #publish: TradeBackfillOptions['publish'];
  readonly #onResolved: NonNullable<TradeBackfillOptions['onResolved']>;
  readonly #onSettled: NonNullable<TradeBackfillOptions['onSettled']>;
  readonly #onRelisted: NonNullable<TradeBackfillOptions['onRelisted']>;
  readonly #continuity: TradeContinuity;
  readonly #fetcher: TradeFetcher<Task>;
  readonly #census: TradeCensus | null;
  readonly #tasks = new Map<Miss, Task>();
  /** Instruments whose anchor is asked for. */
  readonly #anchoring = new Set<string>();
  readonly #counts = { suspected: 0, backfilledTrades: 0, declaredGaps: 0 };
  #instruments: ReadonlyMap<string, Instrument> = new Map();
  /** When the last market list came; `null` before the first one since the feeds began. */
  #listedAt: EpochMillis | null = null;
  #run: AbortController | null = null;
  /** While another node leads: until when it may not have read back what it lost (monotonic). */
  #doubtEnds: number | null = null;

  constructor(options: TradeBackfillOptions) {
    const { exchange, history, clock, unpublished, publish } = options;
    this.#exchange = exchange;
    this.#history = history;
    this.#clock = clock;
    this.#unpublished = unpublished;
    this.#publish = publish;
    this.#onResolved = options.onResolved ?? (() => {});
    this.#onSettled = options.onSettled ?? (() => {});
    this.#onRelisted = options.onRelisted ?? (() => {});
    this.#continuity = new TradeContinuity(history.ids);
    this.interruptions = new FeedInterruptions({
      clock,
      onInterrupted: (symbols, since) => this.#interrupted(symbols, since),
      onPaused: options.onInterrupted ?? (() => {}),
      // The sooner an anchor lies the better.
      onSubscribed: symbols => this.#ask(symbols.filter(symbol => !this.#continuity.isAnchored(symbol))),
      onSettled: symbols => this.#settled(symbols),
    });
    this.#fetcher = new TradeFetcher<Task>({
      ...options,
      instrumentOf: symbol => this.#instruments.get(symbol),
      activityOf: symbol => this.#continuity.activityOf(symbol),
      onFound: ({ miss }, trades) => this.#found(trades, miss),
      onEnd: (task, isWhole) => this.#end(task, isWhole),
    });
    this.#census =
      history.newest === undefined
        ? null
        : new TradeCensus({
            ...options,
            acquire: options.acquireForAll,
            newest: history.newest,
            group: history.limit.group,
            onNewest: (ids, symbols, time) => this.#compare(ids, symbols, time),
          });
  }

  start(): void {
    if (this.#run !== null) return;
    this.#run = new AbortController();
    this.#doubtEnds = null;
    this.interruptions.start();
    this.#fetcher.start();
    this.#takeUpJumps();
  }

  /** No request and no event after the call. What was known of the trades stays known. */
  stop(): void {
    this.#run?.abort();
    this.#run = null;
    this.#listedAt = null;
    this.#doubtEnds = this.#clock.monotonic() + DOUBT_MS;
    this.interruptions.stop();
    this.#census?.stop();
    this.#tasks.clear();
    this.#anchoring.clear();
    this.#continuity.interrupt(this.#fetcher.stop().map(({ symbol }) => symbol));
  }

  /** A market list came. What trades now and did not when the last one came has just begun; of the first list nothing is known. */
  setInstruments(instruments: readonly Instrument[]): void {
    const isFirst = this.#instruments.size === 0;
    if (this.#listedAt !== null) {
      for (const { symbol, status } of instruments) {
        const before = this.#instruments.get(symbol)?.status;
        if (status !== 'trading' || before === 'trading') continue;
        this.#continuity.begin(symbol, this.#listedAt - LIST_AGE_MS);
        if (before !== 'delisted' || this.#history.ids !== 'contiguous') continue;
        this.#continuity.relist(symbol);
        this.#onRelisted(symbol);
      }
    }
    this.#listedAt = this.#clock.now();
    this.#instruments = new Map(instruments.map(instrument => [instrument.symbol, instrument]));
    if (isFirst) this.#takeUpJumps();
  }

  /** Trades of one frame, published before or not. */
  observe(trades: readonly Trade[]): void {
    for (const trade of trades) {
      const miss = this.#continuity.observe(trade);
      // The trade that a second socket is about to bring is not worth a request.
      if (miss !== null && this.#run !== null) this.#suspect(miss, SETTLE_MS);
    }
  }

  /**
   * A trade that another node published, before its id is known to anybody else here: the first connection continues where
   * it left off.
   */
  remember(trade: Trade): void {
    if (this.#run === null && this.#doubtEnds !== null && this.#clock.monotonic() > this.#doubtEnds) {
      this.#doubtEnds = null;
      this.#continuity.trust();
    }
    if (this.#continuity.remember(trade)) this.#onRelisted(trade.symbol);
  }

  /**
   * The node that leads was interrupted, or has just begun: if it ends soon, what it lost by that is for the next leader to
   * read back.
   */
  doubt(): void {
    if (this.#run !== null) return;
    this.#doubtEnds = this.#clock.monotonic() + DOUBT_MS;
    this.#continuity.doubt();
  }

  /** Another node declared this lost: it is not searched again. */
  rememberGap({ symbol, untilId }: TradeGap): void {
    this.#continuity.declared(symbol, untilId);
  }

  /** The node that leads has read back all that it missed. */
  trust(): void {
    if (this.#run !== null) return;
    this.#doubtEnds = null;
    this.#continuity.trust();
  }

  /** Nothing is missing, being read, or about to be looked into. */
  get isSettled(): boolean {
    return this.#run !== null && this.interruptions.isSettled && this.#tasks.size === 0 && this.#fetcher.waiting === 0;
  }

  /** What these traded until now is nobody's loss: they were not wanted. What is being fetched already still comes. */
  forget(symbols: Iterable<string>): void {
    this.#continuity.forget(symbols);
  }

  /** The same for all. */
  forgetAll(): void {
    this.#continuity.forget();
  }

  counts(): TradeBackfillHealth {
    return {
      exchange: this.#exchange,
      ...this.#counts,
      ...this.#fetcher.counts,
      waiting: this.#fetcher.waiting,
      unanchored: this.interruptions.carried().filter(symbol => !this.#continuity.isAnchored(symbol)).length,
    };
  }

  /** Not behind what the exchange itself tells, should our clock be. */
  readonly #exchangeNow = (): EpochMillis => Math.max(this.#clock.now(), this.#continuity.newestTime);

  #interrupted(symbols: readonly string[], since?: EpochMillis): void {
    this.#continuity.interrupt(symbols, since);
    // Its socket is open: what it has missed can be asked for at once.
    if (since !== undefined) this.#ask(symbols);
  }

  #settled(symbols: readonly string[]): void {
    this.#ask(symbols);
    this.#anchor(symbols);
    for (const miss of this.#continuity.beginnings(symbols)) if (!this.#tasks.has(miss)) this.#suspect(miss, 0);
    for (const miss of this.#continuity.settle(symbols)) {
      const task = this.#tasks.get(miss);
      if (task === undefined) this.#suspect(miss, 0);
      else this.#fetcher.restart(task);
    }
    for (const symbol of symbols) if (!this.#continuity.isInDoubt(symbol)) this.#onResolved(symbol, true);
    this.#onSettled(symbols);
  }

  #ask(symbols: readonly string[]): void {
    if (this.#run !== null && symbols.length > 0) this.#census?.ask(symbols, this.#run.signal);
  }

  #compare(newest: ReadonlyMap<string, string>, symbols: ReadonlySet<string>, time: EpochMillis): void {
    for (const symbol of symbols) {
      const id = newest.get(this.#instruments.get(symbol)?.nativeCode ?? '');
      const miss = id === undefined ? null : this.#continuity.newestIs(symbol, id, time);
      // The newest may be on its way.
      if (miss !== null) this.#suspect(miss, SETTLE_MS);
    }
  }

  /** Asks for the newest trades of instruments whose subscription was answered with none. */
  #anchor(symbols: readonly string[]): void {
    if (this.#census !== null) return;
    for (const symbol of symbols) {
      if (this.#anchoring.has(symbol) || this.#continuity.isAnchored(symbol)) continue;
      this.#anchoring.add(symbol);
      const reading = new AnchorReading(
        this.#history,
        () => this.#continuity.isAnchored(symbol),
        page => this.#continuity.anchor(symbol, page),
      );
      this.#fetcher.add({ symbol, reading, miss: null }, 0);
    }
  }

  /** What others left open; nothing can be asked for before the exchange's names are known. */
  #takeUpJumps(): void {
    if (this.#run === null || this.#instruments.size === 0) return;
    for (const miss of this.#continuity.openJumps()) if (!this.#tasks.has(miss)) this.#suspect(miss, 0);
  }

  #suspect(miss: Miss, delayMs: number): void {
    this.#counts.suspected += 1;
    const task = { symbol: miss.symbol, reading: this.#readingOf(miss), miss };
    this.#tasks.set(miss, task);
    this.#fetcher.add(task, delayMs);
  }

  #readingOf(miss: Miss): TradeReading {
    const history = this.#history;
    if ('until' in miss) return new UpwardReading(miss, history);
    if (!('knownFrom' in miss)) return new BackwardReading(miss, history, this.#exchangeNow);
    if (history.ids !== 'contiguous') return new FirstTradesReading(miss, history, this.#exchangeNow);
    return new FirstIdReading(miss, (first, last) => this.#beganWith(miss, first, last));
  }

  #beganWith(miss: Beginning, first: bigint, last: bigint): void {
    const jump = this.#continuity.beganWith(miss, first, last);
    if (jump !== null) this.#suspect(jump, 0);
  }

  #found(past: readonly Trade[], miss: Miss | null): void {
    const missed = this.#unpublished(past, miss?.before ?? []);
    if (missed.length === 0) return;
    this.#tell(missed[0]!.symbol, missed, [...past, ...(miss?.before ?? [])]);
    for (const trade of missed) this.#continuity.remember(trade);
  }

  #end({ symbol, miss, reading }: Task, isWhole: boolean): void {
    if (miss === null) {
      this.#anchoring.delete(symbol);
      return;
    }
    const remains = isWhole ? null : reading.remains();
    if (remains !== null) this.#declare(miss, remains);
    this.#tasks.delete(miss);
    this.#continuity.close(miss);
    if (remains !== null || !this.#continuity.isInDoubt(symbol)) this.#onResolved(symbol, remains === null);
  }

  #declare(miss: Miss, { found, ...bounds }: Remains): void {
    this.#found(found, miss);
    const gap: TradeGap = {
      type: 'gap',
      offset: 0,
      exchange: this.#exchange,
      symbol: miss.symbol,
      exchangeTime: bounds.untilTime,
      receivedTime: this.#clock.now(),
      ...bounds,
      provable: this.#history.ids === 'contiguous' && !('knownFrom' in miss),
    };
    this.#tell(miss.symbol, [gap], []);
  }

  #tell(symbol: string, events: readonly (Trade | TradeGap)[], past: readonly Trade[]): void {
    const told = this.#publish(events, past);
    const gaps = told.filter(({ type }) => type === 'gap').length;
    this.#counts.backfilledTrades += told.filter(({ type }) => type === 'trade').length;
    this.#counts.declaredGaps += gaps;
    if (gaps > 0) this.#onResolved(symbol, false);
  }
}

import type { Clock } from '../../shared/base/clock.ts';
import type { ExchangeName } from '../../shared/model/exchange.ts';
import type { Instrument } from '../../shared/model/instrument.ts';
import type { MarketEvent } from '../../shared/model/market-event.ts';
import type { EpochMillis } from '../../shared/model/time.ts';
import type { ReceivedSnapshot } from '../../shared/stream/stream-receiver.ts';
import { type ConvertedFrame, ConverterService } from '../conversion/converter-service.ts';
import { type DeltaBookCounts, type DeltaBookReport, DeltaBooks } from '../conversion/delta-books.ts';
import type { FrameSource } from '../conversion/heard-feeds.ts';
import type { RejectionSample } from '../conversion/rejection-log.ts';
import type { Distributor } from '../distribution/distributor.ts';
import type { ExchangeAdapter, InstrumentIndex } from '../exchanges/exchange-adapter.ts';
import { fetchBookSnapshot } from '../feeds/book-snapshot.ts';
import { ExchangeFeeds, type ExchangeFeedsOptions, type FeedStatus } from '../feeds/exchange-feeds.ts';
import type { FeedReport } from '../feeds/feed.ts';
import type { FrameMeaning } from '../feeds/line.ts';
import type { SupervisedFeeds } from '../feeds/supervised-feeds.ts';
import type { Traffic, TrafficTap } from '../feeds/traffic-tap.ts';
import type { Logger } from '../operations/logger.ts';
import { saysReadingBack } from './backfill-feed.ts';
import { feedEvent } from './feed-event.ts';
import type { HeardBatch } from './joined-stream.ts';
import { KnownPast } from './known-past.ts';
import { MissedCandles } from './missed-candles.ts';
import { MissedTrades } from './missed-trades.ts';

export type LeaderOptions = {
  readonly adapters: readonly ExchangeAdapter[];
  readonly simulatorUrl: string | null;
  /** Where converted events go. */
  readonly distributor: Pick<Distributor, 'offer'>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly onInstruments: (exchange: ExchangeName, instruments: readonly Instrument[]) => void;
  readonly onFeedState?: (exchange: ExchangeName, report: FeedReport) => void;
  /** Symbols whose whole books are built from their changes, by exchange; none by default. */
  readonly deltaSymbols?: Readonly<Partial<Record<ExchangeName, ReadonlySet<string>>>>;
  /** Which of the trading instruments are carried, asked at every list and at {@link Leader.replan}; all by default. */
  readonly selects?: (instrument: Instrument) => boolean;
  /** The market lists are fetched anew this often; as often as the feeds think right by default. */
  readonly refreshMarketsEveryMs?: number;
  /** Sees all traffic with the exchanges while it is open. */
  readonly tap?: TrafficTap;
  /** Open sockets and ask exchanges, unless told otherwise. */
  readonly createFeeds?: (options: ExchangeFeedsOptions) => SupervisedFeeds;
  /** In [0, 1); the real one by default. */
  readonly random?: () => number;
  /** Told of what was rejected, as it is worth a word; the log by default. */
  readonly onRejectionSample?: (sample: RejectionSample) => void;
};

/** How the stream begins anew for a node that follows it. */
export type Joining = Pick<ReceivedSnapshot, 'events' | 'reason'>;

/** Order books that wait for their turn, and minutes that wait for their end, are looked at this often. */
const FLUSH_INTERVAL_MS = 25;

/** `warming`: the sockets are open while another node still leads (rule HND1). */
type LeaderState = 'stopped' | 'warming' | 'leading';

/**
 * What the leading node does and nobody else: exchange frames in, converted events to the distributor. A successor that
 * was named does the same before it leads, but for the search of missed trades: what the leader publishes is not missed.
 * What the feeds missed all the same is the business of {@link MissedTrades}.
 */
export class Leader {
  readonly converter: ConverterService;
  /** How far back this node knows what the stream carried. */
  readonly knownPast = new KnownPast();
  readonly missedTrades: MissedTrades;
  readonly missedCandles: MissedCandles;
  readonly #options: LeaderOptions;
  readonly #feeds: readonly SupervisedFeeds[];
  /** For each exchange whose books can be built from changes. */
  readonly #deltaBooks = new Map<ExchangeName, DeltaBooks>();
  #cancelFlush: () => void = () => {};
  #state: LeaderState = 'stopped';

  constructor(options: LeaderOptions) {
    this.#options = options;
    const { adapters, distributor, clock, logger, random = Math.random } = options;
    const exchangesWith = (ids: 'separate' | 'contiguous') =>
      new Set(adapters.filter(({ tradeHistory }) => tradeHistory.ids === ids).map(({ exchange }) => exchange));
    this.converter = new ConverterService({
      tradeMemory: { separateIds: exchangesWith('separate'), contiguousIds: exchangesWith('contiguous') },
      fetchedCandles: new Set(
        adapters.filter(({ candleHistory }) => candleHistory !== undefined).map(({ exchange }) => exchange),
      ),
      isInherited: trade => this.knownPast.isBefore(trade),
      onRejectionSample: options.onRejectionSample ?? (sample => logger.warn({ ...sample }, 'a record was rejected')),
    });
    const { converter, knownPast } = this;
    this.missedCandles = new MissedCandles({ converter, distributor, clock, logger, random });
    this.missedTrades = new MissedTrades({
      ...{ converter, knownPast, distributor, clock, logger, random },
      onSettled: (exchange, symbols) => this.missedCandles.settled(exchange, symbols),
    });
    this.#feeds = adapters.map(adapter => this.#createFeeds(adapter));
  }

  /** Begins to lead: from nothing, or from {@link warmUp}, in which case no trade goes by unseen. */
  start(): void {
    const before = this.#state;
    if (before === 'leading') return;
    this.#state = 'leading';
    this.missedTrades.start();
    this.missedCandles.start();
    if (before === 'stopped') this.#open(1);
    else this.#carryOn();
    this.missedTrades.tell();
  }

  /**
   * Opens the sockets within a share of the connection limits, 0 to 1, since the node that leads may be behind the same
   * address.
   */
  warmUp(connectShare: number): void {
    if (this.#state !== 'stopped') return;
    this.#state = 'warming';
    this.#open(connectShare);
  }

  /** Whether all that these exchanges send is coming in: feeds live and subscribed, books built. */
  isWarm(exchanges: ReadonlySet<ExchangeName>): boolean {
    const { clock } = this.#options;
    return this.#feeds
      .filter(({ exchange }) => exchanges.has(exchange))
      .every(feeds => {
        const status = feeds.status();
        const books = this.#deltaBooks.get(feeds.exchange)?.counts();
        return (
          status.length > 0 &&
          status.every(
            ({ key, state, since }) =>
              state === 'live' && clock.now() - since >= this.#subscribingMs(feeds.exchange, feeds.instrumentsOf(key)),
          ) &&
          (books?.waiting ?? 0) === 0
        );
      });
  }

  /** Resolves when no exchange socket is open; what was received until then has been offered. */
  async stop(): Promise<void> {
    if (this.#state === 'stopped') return;
    this.#state = 'stopped';
    this.missedTrades.stop();
    this.missedCandles.stop();
    await Promise.all(this.#feeds.map(feeds => feeds.stop()));
    for (const books of this.#deltaBooks.values()) books.stop();
    this.#cancelFlush();
    this.#options.distributor.offer(this.converter.flush(Number.POSITIVE_INFINITY));
    // Whoever leads from now on may publish other state: what we published last does not stand for it.
    this.converter.forgetState();
  }

  #open(connectShare: number): void {
    for (const feeds of this.#feeds) {
      feeds.useConnectShare(connectShare);
      feeds.start();
    }
    this.#flushLater();
  }

  /** What was live while it warmed up has missed nothing; what was not is searched as after any interruption. */
  #carryOn(): void {
    const now = this.#options.clock.now();
    for (const feeds of this.#feeds) {
      feeds.useConnectShare(1);
      for (const { key, state } of feeds.status()) {
        const symbols = feeds.instrumentsOf(key).map(({ symbol }) => symbol);
        this.converter.beginCandles(feeds.exchange, symbols, now, { feed: key, isFirst: true });
        if (state !== 'live') this.#interruptForGood(feeds.exchange, symbols);
        this.missedTrades.of(feeds.exchange).interruptions.onFeedState(key, state, symbols, 0);
      }
    }
  }

  /**
   * `selects` answers differently now: feeds that are concerned move to the answer, the others are left alone. A market
   * that comes back begins anew: what it traded meanwhile was not wanted, so it is not missing.
   */
  replan(): void {
    for (const feeds of this.#feeds) {
      const carried = () => feeds.status().flatMap(({ key }) => feeds.instrumentsOf(key).map(({ symbol }) => symbol));
      const before = new Set(carried());
      feeds.replan();
      const added = carried().filter(symbol => !before.has(symbol));
      this.missedTrades.of(feeds.exchange).forget(added);
      this.#interruptForGood(feeds.exchange, added);
    }
  }

  /** Asks for the whole of every book that is built from changes, and goes on with what there is until it comes. */
  renewBooks(): void {
    for (const books of this.#deltaBooks.values()) books.renew();
  }

  /** What these traded until now is not read back. */
  #interruptForGood(exchange: ExchangeName, symbols: readonly string[]): void {
    const now = this.#options.clock.now();
    this.converter.interrupt(exchange, symbols);
    for (const symbol of symbols) this.converter.resolve(exchange, symbol, false, now);
  }

  /** While another node leads: what its stream carries, so that this one continues where it leaves off (rule TRD1). */
  heard(batch: HeardBatch): void {
    // The leader before this one was interrupted for good, and may have had something to read back.
    if (batch.first === 1) this.missedTrades.doubt();
    this.knownPast.heard(batch);
    this.#published(batch.events);
  }

  /** The stream begins anew for this node, with this state. */
  joined({ events, reason }: Joining): void {
    // Trades were published that this node has not heard of: it cannot tell them from missed ones.
    if (reason === 'lost') this.missedTrades.forget();
    this.#published(events);
    // Who took a wrong turn lacks nothing of what lies before it.
    if (reason !== 'diverged') this.knownPast.begin(this.#options.clock.now(), events);
  }

  #published(events: readonly MarketEvent[]): void {
    const now = this.#options.clock.now();
    for (const event of events) {
      if (event.type === 'trade' || event.type === 'gap') this.missedTrades.remember(event);
      if (event.type === 'trade' || event.type === 'candle') this.converter.remember(event, now);
      if (event.type === 'feed' && event.state !== 'live') this.missedTrades.doubt(event.exchange);
      if (saysReadingBack(event) === false) this.missedTrades.trust(event.exchange);
    }
  }

  /**
   * One frame through the whole pipeline; the answer is for the feed it came from.
   *
   * @param source the feed that brought it, where one did
   * @param onConverted for whoever looks for what is missing between the trades; none for frames that no feed brought
   * just now
   */
  ingest(
    adapter: ExchangeAdapter,
    frame: Uint8Array,
    receivedTime: EpochMillis,
    instruments: InstrumentIndex,
    source?: FrameSource,
    onConverted?: (converted: ConvertedFrame) => void,
  ): FrameMeaning {
    const converted = this.converter.convert(adapter, frame, receivedTime, instruments, source);
    const { events, bookDeltas, control, isData } = converted;
    if (events.length > 0) this.#options.distributor.offer(events);
    onConverted?.(converted);
    if (bookDeltas.length > 0) {
      const books = this.#deltaBooks.get(adapter.exchange)?.apply(bookDeltas, receivedTime) ?? [];
      this.#options.distributor.offer(this.converter.admit(books, receivedTime));
    }
    if (control !== null) return { kind: 'control', control };
    return { kind: isData ? 'events' : 'rejected', events };
  }

  feeds(): FeedStatus[] {
    return this.#feeds.flatMap(feeds => feeds.status());
  }

  /** What became of the books that are built from changes. */
  deltaBookCounts(): DeltaBookCounts[] {
    return [...this.#deltaBooks.values()].map(books => books.counts());
  }

  /** The newest market list of each exchange, as it came. */
  marketLists(): Traffic[] {
    return this.#feeds.flatMap(feeds => feeds.marketLists);
  }

  /** How long a new socket takes to ask for all of these, milliseconds. */
  #subscribingMs(exchange: ExchangeName, carried: readonly Instrument[]): number {
    const { subscribeMessages, limits } = this.#options.adapters.find(adapter => adapter.exchange === exchange)!;
    return subscribeMessages(carried).length * limits.messageSpacingMs;
  }

  #createFeeds(adapter: ExchangeAdapter): SupervisedFeeds {
    const { exchange } = adapter;
    const {
      createFeeds = options => new ExchangeFeeds(options),
      clock,
      simulatorUrl,
      tap,
      selects,
      refreshMarketsEveryMs,
      onInstruments,
    } = this.#options;
    const deltaSymbols = this.#options.deltaSymbols?.[exchange] ?? new Set();
    const backfill = () => this.missedTrades.of(exchange);
    const interruptions = () => backfill().interruptions;
    const symbolsOf = (instruments: readonly Instrument[]) => instruments.map(({ symbol }) => symbol);
    const feeds: SupervisedFeeds = createFeeds({
      adapter,
      simulatorUrl,
      deltaSymbols,
      onFrame: (bytes, receivedTime, instruments, key, isFirst) => {
        const symbols = () => symbolsOf(feeds.instrumentsOf(key));
        interruptions().beforeFrame(key, symbols);
        const source = { feed: key, isFirst };
        return this.ingest(adapter, bytes, receivedTime, instruments, source, ({ events, trades }) => {
          interruptions().beforeEvents(key, symbols, events);
          backfill().observe(trades);
        });
      },
      onProven: (key, until) => this.converter.alive(exchange, key, until),
      onUnproven: (key, heardAt) => {
        const symbols = symbolsOf(feeds.instrumentsOf(key));
        this.converter.interrupt(exchange, symbols, heardAt);
        interruptions().missedSince(key, symbols, heardAt);
      },
      onFeedState: report => {
        const carried = feeds.instrumentsOf(report.key);
        const subscribingMs = this.#subscribingMs(exchange, carried);
        const symbols = symbolsOf(carried);
        interruptions().onFeedState(report.key, report.state, symbols, subscribingMs);
        if (report.state === 'live') this.#deltaBooks.get(exchange)?.onFeedLive(carried, subscribingMs);
        if (report.state !== 'live') this.converter.interrupt(exchange, symbols);
        this.#feedState(exchange, report);
      },
      onCarried: (key, added) => {
        const symbols = symbolsOf(added);
        interruptions().onFeedState(key, 'connecting', symbols, 0);
        this.converter.interrupt(exchange, symbols);
      },
      onRenewed: key => {
        const carried = feeds.instrumentsOf(key);
        interruptions().onFeedState(key, 'live', symbolsOf(carried), 0);
        this.#deltaBooks.get(exchange)?.onFeedLive(carried, 0);
      },
      onInstruments: instruments => {
        backfill().setInstruments(instruments);
        this.missedCandles.setInstruments(exchange, instruments);
        this.#warnOfUnlisted(exchange, deltaSymbols, instruments);
        onInstruments(exchange, instruments);
      },
      clock,
      ...(tap === undefined ? {} : { tap }),
      ...(selects && { selects }),
      ...(refreshMarketsEveryMs && { refreshMarketsEveryMs }),
    });
    this.#buildBooks(adapter, feeds, deltaSymbols);
    this.missedTrades.add(adapter, feeds);
    this.missedCandles.add(adapter, feeds);
    return feeds;
  }

  #buildBooks(adapter: ExchangeAdapter, feeds: SupervisedFeeds, symbols: ReadonlySet<string>): void {
    const { exchange, deltaBooks: rules } = adapter;
    if (rules === undefined) return;
    const { distributor, clock, random = Math.random } = this.#options;
    const { endpoints, rest, restBudget } = feeds;
    const source = { restUrl: endpoints.restUrl, rest, budget: restBudget, rules: rules.snapshot };
    const books = new DeltaBooks({
      exchange,
      rules,
      symbols,
      fetch: (nativeCode, signal) => fetchBookSnapshot(source, nativeCode, signal),
      onBook: book => distributor.offer(this.converter.admit([book], book.receivedTime)),
      onReport: report => this.#reportBook(report),
      clock,
      random,
    });
    this.#deltaBooks.set(exchange, books);
  }

  #reportBook(report: DeltaBookReport): void {
    const isWell = report.kind === 'built';
    this.#options.logger[isWell ? 'info' : 'warn']({ ...report }, isWell ? 'a book was built' : 'a book waits');
  }

  #warnOfUnlisted(exchange: ExchangeName, symbols: ReadonlySet<string>, listed: readonly Instrument[]): void {
    const trading = new Set(listed.filter(({ status }) => status === 'trading').map(({ symbol }) => symbol));
    const missing = [...symbols].filter(symbol => !trading.has(symbol));
    if (missing.length === 0) return;
    this.#options.logger.warn({ exchange, symbols: missing }, 'books to build of symbols that are not traded');
  }

  #feedState(exchange: ExchangeName, report: FeedReport): void {
    const { distributor, clock, logger, onFeedState } = this.#options;
    const { key, state, reason, isStopped } = report;
    distributor.offer([feedEvent(exchange, report, clock.now())]);
    const isTrouble = state === 'stale' || (state === 'down' && isStopped !== true);
    logger[isTrouble ? 'warn' : 'info']({ exchange, feed: key, state, reason }, 'feed state');
    onFeedState?.(exchange, report);
  }

  #flushLater(): void {
    const { clock, distributor } = this.#options;
    this.#cancelFlush = clock.setTimer(FLUSH_INTERVAL_MS, () => {
      distributor.offer(this.converter.flush(clock.now()));
      for (const key of this.converter.takeUnheard()) for (const feeds of this.#feeds) feeds.probe(key);
      this.#flushLater();
    });
  }
}

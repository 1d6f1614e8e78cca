import type { Clock } from '../../shared/base/clock.ts';
import type { ExchangeName } from '../../shared/model/exchange.ts';
import type { Instrument } from '../../shared/model/instrument.ts';
import type { Candle, Trade, TradeGap } from '../../shared/model/market-event.ts';
import type { EpochMillis } from '../../shared/model/time.ts';
import type { TradeBackfillHealth } from '../../shared/wire/service-info.ts';
import { type ConvertedFrame, ConverterService } from '../conversion/converter-service.ts';
import { type DeltaBookCounts, type DeltaBookReport, DeltaBooks } from '../conversion/delta-books.ts';
import { TradeBackfill } from '../conversion/trade-backfill.ts';
import type { Distributor } from '../distribution/distributor.ts';
import type { ExchangeAdapter, InstrumentIndex } from '../exchanges/exchange-adapter.ts';
import { fetchBookSnapshot } from '../feeds/book-snapshot.ts';
import { ExchangeFeeds, type FeedStatus } from '../feeds/exchange-feeds.ts';
import type { FeedReport } from '../feeds/feed.ts';
import type { FrameMeaning } from '../feeds/line.ts';
import type { Traffic, TrafficTap } from '../feeds/traffic-tap.ts';
import type { Logger } from '../operations/logger.ts';
import { TradeHorizon } from './trade-horizon.ts';

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
};

/** Order books that wait for their turn, and minutes that wait for their end, are looked at this often. */
const FLUSH_INTERVAL_MS = 25;

const LOOK_FOR_MISSED_EVERY_MS = 1_000;
/** After a feed is live: its subscription, the settling, and a first page. */
const NOTICED_AFTER_MS = 5_000;
/** The reason of a feed that was ended by us. */
const FEED_STOPPED = 'stopped';
const READING_BACK = 'missed trades are being read back';

/** The feed that says whether missed trades of an exchange are being read back: it is live, and has a reason while so. */
export const backfillKey = (exchange: ExchangeName): string => `${exchange}-backfill`;

/** `warming`: the sockets are open while another node still leads (rule HND1). */
type LeaderState = 'stopped' | 'warming' | 'leading';

/**
 * What the leading node does and nobody else: exchange frames in, converted events to the distributor. A successor that
 * was named does the same before it leads, but for the search of missed trades: what the leader publishes is not missed.
 */
export class Leader {
  readonly converter: ConverterService;
  /** How far back this node knows which trades were published. */
  readonly horizon = new TradeHorizon();
  readonly #options: LeaderOptions;
  readonly #feeds: readonly ExchangeFeeds[];
  /** For each exchange whose books can be built from changes. */
  readonly #deltaBooks = new Map<ExchangeName, DeltaBooks>();
  readonly #backfills = new Map<ExchangeName, TradeBackfill>();
  #cancelFlush: () => void = () => {};
  /** By exchange: whether it was told that missed trades are being read back. */
  readonly #isReadingBack = new Map<ExchangeName, boolean>();
  #cancelLook: () => void = () => {};
  #state: LeaderState = 'stopped';

  constructor(options: LeaderOptions) {
    this.#options = options;
    const separate = options.adapters.filter(({ tradeHistory }) => tradeHistory.ids === 'separate');
    this.converter = new ConverterService({
      tradeMemory: { separateIds: new Set(separate.map(({ exchange }) => exchange)) },
      onRejectionSample: sample => options.logger.warn({ ...sample }, 'a record was rejected'),
    });
    this.#feeds = options.adapters.map(adapter => {
      const deltaSymbols = options.deltaSymbols?.[adapter.exchange] ?? new Set();
      const feeds: ExchangeFeeds = new ExchangeFeeds({
        adapter,
        simulatorUrl: options.simulatorUrl,
        deltaSymbols,
        onFrame: (bytes, receivedTime, instruments, key) => {
          const backfill = this.#backfills.get(adapter.exchange);
          const symbols = () => feeds.instrumentsOf(key).map(({ symbol }) => symbol);
          backfill?.beforeFrame(key, symbols);
          return this.ingest(adapter, bytes, receivedTime, instruments, ({ events, trades }) => {
            backfill?.beforeEvents(key, symbols, events);
            backfill?.observe(trades);
          });
        },
        onFeedState: report => {
          const carried = feeds.instrumentsOf(report.key);
          const subscribingMs = this.#subscribingMs(adapter.exchange, carried);
          const symbols = carried.map(({ symbol }) => symbol);
          this.#backfills.get(adapter.exchange)?.onFeedState(report.key, report.state, symbols, subscribingMs);
          if (report.state === 'live') this.#deltaBooks.get(adapter.exchange)?.onFeedLive(carried, subscribingMs);
          if (report.state !== 'live') this.converter.interrupt(adapter.exchange, symbols);
          this.#feedState(adapter.exchange, report);
        },
        onCarried: (key, added) => {
          const symbols = added.map(({ symbol }) => symbol);
          this.#backfills.get(adapter.exchange)?.onFeedState(key, 'connecting', symbols, 0);
          this.converter.interrupt(adapter.exchange, symbols);
        },
        onRenewed: key => {
          const carried = feeds.instrumentsOf(key);
          const symbols = carried.map(({ symbol }) => symbol);
          this.#backfills.get(adapter.exchange)?.onFeedState(key, 'live', symbols, 0);
          this.#deltaBooks.get(adapter.exchange)?.onFeedLive(carried, 0);
        },
        onInstruments: instruments => {
          this.#backfills.get(adapter.exchange)?.setInstruments(instruments);
          this.#warnOfUnlisted(adapter.exchange, deltaSymbols, instruments);
          options.onInstruments(adapter.exchange, instruments);
        },
        clock: options.clock,
        ...(options.tap === undefined ? {} : { tap: options.tap }),
        ...(options.selects && { selects: options.selects }),
        ...(options.refreshMarketsEveryMs && { refreshMarketsEveryMs: options.refreshMarketsEveryMs }),
      });
      this.#buildBooks(adapter, feeds, deltaSymbols);
      this.#backfills.set(adapter.exchange, this.#createBackfill(adapter, feeds));
      return feeds;
    });
  }

  /** Begins to lead: from nothing, or from {@link warmUp}, in which case no trade goes by unseen. */
  start(): void {
    const before = this.#state;
    if (before === 'leading') return;
    this.#state = 'leading';
    for (const backfill of this.#backfills.values()) backfill.start();
    if (before === 'stopped') this.#open(1);
    else this.#carryOn();
    this.#lookForMissed();
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
    this.#cancelLook();
    this.#isReadingBack.clear();
    for (const backfill of this.#backfills.values()) backfill.stop();
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
    for (const feeds of this.#feeds) {
      feeds.useConnectShare(1);
      for (const { key, state } of feeds.status()) {
        const symbols = feeds.instrumentsOf(key).map(({ symbol }) => symbol);
        this.#backfills.get(feeds.exchange)?.onFeedState(key, state, symbols, 0);
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
      this.#backfills.get(feeds.exchange)?.forget(added);
      this.converter.interrupt(feeds.exchange, added);
    }
  }

  /** While another node leads: what its stream carries, so that this one continues where it leaves off. */
  remember(event: Trade | Candle | TradeGap, now: EpochMillis): void {
    if (event.type !== 'gap') this.converter.remember(event, now);
    if (event.type === 'trade') {
      this.horizon.heard(event);
      this.#backfills.get(event.exchange)?.remember(event);
    }
    if (event.type === 'gap') this.#backfills.get(event.exchange)?.rememberGap(event);
  }

  /** What is known of the markets' trades does not count any more: the next ones continue nothing. */
  forgetTrades(): void {
    for (const backfill of this.#backfills.values()) backfill.forgetAll();
  }

  /** The node that leads says that it has read back what it missed of an exchange. */
  trust(exchange: ExchangeName): void {
    this.#backfills.get(exchange)?.trust();
  }

  /** The node that leads may have lost trades of an exchange just now, of all of them by default. */
  doubt(exchange?: ExchangeName): void {
    for (const [name, backfill] of this.#backfills) if (exchange === undefined || name === exchange) backfill.doubt();
  }

  /**
   * One frame through the whole pipeline; the answer is for the feed it came from.
   *
   * @param onConverted for whoever looks for what is missing between the trades; none for frames that no feed brought
   * just now
   */
  ingest(
    adapter: ExchangeAdapter,
    frame: Uint8Array,
    receivedTime: EpochMillis,
    instruments: InstrumentIndex,
    onConverted?: (converted: ConvertedFrame) => void,
  ): FrameMeaning {
    const converted = this.converter.convert(adapter, frame, receivedTime, instruments);
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

  /** What became of the trades that feeds missed, by exchange. */
  tradeBackfillCounts(): TradeBackfillHealth[] {
    return [...this.#backfills.values()].map(backfill => backfill.counts());
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

  #createBackfill({ exchange, tradeHistory }: ExchangeAdapter, feeds: ExchangeFeeds): TradeBackfill {
    const { distributor, clock } = this.#options;
    return new TradeBackfill({
      exchange,
      history: tradeHistory,
      clock,
      random: Math.random,
      acquire: (group, weight, signal) => feeds.restBudget.acquire(group, weight, signal, true),
      get: (path, signal) => feeds.rest.get(feeds.endpoints.restUrl + path, signal, tradeHistory.limit.group),
      unpublished: (past, others) => this.converter.unpublished(past, others),
      publish: events => {
        const admitted = this.converter.admit(this.#withinHorizon(exchange, events), clock.now());
        distributor.offer(admitted);
        return admitted.filter(({ type }) => type === 'trade').length;
      },
    });
  }

  /** Trades that were fetched from before what this node knows may have been published: whether they were nobody can say. */
  #withinHorizon(exchange: ExchangeName, events: readonly (Trade | TradeGap)[]): readonly (Trade | TradeGap)[] {
    const known = events.filter(event => !this.horizon.isBeyond(event));
    if (known.length < events.length) {
      const left = events.length - known.length;
      this.#options.logger.warn(
        { exchange, left },
        'fetched trades are left out: they may have been published already',
      );
    }
    return known;
  }

  #buildBooks(adapter: ExchangeAdapter, feeds: ExchangeFeeds, symbols: ReadonlySet<string>): void {
    const { exchange, deltaBooks: rules } = adapter;
    if (rules === undefined) return;
    const { distributor, clock } = this.#options;
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

  /** Tells by a feed of its own whether missed trades are still being read back: whoever leads next must know. */
  #lookForMissed(): void {
    const { clock } = this.#options;
    for (const { exchange } of this.#feeds) {
      const isReadingBack = !(this.#backfills.get(exchange)?.isSettled && this.#haveSettled(exchange));
      const was = this.#isReadingBack.get(exchange);
      // Of an exchange that has not been reached there is nothing to tell.
      if (was === isReadingBack || (was === undefined && !this.#isReached(exchange))) continue;
      this.#isReadingBack.set(exchange, isReadingBack);
      const reason = isReadingBack ? READING_BACK : null;
      this.#publishFeed(exchange, { key: backfillKey(exchange), state: 'live', since: clock.now(), reason });
    }
    this.#cancelLook = clock.setTimer(LOOK_FOR_MISSED_EVERY_MS, () => this.#lookForMissed());
  }

  #isReached(exchange: ExchangeName): boolean {
    return this.#statusOf(exchange).some(({ state }) => state === 'live');
  }

  #statusOf(exchange: ExchangeName): readonly FeedStatus[] {
    return this.#feeds.find(feeds => feeds.exchange === exchange)?.status() ?? [];
  }

  /** Whether every feed has been live for so long that what it missed before would have been noticed. */
  #haveSettled(exchange: ExchangeName): boolean {
    const status = this.#statusOf(exchange);
    const now = this.#options.clock.now();
    return status.length > 0 && status.every(({ state, since }) => state === 'live' && now - since >= NOTICED_AFTER_MS);
  }

  #publishFeed(exchange: ExchangeName, { key, state, since, reason }: FeedReport): void {
    const { distributor, clock } = this.#options;
    const common = { offset: 0, exchange, symbol: null, exchangeTime: null, receivedTime: clock.now() } as const;
    distributor.offer([{ type: 'feed', ...common, key, state, since, reason }]);
  }

  #feedState(exchange: ExchangeName, { key, state, since, reason }: FeedReport): void {
    const { logger, onFeedState } = this.#options;
    this.#publishFeed(exchange, { key, state, since, reason });
    const isTrouble = state === 'stale' || (state === 'down' && reason !== FEED_STOPPED);
    logger[isTrouble ? 'warn' : 'info']({ exchange, feed: key, state, reason }, 'feed state');
    onFeedState?.(exchange, { key, state, since, reason });
  }

  #flushLater(): void {
    const { clock, distributor } = this.#options;
    this.#cancelFlush = clock.setTimer(FLUSH_INTERVAL_MS, () => {
      distributor.offer(this.converter.flush(clock.now()));
      this.#flushLater();
    });
  }
}

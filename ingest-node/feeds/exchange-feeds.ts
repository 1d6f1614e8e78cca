/**
 * Everything we hold open towards one exchange: market list → plan → feeds. Exchanges know nothing of each other: one
 * that is down takes nobody with it.
 */
import { type Clock, systemClock } from '../../shared/base/clock.ts';
import type { ExchangeName } from '../../shared/model/exchange.ts';
import type { Instrument } from '../../shared/model/instrument.ts';
import type { EpochMillis } from '../../shared/model/time.ts';
import type { ExchangeAdapter, InstrumentIndex } from '../exchanges/exchange-adapter.ts';
import { Away } from './away.ts';
import { type Endpoints, endpointsOf } from './endpoints.ts';
import { Feed, type FeedReport } from './feed.ts';
import { type FeedPlan, planFeeds } from './feed-planner.ts';
import type { FeedCondition } from './feed-state.ts';
import type { FrameMeaning } from './line.ts';
import { MarketDirectory } from './market-directory.ts';
import { ConnectLimiter, type ConnectLimiterStatus } from './rate-limit.ts';
import { RestBudget } from './rest-budget.ts';
import { RestClient } from './rest-client.ts';
import type { Dial } from './socket.ts';
import type { Traffic, TrafficTap } from './traffic-tap.ts';
import { TrafficWatch } from './traffic-watch.ts';
import { createWsDial } from './ws-socket.ts';

export type ExchangeFeedsOptions = {
  readonly adapter: ExchangeAdapter;
  /** `http://127.0.0.1:9500`, or `null` for the real exchange. */
  readonly simulatorUrl: string | null;
  /** Which of the trading instruments are carried; all by default. Asked at every list and at {@link ExchangeFeeds.replan}. */
  readonly selects?: (instrument: Instrument) => boolean;
  /** Canonical symbols whose books are asked for as changes, where the adapter knows how; none by default. */
  readonly deltaSymbols?: ReadonlySet<string>;
  /** Offers permessage-deflate to the exchange; no by default. */
  readonly compression?: boolean;
  /** The market list is fetched anew this often; every ten minutes by default. */
  readonly refreshMarketsEveryMs?: number;
  /**
   * Every frame, in the order of arrival per feed. Answers what it meant: what `adapter.convert` returned will do.
   * `bytes` are valid during the call only. `isFirst` is false for the second socket of a planned reconnection.
   */
  readonly onFrame: (
    bytes: Uint8Array,
    receivedTime: EpochMillis,
    instruments: InstrumentIndex,
    feedKey: string,
    isFirst: boolean,
  ) => FrameMeaning;
  /** Everything that the exchange sent on a feed before this time has come. */
  readonly onProven?: (key: string, until: EpochMillis) => void;
  /** A feed stayed live with a new socket, but the old one may have been dead: what it carries may have been missed since. */
  readonly onUnproven?: (key: string, heardAt: EpochMillis) => void;
  /** A feed, or the market list under the key `<exchange>-markets`, changed its state or its reason. */
  readonly onFeedState: (report: FeedReport) => void;
  /**
   * A feed will carry these as well. What some of them traded since a feed last carried them, such as a suspended market
   * that resumed or one whose subscription was lost, has not been seen.
   */
  readonly onCarried?: (key: string, added: readonly Instrument[]) => void;
  /** A feed delivers all that it carries now, from a new socket or after a late subscription, and has been live all along. */
  readonly onRenewed?: (key: string) => void;
  /** A market list came: all instruments the exchange has, halted and delisted ones too. */
  readonly onInstruments: (instruments: readonly Instrument[]) => void;
  /** Sees every frame, every REST body and what is sent while it is open; nobody by default. */
  readonly tap?: TrafficTap;
  /** For tests; the real ones by default. */
  readonly clock?: Clock;
  readonly random?: () => number;
  readonly dial?: Dial;
  readonly fetch?: typeof fetch;
};

export type FeedStatus = FeedReport & {
  readonly exchange: ExchangeName;
  /** How many instruments it carries. */
  readonly instruments: number;
};

const REFRESH_MARKETS_EVERY_MS = 600_000;
const CLOSED_TAP: TrafficTap = { isOpen: false, take: () => {} };

export class ExchangeFeeds {
  readonly exchange: ExchangeName;
  /** Where this exchange is reached, for whoever else asks it something. */
  readonly endpoints: Endpoints;
  /** To be used for every request to this exchange, so that all of them stay away when it says so. */
  readonly rest: RestClient;
  /** To be asked before every request to this exchange. */
  readonly restBudget: RestBudget;
  readonly #options: ExchangeFeedsOptions;
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #dial: Dial;
  /** Outlives every stop and start: the exchange does not forget our attempts either. */
  readonly #limiter: ConnectLimiter;
  readonly #directory: MarketDirectory;
  readonly #watch: TrafficWatch;
  readonly #feeds = new Map<string, Feed>();
  readonly #stopping = new Set<Promise<void>>();
  #isRunning = false;
  #instruments: readonly Instrument[] = [];
  #index: InstrumentIndex = new Map();
  #plan: FeedPlan = [];
  #listCondition: FeedCondition;
  #marketsReport: FeedReport;

  constructor(options: ExchangeFeedsOptions) {
    const { adapter } = options;
    this.#options = options;
    this.exchange = adapter.exchange;
    this.endpoints = endpointsOf(adapter, options.simulatorUrl);
    this.#clock = options.clock ?? systemClock;
    this.#random = options.random ?? Math.random;
    this.#dial = options.dial ?? createWsDial({ compression: options.compression ?? false });
    const { connects, shutOutBy = [], blockTimeIn, usedOf = () => null } = adapter.limits;
    const away = new Away({ clock: this.#clock, isOneHost: isOneHost(adapter), shutOutBy });
    this.#limiter = new ConnectLimiter(connects, this.#clock, away);
    this.#watch = new TrafficWatch({
      exchange: this.exchange,
      tap: options.tap ?? CLOSED_TAP,
      clock: this.#clock,
      marketUrls: adapter.markets.paths.map(path => this.endpoints.restUrl + path),
    });
    this.rest = new RestClient({
      clock: this.#clock,
      fetch: options.fetch ?? fetch,
      away,
      blockTimeIn,
      onAnswer: (group, headers) => {
        const used = usedOf(headers);
        if (used !== null) this.restBudget.counted(group, used);
      },
      onBody: (url, body) => this.#watch.body(url, body),
    });
    this.restBudget = new RestBudget({ limits: adapter.limits.rest, clock: this.#clock });
    this.#directory = new MarketDirectory({
      markets: adapter.markets,
      restUrl: this.endpoints.restUrl,
      rest: this.rest,
      budget: this.restBudget,
      clock: this.#clock,
      random: this.#random,
      refreshEveryMs: options.refreshMarketsEveryMs ?? REFRESH_MARKETS_EVERY_MS,
      onInstruments: instruments => this.#onInstruments(instruments),
      onCondition: condition => {
        this.#listCondition = condition;
        this.#tellMarkets();
      },
    });
    this.#listCondition = { state: 'down', since: this.#clock.now(), reason: 'not started' };
    this.#marketsReport = { key: `${this.exchange}-markets`, ...this.#listCondition };
  }

  /** May be called again after {@link stop}: what was known of the markets serves until the new list comes. */
  start(): void {
    if (this.#isRunning) return;
    this.#isRunning = true;
    this.#directory.start();
    this.replan();
  }

  /** No callback after the call, but for the feeds' last state. Resolves when nothing is open, within a second. */
  async stop(): Promise<void> {
    this.#isRunning = false;
    this.#directory.stop();
    for (const feed of this.#feeds.values()) this.#end(feed);
    await Promise.all(this.#stopping);
  }

  /** Asks `selects` again, and moves the feeds to the answer without a gap. */
  replan(): void {
    if (!this.#isRunning) return;
    const { adapter, selects = () => true } = this.#options;
    const wanted = this.#instruments.filter(instrument => instrument.status === 'trading' && selects(instrument));
    this.#plan = planFeeds(this.exchange, wanted, adapter.limits.instrumentsPerFeed, this.#plan);
    const keys = new Set(this.#plan.map(({ key }) => key));
    for (const feed of this.#feeds.values()) {
      if (!keys.has(feed.key)) this.#end(feed);
    }
    for (const { key, instruments } of this.#plan) {
      const feed = this.#feeds.get(key);
      if (feed === undefined) this.#begin(key, instruments);
      else this.#move(feed, instruments);
    }
    this.#tellMarkets();
  }

  /** Every feed; and the market list, unless it is fresh and names something to carry. Nothing while stopped. */
  status(): readonly FeedStatus[] {
    if (!this.#isRunning) return [];
    const feeds = [...this.#feeds.values()].map(feed => ({
      exchange: this.exchange,
      ...feed.report,
      instruments: feed.instruments.length,
    }));
    if (this.#marketsReport.state === 'live') return feeds;
    return [...feeds, { exchange: this.exchange, ...this.#marketsReport, instruments: 0 }];
  }

  /** What a feed carries; nothing for a key that is none. */
  instrumentsOf(key: string): readonly Instrument[] {
    return this.#feeds.get(key)?.instruments ?? [];
  }

  /** Asks a feed for a sign of life; no effect for a key that is none. */
  probe(key: string): void {
    this.#feeds.get(key)?.probe();
  }

  /** How much of the exchange's connection limit is used, and whether it keeps us away. */
  get connects(): ConnectLimiterStatus {
    return this.#limiter.status();
  }

  /** Dials within this share of the connection limit, 0 to 1, while another node behind the same address dials too. */
  useConnectShare(share: number): void {
    this.#limiter.useShare(share);
  }

  /** The bodies of the newest market list, as they came: what a recording begins with. */
  get marketLists(): readonly Traffic[] {
    return this.#watch.marketLists;
  }

  /** By key: frames handed over and attempts to connect, since the feed was made. */
  counts(): ReadonlyMap<string, Feed['counts']> {
    return new Map([...this.#feeds].map(([key, feed]) => [key, feed.counts]));
  }

  #onInstruments(instruments: readonly Instrument[]): void {
    this.#watch.marketListCame();
    this.#instruments = instruments;
    this.#index = new Map(instruments.map(instrument => [instrument.nativeCode.toUpperCase(), instrument]));
    this.#options.onInstruments(instruments);
    this.replan();
  }

  #move(feed: Feed, instruments: readonly Instrument[]): void {
    const before = new Set(feed.instruments.map(({ nativeCode }) => nativeCode));
    const added = instruments.filter(({ nativeCode }) => !before.has(nativeCode));
    if (added.length > 0) this.#options.onCarried?.(feed.key, added);
    feed.setInstruments(instruments);
  }

  #begin(key: string, instruments: readonly Instrument[]): void {
    const { adapter, deltaSymbols, onFrame, onFeedState } = this.#options;
    const url = this.endpoints.webSocketUrl;
    const feed = new Feed({
      key,
      url,
      adapter: {
        ...adapter,
        subscribeMessages: (carried, _, socketName) => adapter.subscribeMessages(carried, deltaSymbols, socketName),
      },
      instruments,
      limiter: this.#limiter,
      dial: this.#watch.dialFor(key, this.#dial),
      clock: this.#clock,
      random: this.#random,
      onFrame: (bytes, receivedTime, isFirst) => {
        this.#watch.frame(key, url, bytes, receivedTime, isFirst);
        return onFrame(bytes, receivedTime, this.#index, key, isFirst);
      },
      onProven: until => this.#options.onProven?.(key, until),
      onUnproven: heardAt => this.#options.onUnproven?.(key, heardAt),
      onRenewed: () => this.#options.onRenewed?.(key),
      onRegained: nativeCodes => {
        const regained = this.instrumentsOf(key).filter(({ nativeCode }) => nativeCodes.has(nativeCode));
        this.#options.onCarried?.(key, regained);
        this.#options.onRenewed?.(key);
      },
      onState: onFeedState,
    });
    this.#feeds.set(key, feed);
    feed.start();
  }

  #end(feed: Feed): void {
    this.#feeds.delete(feed.key);
    const stopped = feed.stop();
    this.#stopping.add(stopped);
    void stopped.then(() => this.#stopping.delete(stopped));
  }

  #tellMarkets(): void {
    const { key, state, reason, since } = this.#marketsReport;
    const condition = this.#marketsCondition();
    if (condition.state === state && condition.reason === reason) return;
    this.#marketsReport = { key, ...condition, since: condition.state === state ? since : condition.since };
    this.#options.onFeedState(this.#marketsReport);
  }

  /** A fresh list that leaves nothing to carry is worth a word: otherwise the exchange would be missing in silence. */
  #marketsCondition(): FeedCondition {
    if (this.#listCondition.state !== 'live' || this.#plan.length > 0) return this.#listCondition;
    const trading = this.#instruments.filter(instrument => instrument.status === 'trading').length;
    const reason =
      trading === 0
        ? `none of ${this.#instruments.length} instruments is trading`
        : `none of ${trading} trading instruments is selected`;
    return { state: 'down', since: this.#clock.now(), reason };
  }
}

/** By the exchange's own addresses: a simulator serves both on one port, whatever the exchange does. */
function isOneHost({ restUrl, webSocketUrl }: ExchangeAdapter): boolean {
  return new URL(restUrl).hostname === new URL(webSocketUrl).hostname;
}

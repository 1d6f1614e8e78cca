import { finish } from '../../shared/base/steps.ts';
import type { ExchangeName } from '../../shared/model/exchange.ts';
import type { Instrument } from '../../shared/model/instrument.ts';
import type { EpochMillis } from '../../shared/model/time.ts';
import type { ExchangeAdapter, InstrumentIndex } from '../exchanges/exchange-adapter.ts';
import { endpointsOf } from '../feeds/endpoints.ts';
import type { ExchangeFeedsOptions, FeedStatus } from '../feeds/exchange-feeds.ts';
import type { FrameMeaning } from '../feeds/line.ts';
import { mergeListing } from '../feeds/market-directory.ts';
import type { SupervisedFeeds } from '../feeds/supervised-feeds.ts';
import type { FeedsRecord } from '../recording/run-record.ts';
import { ReplayedRequests } from './replayed-requests.ts';

export type ReplayedFeedsOptions = {
  /** Whether the recording tells of every request; see {@link ReplayedRequests}. */
  readonly isWhole: boolean;
  /** Takes what the feeds did within the leader's call that is being replayed: all until they returned. */
  readonly within: (exchange: ExchangeName) => void;
};

/** The feeds of one exchange as a recording tells of them: they tell the leader, and answer it, what they did then. */
export class ReplayedFeeds implements SupervisedFeeds {
  readonly exchange: ExchangeName;
  readonly endpoints: SupervisedFeeds['endpoints'];
  readonly rest: SupervisedFeeds['rest'];
  readonly restBudget: SupervisedFeeds['restBudget'];
  readonly marketLists = [];
  readonly #leader: ExchangeFeedsOptions;
  readonly #options: ReplayedFeedsOptions;
  readonly #adapter: ExchangeAdapter;
  readonly #requests: ReplayedRequests;
  readonly #listBodies = new Map<string, Uint8Array>();
  readonly #carried = new Map<string, readonly Instrument[]>();
  #instruments: readonly Instrument[] = [];
  #index: InstrumentIndex = new Map();
  #status: readonly FeedStatus[] = [];
  #onStopped: () => void = () => {};

  constructor(leader: ExchangeFeedsOptions, options: ReplayedFeedsOptions) {
    const { adapter, simulatorUrl, clock } = leader;
    this.#leader = leader;
    this.#options = options;
    this.#adapter = adapter;
    this.exchange = adapter.exchange;
    this.endpoints = endpointsOf(adapter, simulatorUrl);
    this.#requests = new ReplayedRequests(clock!, options.isWhole);
    this.rest = { get: (url, signal) => this.#requests.get(url, signal) };
    this.restBudget = { acquire: (...asked) => this.#requests.acquire(...asked) };
  }

  start(): void {
    this.#options.within(this.exchange);
  }

  stop(): Promise<void> {
    const stopped = new Promise<void>(resolve => {
      this.#onStopped = resolve;
    });
    this.#options.within(this.exchange);
    return stopped;
  }

  replan(): void {
    this.#options.within(this.exchange);
  }

  status(): readonly FeedStatus[] {
    return this.#status;
  }

  instrumentsOf(key: string): readonly Instrument[] {
    return this.#carried.get(key) ?? [];
  }

  probe(): void {
    // What came of it is in the recording.
  }

  useConnectShare(): void {
    // Nobody dials.
  }

  frame(feed: string, bytes: Uint8Array, receivedTime: EpochMillis, isFirst: boolean): FrameMeaning {
    return this.#leader.onFrame(bytes, receivedTime, this.#index, feed, isFirst);
  }

  /** Of a REST answer; what it is good for is told later. */
  body(url: string, bytes: Uint8Array): void {
    const isMarketList = this.#adapter.markets.paths.some(path => this.endpoints.restUrl + path === url);
    if (isMarketList) this.#listBodies.set(url, bytes);
    this.#requests.body(url, bytes);
  }

  /** Answers how many instruments a market list named, where the record tells of one. */
  take(record: FeedsRecord): number | null {
    const leader = this.#leader;
    switch (record.node) {
      case 'carries':
        this.#carried.set(record.feed, this.#named(record.codes));
        return null;
      case 'status':
        this.#status = record.status;
        this.#forgetGone();
        return null;
      case 'state':
        leader.onFeedState(record.report);
        return null;
      case 'proven':
        leader.onProven?.(record.feed, record.until);
        return null;
      case 'unproven':
        leader.onUnproven?.(record.feed, record.heardAt);
        return null;
      case 'added':
        leader.onCarried?.(record.feed, this.#named(record.codes));
        return null;
      case 'renewed':
        leader.onRenewed?.(record.feed);
        return null;
      case 'listed':
        return this.#listed(record.ts);
      case 'granted':
        this.#requests.granted(record.group, record.weight, record.patience);
        return null;
      case 'answered':
        this.#requests.answered(record.url, record.failure);
        return null;
      case 'stopped':
        this.#onStopped();
        return null;
      case 'returned':
        return null;
    }
  }

  #forgetGone(): void {
    for (const key of this.#carried.keys()) if (!this.#status.some(one => one.key === key)) this.#carried.delete(key);
  }

  #named(codes: readonly string[]): Instrument[] {
    return codes.flatMap(code => this.#index.get(code.toUpperCase()) ?? []);
  }

  #listed(now: EpochMillis): number {
    const { markets } = this.#adapter;
    const bodies = markets.paths.flatMap(path => this.#listBodies.get(this.endpoints.restUrl + path) ?? []);
    if (bodies.length < markets.paths.length) return 0;
    const list = finish(markets.parse(bodies, now));
    if (!list.ok) return 0;
    this.#instruments = finish(mergeListing(this.#instruments, list.instruments));
    this.#index = new Map(this.#instruments.map(instrument => [instrument.nativeCode.toUpperCase(), instrument]));
    this.#leader.onInstruments(this.#instruments);
    return list.instruments.length;
  }
}

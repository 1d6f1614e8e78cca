import type { Clock } from '../shared/base/clock.ts';
import type { ExchangeName } from '../shared/model/exchange.ts';
import type { Instrument } from '../shared/model/instrument.ts';
import type { EpochMillis } from '../shared/model/time.ts';
import { ConverterService } from './conversion/converter-service.ts';
import type { Distributor } from './distribution/distributor.ts';
import type { ExchangeAdapter, InstrumentIndex } from './exchanges/exchange-adapter.ts';
import { ExchangeFeeds, type FeedStatus } from './feeds/exchange-feeds.ts';
import type { FeedReport } from './feeds/feed.ts';
import type { FrameMeaning } from './feeds/line.ts';
import type { Logger } from './operations/logger.ts';

export type LeaderOptions = {
  readonly adapters: readonly ExchangeAdapter[];
  readonly simulatorUrl: string | null;
  readonly distributor: Distributor;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly onInstruments: (exchange: ExchangeName, instruments: readonly Instrument[]) => void;
  readonly onFeedState?: (exchange: ExchangeName, report: FeedReport) => void;
};

/** Order books that wait for their turn are looked at this often. */
const FLUSH_INTERVAL_MS = 25;

/** What the leading node does and nobody else: exchange frames in, converted events to the distributor. */
export class Leader {
  readonly converter: ConverterService;
  readonly #options: LeaderOptions;
  readonly #feeds: readonly ExchangeFeeds[];
  #cancelFlush: () => void = () => {};

  constructor(options: LeaderOptions) {
    this.#options = options;
    this.converter = new ConverterService({
      onRejectionSample: sample => options.logger.warn({ ...sample }, 'a record was rejected'),
    });
    this.#feeds = options.adapters.map(
      adapter =>
        new ExchangeFeeds({
          adapter,
          simulatorUrl: options.simulatorUrl,
          onFrame: (bytes, receivedTime, instruments) => this.ingest(adapter, bytes, receivedTime, instruments),
          onFeedState: report => this.#feedState(adapter.exchange, report),
          onInstruments: instruments => options.onInstruments(adapter.exchange, instruments),
          clock: options.clock,
        }),
    );
  }

  start(): void {
    for (const feeds of this.#feeds) feeds.start();
    this.#flushLater();
  }

  /** Resolves when no exchange socket is open; what was received until then has been offered. */
  async stop(): Promise<void> {
    await Promise.all(this.#feeds.map(feeds => feeds.stop()));
    this.#cancelFlush();
    this.#options.distributor.offer(this.converter.flush(Number.POSITIVE_INFINITY));
  }

  /** One frame through the whole pipeline; the answer is for the feed it came from. */
  ingest(
    adapter: ExchangeAdapter,
    frame: Uint8Array,
    receivedTime: EpochMillis,
    instruments: InstrumentIndex,
  ): FrameMeaning {
    const { events, control, isData } = this.converter.convert(adapter, frame, receivedTime, instruments);
    if (events.length > 0) this.#options.distributor.offer(events);
    if (control !== null) return { kind: 'control', control };
    return { kind: isData ? 'events' : 'rejected' };
  }

  feeds(): FeedStatus[] {
    return this.#feeds.flatMap(feeds => feeds.status());
  }

  #feedState(exchange: ExchangeName, { key, state, since, reason }: FeedReport): void {
    const { distributor, clock, logger, onFeedState } = this.#options;
    distributor.offer([
      {
        type: 'feed',
        offset: 0,
        exchange,
        symbol: null,
        exchangeTime: null,
        receivedTime: clock.now(),
        key,
        state,
        since,
        reason,
      },
    ]);
    logger[state === 'down' || state === 'stale' ? 'warn' : 'info'](
      { exchange, feed: key, state, reason },
      'feed state',
    );
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

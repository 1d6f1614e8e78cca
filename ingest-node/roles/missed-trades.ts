import type { Clock } from '../../shared/base/clock.ts';
import type { ExchangeName } from '../../shared/model/exchange.ts';
import type { Trade, TradeGap } from '../../shared/model/market-event.ts';
import type { EpochMillis } from '../../shared/model/time.ts';
import type { TradeBackfillHealth } from '../../shared/wire/service-info.ts';
import type { ConverterService } from '../conversion/converter-service.ts';
import { TradeBackfill } from '../conversion/trade-backfill.ts';
import type { Distributor } from '../distribution/distributor.ts';
import type { ExchangeAdapter, TradeHistory } from '../exchanges/exchange-adapter.ts';
import type { FeedStatus } from '../feeds/exchange-feeds.ts';
import type { SupervisedFeeds } from '../feeds/supervised-feeds.ts';
import type { Logger } from '../operations/logger.ts';
import { backfillFeed } from './backfill-feed.ts';
import type { KnownPast } from './known-past.ts';
import { gapsOf, gapUntil } from './untold-trades.ts';

export type MissedTradesOptions = {
  readonly converter: ConverterService;
  /** What this node knows of what others have published. */
  readonly knownPast: KnownPast;
  /** Where what was read back goes. */
  readonly distributor: Pick<Distributor, 'offer'>;
  readonly clock: Clock;
  readonly logger: Logger;
  /** After an interruption a feed has delivered these for so long that each of them is subscribed again. */
  readonly onSettled: (exchange: ExchangeName, symbols: readonly string[]) => void;
  /** In [0, 1). */
  readonly random: () => number;
};

/** Behind market lists and books. */
const PATIENCE = 1;
/** Until the newest trades are known, what a market misses cannot be noticed, and a node may begin with fifty books. */
const URGENT = 0;
const LOOK_EVERY_MS = 1_000;
/** After a feed is live: its subscription, the settling, and a first page. */
const NOTICED_AFTER_MS = 5_000;
type OfExchange = {
  readonly feeds: SupervisedFeeds;
  readonly backfill: TradeBackfill;
  /** As it was told last; `null` before. */
  isReadingBack: boolean | null;
};

/**
 * The trades that the feeds of all exchanges missed: while this node leads they are read back and published, while
 * another one does its stream tells what that one may have missed, for whoever leads next.
 */
export class MissedTrades {
  readonly #options: MissedTradesOptions;
  readonly #exchanges = new Map<ExchangeName, OfExchange>();
  #cancelLook: () => void = () => {};

  constructor(options: MissedTradesOptions) {
    this.#options = options;
  }

  add(adapter: ExchangeAdapter, feeds: SupervisedFeeds): void {
    const backfill = this.#createBackfill(adapter, feeds);
    this.#exchanges.set(adapter.exchange, { feeds, backfill, isReadingBack: null });
  }

  /** For whoever sees the frames and feeds of an exchange that was added. */
  of(exchange: ExchangeName): TradeBackfill {
    return this.#exchanges.get(exchange)!.backfill;
  }

  start(): void {
    for (const { backfill } of this.#exchanges.values()) backfill.start();
  }

  /** From when the feeds' states count: tells of each exchange, by a feed of its own, whether it is being read back. */
  tell(): void {
    this.#look();
  }

  /** No request and no event after the call. */
  stop(): void {
    this.#cancelLook();
    for (const one of this.#exchanges.values()) {
      one.isReadingBack = null;
      one.backfill.stop();
    }
  }

  /** While another node leads: what its stream carries. */
  remember(event: Trade | TradeGap): void {
    const backfill = this.#exchanges.get(event.exchange)?.backfill;
    if (event.type === 'gap') backfill?.rememberGap(event);
    else backfill?.remember(event);
  }

  /** What is known of the markets' trades does not count any more: the next ones continue nothing. */
  forget(): void {
    for (const { backfill } of this.#exchanges.values()) backfill.forgetAll();
  }

  /** The node that leads says that it has read back what it missed of an exchange. */
  trust(exchange: ExchangeName): void {
    this.#options.knownPast.account(exchange);
    this.#exchanges.get(exchange)?.backfill.trust();
  }

  /** The node that leads may have lost trades of an exchange just now, of all of them by default. */
  doubt(exchange?: ExchangeName): void {
    for (const [name, { backfill }] of this.#exchanges) {
      if (exchange === undefined || name === exchange) backfill.doubt();
    }
  }

  /** What became of them, by exchange. */
  counts(): TradeBackfillHealth[] {
    return [...this.#exchanges.values()].map(({ backfill }) => backfill.counts());
  }

  #createBackfill({ exchange, tradeHistory, candles }: ExchangeAdapter, feeds: SupervisedFeeds): TradeBackfill {
    const { converter, distributor, clock, random, onSettled } = this.#options;
    return new TradeBackfill({
      exchange,
      history: tradeHistory,
      clock,
      random,
      acquire: (group, weight, signal) => feeds.restBudget.acquire(group, weight, signal, PATIENCE),
      acquireForAll: (group, weight, signal) => feeds.restBudget.acquire(group, weight, signal, URGENT),
      get: (path, signal) => feeds.rest.get(feeds.endpoints.restUrl + path, signal, tradeHistory.limit.group),
      unpublished: (past, others) => converter.unpublished(past, others),
      onInterrupted: symbols => {
        // Most pauses are none. What we build is only held back until REST has been asked; what is sent would be lost.
        if (candles === 'fromTrades') converter.interrupt(exchange, symbols);
      },
      onSettled: symbols => onSettled(exchange, symbols),
      onRelisted: symbol => converter.forgetTrades(exchange, symbol),
      onResolved: (symbol, isWhole) => distributor.offer(converter.resolve(exchange, symbol, isWhole, clock.now())),
      publish: (events, past) => {
        const admitted = converter.admit(this.#tellable(tradeHistory, events, past), clock.now());
        distributor.offer(admitted);
        return admitted;
      },
    });
  }

  /** Without what others may have published already, and with the gaps that say so. */
  #tellable(
    { ids }: TradeHistory,
    events: readonly (Trade | TradeGap)[],
    past: readonly Trade[],
  ): readonly (Trade | TradeGap)[] {
    const { knownPast, converter, clock, logger } = this.#options;
    const before = events.filter(event => knownPast.isBefore(event));
    if (before.length === 0) return events;
    const now = clock.now();
    const trades = before.filter(event => event.type === 'trade');
    // Dealt with: neither a frame nor a second reading brings them up again.
    for (const trade of trades) converter.remember(trade, now);
    const untold = before.filter(event => !knownPast.isAnsweredFor(event));
    const left = untold.filter(event => event.type === 'trade');
    const gaps = [
      ...gapsOf(left, { past, isContiguous: ids === 'contiguous', now }),
      ...untold.filter(event => event.type === 'gap').map(gap => ({ ...gap, provable: false })),
    ];
    for (const gap of gaps) knownPast.name(gap);
    if (gaps.length > 0)
      logger.warn({ gaps, trades: left.length }, 'nobody can say whether these trades were published');
    const known = new Set(before);
    return [...gaps, ...events.filter(event => !known.has(event))];
  }

  /**
   * All is read back that seemed missing. Where the leader before was not done when what this node knows began, more may
   * be lost than that: of every market of which that was not said already.
   */
  #accountFor(exchange: ExchangeName, feeds: SupervisedFeeds): void {
    const { knownPast, distributor, clock, logger } = this.#options;
    const until = knownPast.mayLackUntil(exchange);
    if (until !== null) {
      const carried = feeds.status().flatMap(({ key }) => feeds.instrumentsOf(key));
      const unnamed = carried.filter(({ symbol }) => !knownPast.isNamed(exchange, symbol));
      distributor.offer(unnamed.map(({ symbol }) => gapUntil(until, { exchange, symbol, now: clock.now() })));
      logger.warn(
        { exchange, markets: unnamed.length, until },
        'trades may be lost that a leader before did not read back',
      );
    }
    knownPast.account(exchange);
  }

  /** Tells by a feed of its own whether missed trades are still being read back: whoever leads next must know. */
  #look(): void {
    const { clock, distributor } = this.#options;
    const now = clock.now();
    for (const [exchange, one] of this.#exchanges) {
      const status = one.feeds.status();
      const isReadingBack = !(one.backfill.isSettled && haveSettled(status, now));
      // Of an exchange that has not been reached there is nothing to tell.
      const isReached = one.isReadingBack !== null || status.some(({ state }) => state === 'live');
      if (one.isReadingBack === isReadingBack || !isReached) continue;
      one.isReadingBack = isReadingBack;
      if (!isReadingBack) this.#accountFor(exchange, one.feeds);
      distributor.offer([backfillFeed(exchange, isReadingBack, now)]);
    }
    this.#cancelLook = clock.setTimer(LOOK_EVERY_MS, () => this.#look());
  }
}

/** Whether every feed has been live for so long that what it missed before would have been noticed. */
function haveSettled(status: readonly FeedStatus[], now: EpochMillis): boolean {
  return status.length > 0 && status.every(({ state, since }) => state === 'live' && now - since >= NOTICED_AFTER_MS);
}

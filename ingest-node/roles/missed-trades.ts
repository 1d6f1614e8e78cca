import type { Clock } from '../../shared/base/clock.ts';
import type { ExchangeName } from '../../shared/model/exchange.ts';
import type { MarketEvent, Trade, TradeGap } from '../../shared/model/market-event.ts';
import type { EpochMillis } from '../../shared/model/time.ts';
import type { TradeBackfillHealth } from '../../shared/wire/service-info.ts';
import type { ConverterService } from '../conversion/converter-service.ts';
import { TradeBackfill } from '../conversion/trade-backfill.ts';
import type { Distributor } from '../distribution/distributor.ts';
import type { ExchangeAdapter } from '../exchanges/exchange-adapter.ts';
import type { ExchangeFeeds, FeedStatus } from '../feeds/exchange-feeds.ts';
import type { Logger } from '../operations/logger.ts';
import { feedEvent } from './feed-event.ts';
import { TradeHorizon } from './trade-horizon.ts';

export type MissedTradesOptions = {
  readonly converter: ConverterService;
  /** Where what was read back goes. */
  readonly distributor: Pick<Distributor, 'offer'>;
  readonly clock: Clock;
  readonly logger: Logger;
};

const LOOK_EVERY_MS = 1_000;
/** After a feed is live: its subscription, the settling, and a first page. */
const NOTICED_AFTER_MS = 5_000;
const READING_BACK = 'missed trades are being read back';

/** The feed that says whether missed trades of an exchange are being read back: it is live, and has a reason while so. */
const keyOf = (exchange: ExchangeName): string => `${exchange}-backfill`;

/** Whether a leader says by this that it has read back all that it missed of the exchange. */
export function saysAllReadBack(event: MarketEvent): boolean {
  return event.type === 'feed' && event.key === keyOf(event.exchange) && event.reason === null;
}

type OfExchange = {
  readonly feeds: ExchangeFeeds;
  readonly backfill: TradeBackfill;
  /** As it was told last; `null` before. */
  isReadingBack: boolean | null;
};

/**
 * The trades that the feeds of all exchanges missed: while this node leads they are read back and published, while
 * another one does its stream tells what that one may have missed, for whoever leads next.
 */
export class MissedTrades {
  /** How far back this node knows which trades were published. */
  readonly horizon = new TradeHorizon();
  readonly #options: MissedTradesOptions;
  readonly #exchanges = new Map<ExchangeName, OfExchange>();
  #cancelLook: () => void = () => {};

  constructor(options: MissedTradesOptions) {
    this.#options = options;
  }

  add(adapter: ExchangeAdapter, feeds: ExchangeFeeds): void {
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
    else {
      this.horizon.heard(event);
      backfill?.remember(event);
    }
  }

  /** What is known of the markets' trades does not count any more: the next ones continue nothing. */
  forget(): void {
    for (const { backfill } of this.#exchanges.values()) backfill.forgetAll();
  }

  /** The node that leads says that it has read back what it missed of an exchange. */
  trust(exchange: ExchangeName): void {
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

  #createBackfill({ exchange, tradeHistory, candles }: ExchangeAdapter, feeds: ExchangeFeeds): TradeBackfill {
    const { converter, distributor, clock } = this.#options;
    return new TradeBackfill({
      exchange,
      history: tradeHistory,
      clock,
      random: Math.random,
      acquire: (group, weight, signal) => feeds.restBudget.acquire(group, weight, signal, true),
      get: (path, signal) => feeds.rest.get(feeds.endpoints.restUrl + path, signal, tradeHistory.limit.group),
      unpublished: (past, others) => converter.unpublished(past, others),
      onInterrupted: symbols => {
        // Most pauses are none. What we build is only held back until REST has been asked; what is sent would be lost.
        if (candles === 'fromTrades') converter.interrupt(exchange, symbols);
      },
      onResolved: (symbol, isWhole) => distributor.offer(converter.resolve(exchange, symbol, isWhole, clock.now())),
      publish: events => {
        const admitted = converter.admit(this.#withinHorizon(exchange, events), clock.now());
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
      const reason = isReadingBack ? READING_BACK : null;
      distributor.offer([feedEvent(exchange, { key: keyOf(exchange), state: 'live', since: now, reason }, now)]);
    }
    this.#cancelLook = clock.setTimer(LOOK_EVERY_MS, () => this.#look());
  }
}

/** Whether every feed has been live for so long that what it missed before would have been noticed. */
function haveSettled(status: readonly FeedStatus[], now: EpochMillis): boolean {
  return status.length > 0 && status.every(({ state, since }) => state === 'live' && now - since >= NOTICED_AFTER_MS);
}

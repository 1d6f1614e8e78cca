import type { Clock } from '../../shared/base/clock.ts';
import type { ExchangeName } from '../../shared/model/exchange.ts';
import type { Instrument } from '../../shared/model/instrument.ts';
import type { CandleBackfillHealth } from '../../shared/wire/service-info.ts';
import { CandleBackfill } from '../conversion/candle-backfill.ts';
import type { ConverterService } from '../conversion/converter-service.ts';
import type { Distributor } from '../distribution/distributor.ts';
import type { ExchangeAdapter } from '../exchanges/exchange-adapter.ts';
import type { SupervisedFeeds } from '../feeds/supervised-feeds.ts';
import type { Logger } from '../operations/logger.ts';

export type MissedCandlesOptions = {
  readonly converter: ConverterService;
  /** Where what was fetched goes. */
  readonly distributor: Pick<Distributor, 'offer'>;
  readonly clock: Clock;
  readonly logger: Logger;
  /** In [0, 1). */
  readonly random: () => number;
};

/** Behind missed trades, which are behind books. */
const PATIENCE = 2;
/** Of one exchange: an outage that is too long is so for each of its markets. */
const WARN_EVERY_MS = 10_000;

/** The candles that an outage of the feeds swallowed, of the exchanges that can be asked for them: fetched while this node leads. */
export class MissedCandles {
  readonly #options: MissedCandlesOptions;
  readonly #exchanges = new Map<ExchangeName, CandleBackfill>();

  constructor(options: MissedCandlesOptions) {
    this.#options = options;
  }

  add({ exchange, candleHistory: history }: ExchangeAdapter, feeds: SupervisedFeeds): void {
    if (history === undefined) return;
    const { converter, distributor, clock, logger, random } = this.#options;
    let warnedAt = Number.NEGATIVE_INFINITY;
    const backfill = new CandleBackfill({
      exchange,
      history,
      clock,
      random,
      acquire: (group, weight, signal) => feeds.restBudget.acquire(group, weight, signal, PATIENCE),
      get: (path, signal) => feeds.rest.get(feeds.endpoints.restUrl + path, signal, history.limit.group),
      missingOf: (symbol, now) => converter.missingCandles(exchange, symbol, now),
      settle: (missing, past) => {
        const candles = converter.settleCandles(missing, past);
        distributor.offer(candles);
        return candles.length;
      },
      onLeftOut: (missing, reason) => {
        const now = clock.monotonic();
        if (now - warnedAt < WARN_EVERY_MS) return;
        warnedAt = now;
        const { leftOutMinutes } = backfill.counts();
        logger.warn({ ...missing, reason, leftOutMinutes }, 'candles that an outage swallowed are left out');
      },
    });
    this.#exchanges.set(exchange, backfill);
  }

  start(): void {
    for (const backfill of this.#exchanges.values()) backfill.start();
  }

  /** No request and no event after the call. */
  stop(): void {
    for (const backfill of this.#exchanges.values()) backfill.stop();
  }

  setInstruments(exchange: ExchangeName, instruments: readonly Instrument[]): void {
    this.#exchanges.get(exchange)?.setInstruments(instruments);
  }

  /** A feed has delivered these for so long that each of them is subscribed again. */
  settled(exchange: ExchangeName, symbols: readonly string[]): void {
    this.#exchanges.get(exchange)?.ask(symbols);
  }

  counts(): CandleBackfillHealth[] {
    return [...this.#exchanges.values()].map(backfill => backfill.counts());
  }
}

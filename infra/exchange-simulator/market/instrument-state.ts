import type { Instrument } from './instruments.ts';
import { OrderBook, type Side } from './order-book.ts';
import type { Prng } from './prng.ts';
import { floorToTick } from './tick-table.ts';
import type { Trade } from './trade.ts';
import { type DailyPace, TradeStatistics } from './trade-statistics.ts';

/** As Binance calls it (https://developers.binance.com/docs/binance-spot-api-docs/enums). */
export type MarketStatus = 'TRADING' | 'HALT' | 'BREAK' | 'END_OF_DAY' | 'CANCEL_ONLY';

/** Everything that lives about one instrument: its book, its last trades, its sums. */
export class InstrumentState {
  readonly instrument: Instrument;
  readonly book: OrderBook;
  readonly statistics: TradeStatistics;
  /** Trades that are still remembered, oldest first. */
  readonly trades: Trade[] = [];
  /** Added to a trade's number this is its Binance trade id; to its aggregate, the aggregate id. 0 without a past. */
  readonly idBase: number;
  /** Highest and lowest price of an invented year. */
  readonly yearHigh: number;
  readonly yearLow: number;
  tradeCount = 0;
  aggregateCount = 0;
  status: MarketStatus = 'TRADING';
  /** False once it was taken off the list, for good. */
  isListed = true;
  /** The day on which it will be taken off the list, `2026-12-31`, once that is known. */
  delistingDate: string | null = null;
  /** Its book moves, but nobody trades. */
  isQuiet = false;
  /** The half of the book that nobody fills. */
  emptySide: Side | null = null;
  /** Nothing happens to it before this moment of the market. */
  heldUntilMs = 0;
  /** Stands in for the last trade of a market that never had one. */
  readonly #opening: Trade;

  /** `daily` is null for a market without a past. */
  constructor(instrument: Instrument, startMs: number, price: number, daily: DailyPace | null, prng: Prng) {
    this.instrument = instrument;
    this.book = new OrderBook(10_000_000 + prng.int(1_000_000_000));
    this.statistics = new TradeStatistics(startMs, price, daily, instrument, prng);
    const traded = 1_000_000 + prng.int(100_000_000) + this.statistics.inventedCount;
    this.idBase = daily === null ? 0 : traded;
    this.yearHigh = floorToTick(price * (1.4 + prng.unit()), instrument.tick);
    this.#opening = openingTrade(this, floorToTick(price, instrument.tick), startMs);
    this.yearLow = Math.max(instrument.tick(0), floorToTick(price * (0.3 + 0.4 * prng.unit()), instrument.tick));
  }

  get lastTrade(): Trade {
    return this.trades.at(-1) ?? this.#opening;
  }

  get hasTraded(): boolean {
    return this.trades.length > 0;
  }

  get isTrading(): boolean {
    return this.isListed && this.status === 'TRADING';
  }

  remember(trade: Trade): void {
    this.trades.push(trade);
    this.statistics.record(trade);
  }

  /** Forget trades before an index over all instruments; the newest one stays. */
  forgetBefore(index: number): void {
    let count = 0;
    while (count < this.trades.length - 1 && this.trades[count]!.index < index) count += 1;
    if (count > 0) this.trades.splice(0, count);
  }
}

function openingTrade(state: InstrumentState, price: number, startMs: number): Trade {
  return {
    index: -1,
    state,
    number: 0,
    aggregate: 0,
    exchangeNumber: 0,
    price,
    size: 0,
    takerBuys: true,
    timeUs: startMs * 1000,
    idMs: startMs,
    withinMs: 0,
    deliveries: 0,
  };
}

import type { Instrument } from './instruments.ts';
import { OrderBook } from './order-book.ts';
import type { Prng } from './prng.ts';
import { floorToTick } from './tick-table.ts';
import type { Trade } from './trade.ts';
import { type DailyPace, TradeStatistics } from './trade-statistics.ts';

/** Trades kept per instrument for the REST lists. */
const KEEP = 1_000;

/** Everything that lives about one instrument: its book, its last trades, its sums. */
export class InstrumentState {
  readonly instrument: Instrument;
  readonly book: OrderBook;
  readonly statistics: TradeStatistics;
  /** The newest trades, oldest first; never empty once the market has started. */
  readonly trades: Trade[] = [];
  /** Added to a trade's number this is its Binance trade id; to its aggregate, the aggregate id. */
  readonly idBase: number;
  /** Highest and lowest price of an invented year. */
  readonly yearHigh: number;
  readonly yearLow: number;
  tradeCount = 0;
  aggregateCount = 0;

  constructor(instrument: Instrument, startMs: number, price: number, daily: DailyPace, prng: Prng) {
    this.instrument = instrument;
    this.book = new OrderBook(10_000_000 + prng.int(1_000_000_000));
    this.statistics = new TradeStatistics(startMs, price, daily, instrument, prng);
    this.idBase = 1_000_000 + prng.int(100_000_000) + this.statistics.inventedCount;
    this.yearHigh = floorToTick(price * (1.4 + prng.unit()), instrument.tick);
    this.yearLow = Math.max(instrument.tick(0), floorToTick(price * (0.3 + 0.4 * prng.unit()), instrument.tick));
  }

  get lastTrade(): Trade {
    return this.trades.at(-1)!;
  }

  remember(trade: Trade): void {
    this.trades.push(trade);
    if (this.trades.length > 2 * KEEP) this.trades.splice(0, KEEP);
    this.statistics.record(trade);
  }
}

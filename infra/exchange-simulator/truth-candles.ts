import type { InstrumentState } from './market/instrument-state.ts';
import type { Trade } from './market/trade.ts';

const MINUTE_MS = 60_000;
/** Minutes kept per instrument: a day and an hour. */
const KEEP = 1_500;

/** One minute in whole units. Minutes without trades have none. */
export type MinuteSums = {
  openTime: number;
  open: number;
  high: number;
  low: number;
  close: number;
  volume: bigint;
  quoteVolume: bigint;
  count: number;
};

/**
 * Minutes added up from trades alone, apart from the sums that candle frames are written from. The minute in which the
 * record began is left out: its beginning is not known.
 */
export class TruthCandles {
  readonly #byState = new Map<InstrumentState, MinuteSums[]>();
  #firstWholeMs = Number.NaN;

  record(trade: Trade): void {
    const tradeMs = Math.floor(trade.timeUs / 1000);
    if (Number.isNaN(this.#firstWholeMs)) this.#firstWholeMs = Math.ceil(tradeMs / MINUTE_MS) * MINUTE_MS;
    let minutes = this.#byState.get(trade.state);
    if (minutes === undefined) {
      minutes = [];
      this.#byState.set(trade.state, minutes);
    }
    const last = minutes.at(-1);
    // An exchange whose clock was put back goes on with the minute it was in.
    const openTime = Math.max(last?.openTime ?? 0, Math.floor(tradeMs / MINUTE_MS) * MINUTE_MS);
    const size = BigInt(trade.size);
    const quote = size * BigInt(trade.price);
    if (last === undefined || last.openTime < openTime) {
      const { price } = trade;
      minutes.push({
        openTime,
        open: price,
        high: price,
        low: price,
        close: price,
        volume: size,
        quoteVolume: quote,
        count: 1,
      });
      if (minutes.length > KEEP) minutes.splice(0, minutes.length - KEEP);
      return;
    }
    last.high = Math.max(last.high, trade.price);
    last.low = Math.min(last.low, trade.price);
    last.close = trade.price;
    last.volume += size;
    last.quoteVolume += quote;
    last.count += 1;
  }

  /** Oldest first. */
  of(state: InstrumentState): MinuteSums[] {
    return (this.#byState.get(state) ?? []).filter(({ openTime }) => openTime >= this.#firstWholeMs);
  }
}

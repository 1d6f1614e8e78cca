/** Which half of a book: bids want to buy, asks want to sell. */
export type Side = 'bid' | 'ask';

/** One half of a book, best price first; `prices[i]` belongs to `sizes[i]`. All whole units. */
export type Levels = { prices: number[]; sizes: number[] };

/** Told of each single level that changed; size 0 means it is gone. */
export type LevelListener = (side: Side, price: number, size: number) => void;

/**
 * Price levels of one instrument. Every change of one level takes the next update id, which is the numbering
 * Binance's depth events and book tickers share (https://developers.binance.com/docs/binance-spot-api-docs).
 */
export class OrderBook {
  readonly bids: Levels = { prices: [], sizes: [] };
  readonly asks: Levels = { prices: [], sizes: [] };
  updateId: number;
  /** When a level last changed, epoch microseconds. */
  changedUs = 0;
  listener: LevelListener | null = null;

  constructor(firstUpdateId: number) {
    this.updateId = firstUpdateId;
  }

  levels(side: Side): Levels {
    return side === 'bid' ? this.bids : this.asks;
  }

  /** Put a level, replace its size, or with size 0 take it away. */
  set(side: Side, price: number, size: number): void {
    const { prices, sizes } = this.levels(side);
    const index = this.#find(side, price);
    if (prices[index] === price) {
      if (sizes[index] === size) return;
      if (size > 0) {
        sizes[index] = size;
      } else {
        prices.splice(index, 1);
        sizes.splice(index, 1);
      }
    } else {
      if (size <= 0) return;
      prices.splice(index, 0, price);
      sizes.splice(index, 0, size);
    }
    this.updateId += 1;
    this.listener?.(side, price, Math.max(0, size));
  }

  /** A copy of the best levels. */
  top(side: Side, count: number): Levels {
    const { prices, sizes } = this.levels(side);
    return { prices: prices.slice(0, count), sizes: sizes.slice(0, count) };
  }

  /** Index of the price, or where it would stand. Most changes are near the top, so walk from there. */
  #find(side: Side, price: number): number {
    const { prices } = this.levels(side);
    let index = 0;
    if (side === 'bid') while (index < prices.length && prices[index]! > price) index += 1;
    else while (index < prices.length && prices[index]! < price) index += 1;
    return index;
  }
}

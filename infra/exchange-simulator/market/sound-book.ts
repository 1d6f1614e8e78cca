import type { InstrumentState } from './instrument-state.ts';
import { floorToTick, nextTick } from './tick-table.ts';

/** True when both halves are ordered best first, on the price grid, without empty levels, and do not touch. */
export function isSound(state: InstrumentState): boolean {
  const { bids, asks } = state.book;
  const { tick } = state.instrument;
  const isOrdered = (prices: readonly number[], sign: number): boolean =>
    prices.every((price, index) => index === 0 || (price - prices[index - 1]!) * sign > 0);
  const isOnGrid = (price: number): boolean => floorToTick(price, tick) === price && nextTick(price, tick) > price;
  return (
    isOrdered(bids.prices, -1) &&
    isOrdered(asks.prices, 1) &&
    [...bids.prices, ...asks.prices].every(isOnGrid) &&
    [...bids.sizes, ...asks.sizes].every(size => size > 0 && Number.isSafeInteger(size)) &&
    bids.prices[0]! < asks.prices[0]!
  );
}

import type { Trade } from './trade.ts';

/** Position of the first trade that satisfies a condition which, once true, stays true; the length when none does. */
export function firstWhere(trades: readonly Trade[], holds: (trade: Trade) => boolean): number {
  let low = 0;
  let high = trades.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (holds(trades[middle]!)) high = middle;
    else low = middle + 1;
  }
  return low;
}

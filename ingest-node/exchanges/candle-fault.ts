import { compareDecimals } from '../../shared/model/decimal.ts';
import type { Candle } from '../../shared/model/market-event.ts';
import { MINUTE_MS } from '../../shared/model/time.ts';

/** What keeps the fields of a candle, each readable alone, from being a minute: `null` when nothing does. */
export function findCandleFault({ openTime, open, high, low, close }: Candle): string | null {
  if (openTime % MINUTE_MS !== 0) return `no minute opens at ${openTime}`;
  for (const price of [open, close]) {
    if (compareDecimals(price, low) < 0 || compareDecimals(price, high) > 0) {
      return `${price} is not from ${low} to ${high}`;
    }
  }
  return null;
}

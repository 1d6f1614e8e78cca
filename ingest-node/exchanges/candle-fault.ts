import { compareDecimals } from '../../shared/model/decimal.ts';
import type { Candle } from '../../shared/model/market-event.ts';
import { MINUTE_MS } from '../../shared/model/time.ts';
import type { FrameKey } from '../conversion/frame-reader.ts';
import type { FrameFields } from './frame-fields.ts';

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

/** Where a record of a frame has the prices of a candle. */
export type CandlePrices = Readonly<Record<'open' | 'high' | 'low' | 'close', FrameKey>>;

/** The same for a candle whose fields were read without a fault: by a look at the bytes, as long as nothing is wrong. */
export function findFrameCandleFault(candle: Candle, fields: FrameFields, prices: CandlePrices): string | null {
  const isWhole = candle.openTime % MINUTE_MS === 0;
  return isWhole && isWithin(fields, prices.open, prices) && isWithin(fields, prices.close, prices)
    ? null
    : findCandleFault(candle);
}

function isWithin(fields: FrameFields, price: FrameKey, { low, high }: CandlePrices): boolean {
  return fields.compare(price, low) >= 0 && fields.compare(price, high) <= 0;
}

/** Binance's market list. https://github.com/binance/binance-spot-api-docs/blob/master/rest-api.md#exchange-information */
import type { Steps } from '../../shared/base/steps.ts';
import type { Decimal } from '../../shared/model/decimal.ts';
import type { EpochMillis } from '../../shared/model/time.ts';
import type { LosslessObject } from '../conversion/lossless-json.ts';
import type { MarketListResult } from './exchange-adapter.ts';
import { FieldReader, isRecord, textOf } from './field-reader.ts';
import { readMarketList } from './market-list.ts';

/** Base and quote come from their own fields: `BTCUSDT` cannot be split by looking at it. No names of currencies. */
export function listBinanceMarkets(bodies: readonly Uint8Array[], now: EpochMillis): Steps<MarketListResult> {
  return readMarketList('binance', bodies[0], now, 'symbols', row => ({
    nativeCode: textOf(row['symbol']) ?? '',
    base: textOf(row['baseAsset']) ?? '',
    quote: textOf(row['quoteAsset']) ?? '',
    englishName: null,
    koreanName: null,
    tickSize: step(row, 'PRICE_FILTER', 'tickSize'),
    lotSize: step(row, 'LOT_SIZE', 'stepSize'),
    // Others: END_OF_DAY, HALT, BREAK, and CANCEL_ONLY since 2026-07.
    status: row['status'] === 'TRADING' ? 'trading' : 'halted',
  }));
}

/** A step of a symbol's filters, `null` where there is none: zero switches a filter off. */
function step(row: LosslessObject, filterType: string, key: string): Decimal | null {
  const filters = row['filters'];
  if (!Array.isArray(filters)) return null;
  const filter = filters.filter(isRecord).find(candidate => candidate['filterType'] === filterType);
  return filter === undefined ? null : new FieldReader(filter).optionalPrice(key);
}

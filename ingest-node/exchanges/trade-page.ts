/** What the trade pages of all exchanges have in common: an array of rows, of which every one must be understood. */
import type { Instrument } from '../../shared/model/instrument.ts';
import type { Trade } from '../../shared/model/market-event.ts';
import type { EpochMillis } from '../../shared/model/time.ts';
import { type LosslessObject, parseLosslessJson } from '../conversion/lossless-json.ts';
import type { TradePage } from './exchange-adapter.ts';
import { describe, FieldReader, isRecord } from './field-reader.ts';

/** What a row says by itself. */
export type TradeFields = Pick<Trade, 'exchangeTime' | 'id' | 'price' | 'size' | 'takerSide'>;

/** @param key where in the body the rows are; `null` where the body is the rows */
export function readTradePage(
  body: Uint8Array,
  key: string | null,
  instrument: Instrument,
  receivedTime: EpochMillis,
  fieldsOf: (fields: FieldReader, row: LosslessObject) => TradeFields,
): TradePage {
  const parsed = parseLosslessJson(body);
  if (!parsed.ok) return { ok: false, reason: `the body is not readable JSON (${parsed.reason})` };
  // An error may come with HTTP 200: Bithumb's `{"error":{"name":404,"message":"Code not found"}}`.
  const rows = key === null ? parsed.value : isRecord(parsed.value) ? parsed.value[key] : null;
  if (!Array.isArray(rows)) return { ok: false, reason: 'the body holds no list of trades' };
  const { exchange, symbol } = instrument;
  const trades: Trade[] = [];
  for (const row of rows) {
    if (!isRecord(row)) return { ok: false, reason: `not a trade: ${describe(row)}` };
    const fields = new FieldReader(row);
    const said = fieldsOf(fields, row);
    const fault = fields.fault ?? (said.exchangeTime === null ? 'no time' : null);
    if (fault !== null) return { ok: false, reason: `not a trade: ${fault}` };
    trades.push({ type: 'trade', offset: 0, exchange, symbol, receivedTime, ...said, backfilled: true });
  }
  return { ok: true, trades };
}

/** What the trade pages of all exchanges have in common: an array of rows, of which every one must be understood. */
import type { Instrument } from '../../shared/model/instrument.ts';
import type { Trade } from '../../shared/model/market-event.ts';
import type { EpochMillis } from '../../shared/model/time.ts';
import { type LosslessObject, type LosslessValue, parseLosslessJson } from '../conversion/lossless-json.ts';
import type { RefusedPage, TradePage } from './exchange-adapter.ts';
import { describe, FieldReader, isRecord } from './field-reader.ts';

/** What a row says by itself. */
export type TradeFields = Pick<Trade, 'exchangeTime' | 'id' | 'price' | 'size' | 'takerSide'>;
type ReadFields = (fields: FieldReader, row: LosslessObject) => TradeFields;

/** @param key where in the body the rows are; `null` where the body is the rows */
export function readTradePage(
  body: Uint8Array,
  key: string | null,
  instrument: Instrument,
  receivedTime: EpochMillis,
  fieldsOf: ReadFields,
): TradePage {
  const rows = rowsOf(body, key);
  if (!rows.ok) return rows;
  const trades: Trade[] = [];
  for (const row of rows.rows) {
    const read = readTradeRow(row, instrument, receivedTime, fieldsOf);
    if (!read.ok) return read;
    trades.push(read.trade);
  }
  return { ok: true, trades };
}

/** The rows of a body, not yet looked at. */
export function rowsOf(
  body: Uint8Array,
  key: string | null,
  what = 'trades',
): { readonly ok: true; readonly rows: readonly LosslessValue[] } | RefusedPage {
  const parsed = parseLosslessJson(body);
  if (!parsed.ok) return { ok: false, reason: `the body is not readable JSON (${parsed.reason})` };
  const { value } = parsed;
  const rows = key === null ? value : isRecord(value) ? value[key] : null;
  if (Array.isArray(rows)) return { ok: true, rows };
  const status = isRecord(value) ? statusIn(value['error']) : null;
  const reason = `the body holds no list of ${what}`;
  return status === null ? { ok: false, reason } : { ok: false, reason, status };
}

/** An error may come with HTTP 200: Bithumb's `{"error":{"name":404,"message":"Code not found"}}`. */
function statusIn(error: LosslessValue | undefined): number | null {
  const name = isRecord(error) ? Number(error['name']) : Number.NaN;
  return Number.isInteger(name) ? name : null;
}

export function readTradeRow(
  row: LosslessValue,
  { exchange, symbol }: Instrument,
  receivedTime: EpochMillis,
  fieldsOf: ReadFields,
): { readonly ok: true; readonly trade: Trade } | RefusedPage {
  if (!isRecord(row)) return { ok: false, reason: `not a trade: ${describe(row)}` };
  const fields = new FieldReader(row);
  const said = fieldsOf(fields, row);
  const fault = fields.fault ?? (said.exchangeTime === null ? 'no time' : null);
  if (fault !== null) return { ok: false, reason: `not a trade: ${fault}` };
  return {
    ok: true,
    trade: { type: 'trade', offset: 0, exchange, symbol, receivedTime, ...said, backfilled: true },
  };
}

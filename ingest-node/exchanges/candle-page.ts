/** What the candle pages of all exchanges have in common: an array of rows, of which every one must be understood. */
import type { Instrument } from '../../shared/model/instrument.ts';
import type { Candle } from '../../shared/model/market-event.ts';
import { type EpochMillis, MINUTE_MS } from '../../shared/model/time.ts';
import type { LosslessObject, LosslessValue } from '../conversion/lossless-json.ts';
import { findCandleFault } from './candle-fault.ts';
import type { CandlePage } from './exchange-adapter.ts';
import { describe, FieldReader } from './field-reader.ts';
import { rowsOf } from './trade-page.ts';

/** What a row says by itself. */
export type CandleFields = Omit<
  Candle,
  'type' | 'offset' | 'exchange' | 'symbol' | 'receivedTime' | 'interval' | 'closed' | 'derived'
>;

/** @param recordOf the fields of a row by name, `null` for what is no row */
export function readCandlePage(
  body: Uint8Array,
  { exchange, symbol }: Instrument,
  receivedTime: EpochMillis,
  recordOf: (row: LosslessValue) => LosslessObject | null,
  fieldsOf: (fields: FieldReader, row: LosslessObject) => CandleFields,
): CandlePage {
  const rows = rowsOf(body, null, 'candles');
  if (!rows.ok) return rows;
  const candles: Candle[] = [];
  for (const row of rows.rows) {
    const record = recordOf(row);
    if (record === null) return { ok: false, reason: `not a candle: ${describe(row)}` };
    const fields = new FieldReader(record);
    const said = fieldsOf(fields, record);
    const candle: Candle = {
      ...{ type: 'candle', offset: 0, exchange, symbol, receivedTime, interval: '1m' },
      ...{ ...said, closed: true },
    };
    const fault = fields.fault ?? findCandleFault(candle);
    if (fault !== null) return { ok: false, reason: `not a candle: ${fault}` };
    candles.push(candle);
  }
  return { ok: true, candles: candles.sort((a, b) => a.openTime - b.openTime) };
}

/** How many minutes open from one time on and before another. */
export function minutesBetween(from: EpochMillis, until: EpochMillis): number {
  return Math.ceil((until - from) / MINUTE_MS);
}

/**
 * Upbit's past minutes, newest first; a minute without trades has no row.
 * https://docs.upbit.com/kr/reference/list-candles-minutes
 */
import { minutesBetween, readCandlePage } from './candle-page.ts';
import type { CandleHistory } from './exchange-adapter.ts';
import { describe, isRecord, textOf } from './field-reader.ts';
import { readUtc } from './korean-candle.ts';

export const upbitCandleHistory: CandleHistory = {
  limit: { group: 'candle', weight: 1 },
  pageSize: 200,
  /** `to` is exclusive. The page begins with the newest row before it, however old: rows before `from` may be among them. */
  path: ({ nativeCode }, from, until) =>
    `/v1/candles/minutes/1?market=${encodeURIComponent(nativeCode)}` +
    `&to=${encodeURIComponent(new Date(until).toISOString().replace(/\.\d+/, ''))}&count=${minutesBetween(from, until)}`,
  parse: (body, instrument, receivedTime) =>
    readCandlePage(
      body,
      instrument,
      receivedTime,
      row => (isRecord(row) ? row : null),
      (fields, row) => {
        const minute = row['candle_date_time_utc'];
        const openTime = readUtc(textOf(minute) ?? '');
        if (openTime === null) fields.fault ??= `candle_date_time_utc: ${describe(minute)}`;
        return {
          exchangeTime: fields.optionalTime('timestamp', 'ms'),
          openTime: openTime ?? 0,
          open: fields.positive('opening_price'),
          high: fields.positive('high_price'),
          low: fields.positive('low_price'),
          close: fields.positive('trade_price'),
          volume: fields.amount('candle_acc_trade_volume'),
          quoteVolume: fields.optionalAmount('candle_acc_trade_price'),
        };
      },
    ),
};

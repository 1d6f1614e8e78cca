/**
 * Binance's past minutes, those without trades included: flat, with volume zero.
 * https://github.com/binance/binance-spot-api-docs/blob/master/rest-api.md#klinecandlestick-data
 */
import { minutesBetween, readCandlePage } from './candle-page.ts';
import type { CandleHistory } from './exchange-adapter.ts';

const COLUMNS = ['openTime', 'open', 'high', 'low', 'close', 'volume', 'closeTime', 'quoteVolume'] as const;

export const binanceCandleHistory: CandleHistory = {
  limit: { group: 'weight', weight: 2 },
  pageSize: 1000,
  /** Both times are inclusive. */
  path: ({ nativeCode }, from, until) =>
    `/api/v3/klines?symbol=${encodeURIComponent(nativeCode)}&interval=1m` +
    `&startTime=${from}&endTime=${until - 1}&limit=${minutesBetween(from, until)}`,
  /** Rows of {@link COLUMNS}, behind which stand the number of trades and the takers' volumes. */
  parse: (body, instrument, receivedTime) =>
    readCandlePage(
      body,
      instrument,
      receivedTime,
      row => (Array.isArray(row) ? Object.fromEntries(COLUMNS.map((name, at) => [name, row[at] ?? null])) : null),
      fields => ({
        exchangeTime: null,
        openTime: fields.time('openTime', 'ms'),
        open: fields.positive('open'),
        high: fields.positive('high'),
        low: fields.positive('low'),
        close: fields.positive('close'),
        volume: fields.amount('volume'),
        quoteVolume: fields.optionalAmount('quoteVolume'),
      }),
    ),
};

/**
 * Upbit's minute candles, `candle.1m`: https://docs.upbit.com/kr/reference/websocket-candle
 *
 * The current minute is repeated at most every second, when it changed; no frame says that a minute is over, and one
 * without trades is not sent. The snapshot may be the minute before, or one of hours ago: that of the last trade.
 * The minute is text, `candle_date_time_utc`; `timestamp` is when the message was made.
 */
import type { ExchangeName } from '../../shared/model/exchange.ts';
import type { Instrument } from '../../shared/model/instrument.ts';
import type { Candle } from '../../shared/model/market-event.ts';
import type { EpochMillis } from '../../shared/model/time.ts';
import type { FrameNode } from '../conversion/frame-reader.ts';
import { findCandleFault } from './candle-fault.ts';
import { type Outcome, rejection } from './conversion-builder.ts';
import { describeNode, FrameFields } from './frame-fields.ts';
import { type Keys, koreanFrame } from './korean-array-keys.ts';

const { frame } = koreanFrame;

export const CANDLE_CHANNEL = 'candle.1m';

export function toCandle(
  exchange: ExchangeName,
  record: FrameNode,
  keys: Keys,
  instrument: Instrument,
  receivedTime: EpochMillis,
): Outcome {
  const minute = frame.member(record, keys.candleTimeUtc);
  const minuteText = frame.text(minute);
  const openTime = minuteText === null ? null : readUtc(minuteText);
  if (openTime === null) {
    return rejection(CANDLE_CHANNEL, 'invalidField', `${keys.candleTimeUtc.text}: ${describeNode(frame, minute)}`);
  }
  const fields = new FrameFields(frame, record);
  const candle: Candle = {
    type: 'candle',
    offset: 0,
    exchange,
    symbol: instrument.symbol,
    exchangeTime: fields.optionalTime(keys.timestamp, 'ms'),
    receivedTime,
    interval: '1m',
    openTime,
    open: fields.positive(keys.openingPrice),
    high: fields.positive(keys.highPrice),
    low: fields.positive(keys.lowPrice),
    close: fields.positive(keys.tradePrice),
    volume: fields.amount(keys.candleVolume),
    quoteVolume: fields.optionalAmount(keys.candleQuoteVolume),
    closed: false,
  };
  const fault = fields.fault ?? findCandleFault(candle);
  return fault === null ? [candle] : rejection(CANDLE_CHANNEL, 'invalidField', fault);
}

const EARLIEST = Date.UTC(2000, 0, 1);
const END = Date.UTC(2100, 0, 1);

const FORM = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d$/;
const FIRST_DIGIT = 0x30;

/**
 * `2026-11-22T04:26:00`, without a zone. `null` for anything else, and for a date that no calendar has. Not by
 * `Date.parse` and back: that was a third of a candle's cost.
 */
export function readUtc(text: string): EpochMillis | null {
  if (!FORM.test(text)) return null;
  const [month, day] = [twoDigits(text, 5), twoDigits(text, 8)];
  const [hour, minute, second] = [twoDigits(text, 11), twoDigits(text, 14), twoDigits(text, 17)];
  const year = twoDigits(text, 0) * 100 + twoDigits(text, 2);
  if (month < 1 || month > 12 || day < 1 || hour > 23 || minute > 59 || second > 59) return null;
  // Day 0 of a month is the last one of the month before.
  if (day > 28 && day > new Date(Date.UTC(year, month, 0)).getUTCDate()) return null;
  const time = Date.UTC(year, month - 1, day, hour, minute, second);
  return time >= EARLIEST && time < END ? time : null;
}

function twoDigits(text: string, at: number): number {
  return (text.charCodeAt(at) - FIRST_DIGIT) * 10 + text.charCodeAt(at + 1) - FIRST_DIGIT;
}

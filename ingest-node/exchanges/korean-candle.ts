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
import { type CandlePrices, findFrameCandleFault } from './candle-fault.ts';
import { type Outcome, rejection } from './conversion-builder.ts';
import { describeNode, FrameFields } from './frame-fields.ts';
import { type Keys, koreanFrame } from './korean-array-keys.ts';

const { frame } = koreanFrame;
/** Used again for each record. */
const fields = new FrameFields(frame);

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
  fields.begin(record);
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
  const fault = fields.fault ?? findFrameCandleFault(candle, fields, pricesIn(keys));
  return fault === null ? [candle] : rejection(CANDLE_CHANNEL, 'invalidField', fault);
}

function pricesIn({ openingPrice, highPrice, lowPrice, tradePrice }: Keys): CandlePrices {
  return { open: openingPrice, high: highPrice, low: lowPrice, close: tradePrice };
}

const FORM = '0000-00-00T00:00:00';
const ZERO = 0x30;

/** Days of a year before each month, and all of them; the 29th of February apart. */
const DAYS_BEFORE = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365];

/**
 * `2026-11-22T04:26:00`, without a zone. `null` for anything else, for a date that no calendar has, and before 2000 or from
 * 2100 on. By hand, because a pattern and `Date` were a third of a candle's cost.
 */
export function readUtc(text: string): EpochMillis | null {
  if (!hasForm(text)) return null;
  const [month, day] = [twoDigits(text, 5), twoDigits(text, 8)];
  const [hour, minute, second] = [twoDigits(text, 11), twoDigits(text, 14), twoDigits(text, 17)];
  const year = twoDigits(text, 0) * 100 + twoDigits(text, 2);
  if (year < 2000 || year > 2099 || month < 1 || month > 12 || hour > 23 || minute > 59 || second > 59) return null;
  // In this century every fourth year is a leap year.
  const leapDay = year % 4 === 0 ? 1 : 0;
  const daysOfMonth = DAYS_BEFORE[month]! - DAYS_BEFORE[month - 1]! + (month === 2 ? leapDay : 0);
  if (day < 1 || day > daysOfMonth) return null;
  const daysBeforeYear = (year - 1970) * 365 + Math.floor((year - 1969) / 4);
  const days = daysBeforeYear + DAYS_BEFORE[month - 1]! + (month > 2 ? leapDay : 0) + day - 1;
  return (((days * 24 + hour) * 60 + minute) * 60 + second) * 1000;
}

/** A digit for each zero of {@link FORM}, and the rest as it is there. */
function hasForm(text: string): boolean {
  if (text.length !== FORM.length) return false;
  for (let at = 0; at < FORM.length; at += 1) {
    const [code, model] = [text.charCodeAt(at), FORM.charCodeAt(at)];
    const digit = code - ZERO;
    if (model === ZERO ? digit < 0 || digit > 9 : code !== model) return false;
  }
  return true;
}

function twoDigits(text: string, at: number): number {
  return (text.charCodeAt(at) - ZERO) * 10 + text.charCodeAt(at + 1) - ZERO;
}

/**
 * Binance's minute candles: https://github.com/binance/binance-spot-api-docs/blob/master/web-socket-streams.md
 * (Kline/Candlestick Streams for UTC).
 *
 * The current minute is repeated every two seconds in which it changed; `x` marks its last word. A minute without trades
 * is sent too, flat at the last price and with volume zero.
 */
import type { Instrument } from '../../shared/model/instrument.ts';
import type { Candle } from '../../shared/model/market-event.ts';
import type { EpochMillis } from '../../shared/model/time.ts';
import type { FrameNode } from '../conversion/frame-reader.ts';
import { binanceFrame } from './binance-frame.ts';
import { findFrameCandleFault } from './candle-fault.ts';
import { type Outcome, rejection } from './conversion-builder.ts';
import { channelNameOf } from './field-reader.ts';
import { describeNode, FrameFields } from './frame-fields.ts';

const { frame, KEYS } = binanceFrame;
const PRICES = { open: KEYS.o, high: KEYS.h, low: KEYS.l, close: KEYS.c };
/** Of the record and of the candle inside, used again for each. */
const [outer, fields] = [new FrameFields(frame), new FrameFields(frame)];

/** Base volume is `v`, quote volume `q`; `V` and `Q` are the takers' share of them. */
export function toCandle(data: FrameNode, instrument: Instrument | undefined, receivedTime: EpochMillis): Outcome {
  const kline = frame.member(data, KEYS.k);
  if (!frame.isObject(kline)) return rejection('kline', 'invalidField', `k: ${describeNode(frame, kline)}`);
  const intervalNode = frame.member(kline, KEYS.i);
  const interval = frame.text(intervalNode) || null;
  if (interval !== '1m') {
    const other = interval === null ? 'kline' : channelNameOf(`kline_${interval}`);
    return rejection(other, 'unsupportedChannel', `i: ${describeNode(frame, intervalNode)}`);
  }
  const channel = 'kline_1m';
  if (instrument === undefined) {
    return rejection(channel, 'unknownInstrument', describeNode(frame, frame.member(data, KEYS.s)));
  }
  const isClosed = frame.flag(frame.member(kline, KEYS.x));
  if (isClosed === null) {
    return rejection(channel, 'invalidField', `x: ${describeNode(frame, frame.member(kline, KEYS.x))}`);
  }
  outer.begin(data);
  fields.begin(kline);
  const candle: Candle = {
    type: 'candle',
    offset: 0,
    exchange: 'binance',
    symbol: instrument.symbol,
    exchangeTime: outer.optionalTime(KEYS.E, 'ms'),
    receivedTime,
    interval: '1m',
    openTime: fields.time(KEYS.t, 'ms'),
    open: fields.positive(KEYS.o),
    high: fields.positive(KEYS.h),
    low: fields.positive(KEYS.l),
    close: fields.positive(KEYS.c),
    volume: fields.amount(KEYS.v),
    quoteVolume: fields.optionalAmount(KEYS.q),
    closed: isClosed,
  };
  const fault = outer.fault ?? fields.fault ?? findFrameCandleFault(candle, fields, PRICES);
  return fault === null ? [candle] : rejection(channel, 'invalidField', fault);
}

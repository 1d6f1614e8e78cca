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
import type { LosslessObject } from '../conversion/lossless-json.ts';
import { findCandleFault } from './candle-fault.ts';
import { type Outcome, rejection } from './conversion-builder.ts';
import { channelNameOf, describe, FieldReader, isRecord, textOf } from './field-reader.ts';

/** Base volume is `v`, quote volume `q`; `V` and `Q` are the takers' share of them. */
export function toCandle(
  data: LosslessObject,
  instrumentOf: (code: string) => Instrument | undefined,
  receivedTime: EpochMillis,
): Outcome {
  const kline = data['k'];
  if (!isRecord(kline)) return rejection('kline', 'invalidField', `k: ${describe(kline)}`);
  const interval = textOf(kline['i']);
  const channel = interval === null ? 'kline' : channelNameOf(`kline_${interval}`);
  if (interval !== '1m') return rejection(channel, 'unsupportedChannel', `i: ${describe(kline['i'])}`);
  const instrument = instrumentOf(textOf(data['s']) ?? '');
  if (instrument === undefined) return rejection(channel, 'unknownInstrument', describe(data['s']));
  const isClosed = kline['x'];
  if (typeof isClosed !== 'boolean') return rejection(channel, 'invalidField', `x: ${describe(isClosed)}`);
  const [outer, fields] = [new FieldReader(data), new FieldReader(kline)];
  const candle: Candle = {
    type: 'candle',
    offset: 0,
    exchange: 'binance',
    symbol: instrument.symbol,
    exchangeTime: outer.optionalTime('E', 'ms'),
    receivedTime,
    interval: '1m',
    openTime: fields.time('t', 'ms'),
    open: fields.positive('o'),
    high: fields.positive('h'),
    low: fields.positive('l'),
    close: fields.positive('c'),
    volume: fields.amount('v'),
    quoteVolume: fields.optionalAmount('q'),
    closed: isClosed,
  };
  const fault = outer.fault ?? fields.fault ?? findCandleFault(candle);
  return fault === null ? [candle] : rejection(channel, 'invalidField', fault);
}

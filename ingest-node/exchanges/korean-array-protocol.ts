/**
 * The protocol that Upbit made and Bithumb took over: one JSON array subscribes, whole books and single records come
 * back in binary frames of UTF-8 JSON, with long keys (DEFAULT) or short ones (SIMPLE), alone or in an array (*_LIST).
 *
 * https://docs.upbit.com/kr/reference/websocket-guide
 * https://apidocs.bithumb.com/reference (WebSocket, public)
 *
 * What the fields mean, once for both:
 * - A trade's time is `trade_timestamp`, the execution; `timestamp` is when the message was made. The texts
 *   `trade_date` and `trade_time` are UTC at Upbit and Korean time at Bithumb, and nobody needs them.
 * - `ask_bid` names the taker: ASK sold, BID bought.
 * - `sequential_id` has 16 to 19 digits. It is unique but promises no order.
 * - Each subscription is answered with the last trade of every market as `stream_type` SNAPSHOT. It may be hours old and
 *   may have been delivered before, so it is marked as backfilled.
 * - A ticker's open, high and low are those of the exchange's day so far. The signed change and its rate are against
 *   `prev_closing_price`, the close before that day, so `change` is not `last - open`. Volumes are the rolling 24 hours
 *   (`*_24h`), not the day (`acc_*` alone).
 * - Candles are Upbit's alone, see `korean-candle.ts`.
 * - A book frame is the whole window, so it replaces; there is no sequence. Its top is also our quote.
 */
import type { Steps } from '../../shared/base/steps.ts';
import type { ExchangeName } from '../../shared/model/exchange.ts';
import type { Instrument } from '../../shared/model/instrument.ts';
import type { ChangeWindow, OrderBook, Ticker, Trade } from '../../shared/model/market-event.ts';
import type { EpochMillis, TimeUnit } from '../../shared/model/time.ts';
import type { FrameNode } from '../conversion/frame-reader.ts';
import { BookSide, isCrossed, quoteOf } from './book-side.ts';
import {
  ConversionBuilder,
  control,
  conversionOf,
  type Outcome,
  refused,
  rejection,
  unreadable,
} from './conversion-builder.ts';
import type { Conversion, Heartbeat, InstrumentIndex, MarketListResult, Rejection } from './exchange-adapter.ts';
import { channelNameOf, describe, messageOf, textOf } from './field-reader.ts';
import { describeNode, FrameFields } from './frame-fields.ts';
import { type Keys, koreanFrame } from './korean-array-keys.ts';
import { CANDLE_CHANNEL, toCandle } from './korean-candle.ts';
import { readMarketList } from './market-list.ts';

const { ANY_CONTROL_KEY, CONTROL_KEYS, DEFAULT_KEYS, frame, SIMPLE_KEYS } = koreanFrame;
/** Used again for each record. */
const fields = new FrameFields(frame);
const [bidSide, askSide] = [new BookSide(frame, 'bid'), new BookSide(frame, 'ask')];

/** What differs between the exchanges that speak this protocol. */
export type KoreanVenue = {
  readonly exchange: ExchangeName;
  /** The day that open, high, low and change belong to. */
  readonly changeWindow: ChangeWindow;
  /** In which unit an order book's `timestamp` counts; all other times are milliseconds. */
  readonly bookTimeUnit: TimeUnit;
  /** Behind each code of an order book subscription: `.15` asks for 15 levels. */
  readonly bookCodeSuffix: string;
  /** Whether there is a channel of candles. */
  readonly hasCandles: boolean;
};

export const KOREAN_CHANNELS: readonly string[] = ['trade', 'ticker', 'orderbook'];

/**
 * Nothing is sent by the server unasked: an idle socket is cut after 60 s (measured; documented are 120 s). Whether a
 * control ping alone resets that clock is not proven, so the text `PING` starts `{"status":"UP"}` every 10 s as well.
 */
export const KOREAN_HEARTBEAT: Heartbeat = {
  controlPingEveryMs: 20_000,
  textPing: { message: 'PING', everyMs: null },
  silenceLimitMs: 30_000,
  maxAgeMs: null,
};

/**
 * Too many messages on one socket: the socket is closed with 1000, as if nothing had happened. Going on like that ends in a
 * block.
 */
export const KOREAN_REFUSAL_PAUSES_MS: Readonly<Record<string, number>> = { TOO_MANY_REQUEST: 60_000 };

/**
 * One array with everything, because a later one replaces all earlier ones on the socket. Codes are upper case; an
 * unknown code is not refused but stays silent.
 */
export function subscribeMessages(
  venue: KoreanVenue,
  instruments: readonly Instrument[],
  socketName = '',
): readonly string[] {
  const first = instruments[0];
  if (first === undefined) return [];
  const codes = instruments.map(instrument => instrument.nativeCode);
  const bookCodes = codes.map(code => code + venue.bookCodeSuffix);
  return [
    JSON.stringify([
      { ticket: `exchange-service ${socketName} ${first.nativeCode} +${codes.length - 1}` },
      { type: 'trade', codes },
      { type: 'ticker', codes },
      { type: 'orderbook', codes: bookCodes },
      ...(venue.hasCandles ? [{ type: CANDLE_CHANNEL, codes }] : []),
      { format: 'DEFAULT' },
    ]),
  ];
}

export function convert(
  venue: KoreanVenue,
  bytes: Uint8Array,
  receivedTime: EpochMillis,
  instruments: InstrumentIndex,
): Conversion {
  const refusal = frame.read(bytes);
  if (refusal !== null) return unreadable(bytes, refusal);
  const { root } = frame;
  if (!frame.isArray(root)) {
    return controlMessage(root) ?? conversionOf(convertRecord(venue, root, receivedTime, instruments));
  }
  const first = frame.first(root);
  const end = frame.end(root);
  const isSingle = first < end && frame.next(first) === end;
  const message = isSingle ? controlMessage(first) : null;
  if (message !== null) return message;
  const out = new ConversionBuilder();
  if (first === end) out.add(rejection('unknown', 'unrecognised', 'an empty array'));
  for (let record = first; record < end; record = frame.next(record)) {
    out.add(convertRecord(venue, record, receivedTime, instruments));
  }
  return out.conclude();
}

/** Frames that carry no market data; `null` for all others. */
function controlMessage(record: FrameNode): Conversion | null {
  if (!frame.mayHold(record, ANY_CONTROL_KEY)) return null;
  const said = (key: keyof typeof CONTROL_KEYS) => frame.value(frame.member(record, CONTROL_KEYS[key]));
  const error = frame.member(record, CONTROL_KEYS.error);
  if (frame.isObject(error)) {
    const [name, message] = [frame.member(error, CONTROL_KEYS.name), frame.member(error, CONTROL_KEYS.message)];
    return refused(frame.value(name), frame.value(message));
  }
  const status = said('status');
  if (status === 'UP') return control({ name: 'alive' });
  if ((said('method') ?? said('shortMethod')) === 'LIST_SUBSCRIPTIONS') {
    const subscriptions = describe(said('result') ?? said('shortResult'));
    return control({ name: 'acknowledged', detail: `subscriptions: ${subscriptions}` });
  }
  // The old feed of Bithumb (pubwss) greets and answers like this; 0000 is its success.
  const oldAnswer = said('oldAnswer');
  if (status === undefined || oldAnswer === undefined) return null;
  if (status === '0000') return control({ name: 'acknowledged', detail: messageOf(oldAnswer) });
  return refused(status, oldAnswer);
}

function convertRecord(
  venue: KoreanVenue,
  record: FrameNode,
  receivedTime: EpochMillis,
  instruments: InstrumentIndex,
): Outcome {
  if (!frame.isObject(record)) return rejection('unknown', 'unrecognised', describeNode(frame, record));
  const keys = frame.isThere(frame.member(record, SIMPLE_KEYS.type)) ? SIMPLE_KEYS : DEFAULT_KEYS;
  const channel = frame.text(frame.member(record, keys.type));
  const instrument = instruments.get(frame.text(frame.member(record, keys.code)) ?? '');
  // The old feed of Bithumb uses some of the same names and wraps its data in `content`.
  if (instrument === undefined || frame.isThere(frame.member(record, CONTROL_KEYS.oldContent))) {
    return misfit(venue, record, keys, channel);
  }
  switch (channel) {
    case 'trade':
      return toTrade(venue, record, keys, instrument, receivedTime);
    case 'ticker':
      return toTicker(venue, record, keys, instrument, receivedTime);
    case 'orderbook':
      return toBookAndQuote(venue, record, keys, instrument, receivedTime);
    default:
      return channel === CANDLE_CHANNEL && venue.hasCandles
        ? toCandle(venue.exchange, record, keys, instrument, receivedTime)
        : misfit(venue, record, keys, channel);
  }
}

/** Why a record is no event of ours. */
function misfit(venue: KoreanVenue, record: FrameNode, keys: Keys, type: string | null): Rejection {
  const channel = channelNameOf(type ?? undefined);
  if (channel === 'unknown') {
    return rejection(channel, 'unrecognised', `type: ${describeNode(frame, frame.member(record, keys.type))}`);
  }
  const isCarried = KOREAN_CHANNELS.includes(channel) || (channel === CANDLE_CHANNEL && venue.hasCandles);
  if (!isCarried || frame.isThere(frame.member(record, CONTROL_KEYS.oldContent))) {
    return rejection(channel, 'unsupportedChannel', channel);
  }
  return rejection(channel, 'unknownInstrument', describeNode(frame, frame.member(record, keys.code)));
}

function toTrade(
  venue: KoreanVenue,
  record: FrameNode,
  keys: Keys,
  instrument: Instrument,
  receivedTime: EpochMillis,
): Outcome {
  fields.begin(record);
  const side = frame.text(frame.member(record, keys.askBid));
  const trade: Trade = {
    type: 'trade',
    offset: 0,
    exchange: venue.exchange,
    symbol: instrument.symbol,
    exchangeTime: fields.optionalTime(keys.tradeTimestamp, 'ms'),
    receivedTime,
    id: fields.id(keys.sequentialId),
    price: fields.positive(keys.tradePrice),
    size: fields.positive(keys.tradeVolume),
    takerSide: side === 'BID' ? 'buy' : side === 'ASK' ? 'sell' : 'unknown',
  };
  if (fields.fault !== null) return rejection('trade', 'invalidField', fields.fault);
  const isSnapshot = frame.text(frame.member(record, keys.streamType)) === 'SNAPSHOT';
  return [isSnapshot ? { ...trade, backfilled: true } : trade];
}

function toTicker(
  venue: KoreanVenue,
  record: FrameNode,
  keys: Keys,
  instrument: Instrument,
  receivedTime: EpochMillis,
): Outcome {
  fields.begin(record);
  const ticker: Ticker = {
    type: 'ticker',
    offset: 0,
    exchange: venue.exchange,
    symbol: instrument.symbol,
    exchangeTime: fields.optionalTime(keys.timestamp, 'ms'),
    receivedTime,
    last: fields.positive(keys.tradePrice),
    open: fields.optionalPrice(keys.openingPrice),
    high: fields.optionalPrice(keys.highPrice),
    low: fields.optionalPrice(keys.lowPrice),
    volume: fields.optionalAmount(keys.volume24h),
    quoteVolume: fields.optionalAmount(keys.quoteVolume24h),
    change: fields.optionalSigned(keys.signedChangePrice),
    changeRate: fields.optionalSigned(keys.signedChangeRate),
    changeWindow: venue.changeWindow,
  };
  if (fields.fault !== null) return rejection('ticker', 'invalidField', fields.fault);
  return [ticker];
}

function toBookAndQuote(
  venue: KoreanVenue,
  record: FrameNode,
  keys: Keys,
  instrument: Instrument,
  receivedTime: EpochMillis,
): Outcome {
  fields.begin(record);
  const misfit = readUnits(frame.member(record, keys.units), keys);
  if (misfit !== null) return rejection('orderbook', 'invalidField', `${keys.units.text}: ${misfit}`);
  const book: OrderBook = {
    type: 'orderBook',
    offset: 0,
    exchange: venue.exchange,
    symbol: instrument.symbol,
    exchangeTime: fields.optionalTime(keys.timestamp, venue.bookTimeUnit),
    receivedTime,
    bids: bidSide.top(),
    asks: askSide.top(),
  };
  const fault = fields.fault ?? bidSide.fault ?? askSide.fault;
  if (fault !== null) return rejection('orderbook', 'invalidField', fault);
  const quote = quoteOf(book);
  if (isCrossed(quote.bid, quote.ask)) return rejection('orderbook', 'crossedBook', `${quote.bid} over ${quote.ask}`);
  return [book, quote];
}

/** Each unit is one level of both sides. Answers what is no list of units, `null` when all is well. */
function readUnits(units: FrameNode, keys: Keys): string | null {
  bidSide.begin();
  askSide.begin();
  if (!frame.isArray(units)) return describeNode(frame, units);
  for (let unit = frame.first(units), end = frame.end(units); unit < end; unit = frame.next(unit)) {
    if (!frame.isObject(unit)) return `${describeNode(frame, unit)} inside`;
  }
  bidSide.addEach(units, keys.bidPrice, keys.bidSize);
  askSide.addEach(units, keys.askPrice, keys.askSize);
  return null;
}

/**
 * `[{"market":"KRW-BTC","korean_name","english_name",…}]`: quote first. Neither tick nor lot size is listed, and no
 * status: a market is listed or absent.
 */
export function parseMarketList(
  exchange: ExchangeName,
  bodies: readonly Uint8Array[],
  now: EpochMillis,
): Steps<MarketListResult> {
  return readMarketList(exchange, bodies[0], now, null, row => {
    const nativeCode = textOf(row['market']) ?? '';
    const dash = nativeCode.indexOf('-');
    return {
      nativeCode,
      base: nativeCode.slice(dash + 1),
      quote: nativeCode.slice(0, Math.max(dash, 0)),
      englishName: textOf(row['english_name']),
      koreanName: textOf(row['korean_name']),
      tickSize: null,
      lotSize: null,
      status: 'trading',
    };
  });
}

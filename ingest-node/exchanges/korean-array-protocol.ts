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
import type { ExchangeName } from '../../shared/model/exchange.ts';
import type { Instrument } from '../../shared/model/instrument.ts';
import type { ChangeWindow, OrderBook, Ticker, Trade } from '../../shared/model/market-event.ts';
import type { EpochMillis, TimeUnit } from '../../shared/model/time.ts';
import {
  FrameReading,
  type LosslessObject,
  type LosslessValue,
  parseLosslessJson,
} from '../conversion/lossless-json.ts';
import { BookSide, isCrossed, quoteOf } from './book-side.ts';
import {
  ConversionBuilder,
  control,
  isFlawless,
  type Outcome,
  refused,
  rejection,
  unreadable,
} from './conversion-builder.ts';
import type { Conversion, Heartbeat, InstrumentIndex, MarketListResult } from './exchange-adapter.ts';
import { channelNameOf, describe, FieldReader, isRecord, messageOf, textOf } from './field-reader.ts';
import { DEFAULT_KEYS, type KeySpelling, SIMPLE_KEYS, UNREAD_KEYS } from './korean-array-keys.ts';
import { CANDLE_CHANNEL, toCandle } from './korean-candle.ts';
import { readMarketList } from './market-list.ts';

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

const READING = new FrameReading({ ignoredKeys: UNREAD_KEYS, shortensFractions: true });

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
 * One array with everything, because a later one replaces all earlier ones on the socket. Codes are upper case; an
 * unknown code is not refused but stays silent.
 */
export function subscribeMessages(venue: KoreanVenue, instruments: readonly Instrument[]): readonly string[] {
  const first = instruments[0];
  if (first === undefined) return [];
  const codes = instruments.map(instrument => instrument.nativeCode);
  const bookCodes = codes.map(code => code + venue.bookCodeSuffix);
  return [
    JSON.stringify([
      { ticket: `exchange-service ${first.nativeCode} +${codes.length - 1}` },
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
  frame: Uint8Array,
  receivedTime: EpochMillis,
  instruments: InstrumentIndex,
): Conversion {
  const conversion = convertAs(READING, venue, frame, receivedTime, instruments);
  // A rejection quotes the frame, so then it is read as it was written.
  return isFlawless(conversion) ? conversion : convertAs(undefined, venue, frame, receivedTime, instruments);
}

function convertAs(
  reading: FrameReading | undefined,
  venue: KoreanVenue,
  frame: Uint8Array,
  receivedTime: EpochMillis,
  instruments: InstrumentIndex,
): Conversion {
  const parsed = parseLosslessJson(frame, {}, reading);
  if (!parsed.ok) return unreadable(frame, parsed.reason);
  const records = Array.isArray(parsed.value) ? parsed.value : [parsed.value];
  if (records.length === 1 && isRecord(records[0])) {
    const message = controlMessage(records[0]);
    if (message !== null) return message;
  }
  const out = new ConversionBuilder();
  if (records.length === 0) out.add(rejection('unknown', 'unrecognised', 'an empty array'));
  for (const record of records) out.add(convertRecord(venue, record, receivedTime, instruments));
  return out.conclude();
}

/** Frames that carry no market data; `null` for all others. */
function controlMessage(record: LosslessObject): Conversion | null {
  const error = record['error'];
  if (isRecord(error)) return refused(error['name'], error['message']);
  const status = record['status'];
  if (status === 'UP') return control({ name: 'alive' });
  if ((record['method'] ?? record['mthd']) === 'LIST_SUBSCRIPTIONS') {
    return control({ name: 'acknowledged', detail: `subscriptions: ${describe(record['result'] ?? record['rslt'])}` });
  }
  // The old feed of Bithumb (pubwss) greets and answers like this; 0000 is its success.
  const oldAnswer = record['resmsg'];
  if (status === undefined || oldAnswer === undefined) return null;
  if (status === '0000') return control({ name: 'acknowledged', detail: messageOf(oldAnswer) });
  return refused(status, oldAnswer);
}

function convertRecord(
  venue: KoreanVenue,
  record: LosslessValue,
  receivedTime: EpochMillis,
  instruments: InstrumentIndex,
): Outcome {
  if (!isRecord(record)) return rejection('unknown', 'unrecognised', describe(record));
  const keys = record['ty'] === undefined ? DEFAULT_KEYS : SIMPLE_KEYS;
  const channel = channelNameOf(record[keys.type]);
  if (channel === 'unknown') return rejection(channel, 'unrecognised', `type: ${describe(record[keys.type])}`);
  // The old feed of Bithumb uses some of the same names and wraps its data in `content`.
  const isCarried = KOREAN_CHANNELS.includes(channel) || (channel === CANDLE_CHANNEL && venue.hasCandles);
  if (!isCarried || 'content' in record) return rejection(channel, 'unsupportedChannel', channel);

  const code = record[keys.code];
  const instrument = typeof code === 'string' ? instruments.get(code) : undefined;
  if (instrument === undefined) return rejection(channel, 'unknownInstrument', describe(code));
  switch (channel) {
    case 'trade':
      return toTrade(venue, record, keys, instrument, receivedTime);
    case 'ticker':
      return toTicker(venue, record, keys, instrument, receivedTime);
    case CANDLE_CHANNEL:
      return toCandle(venue.exchange, record, keys, instrument, receivedTime);
    default:
      return toBookAndQuote(venue, record, keys, instrument, receivedTime);
  }
}

function toTrade(
  venue: KoreanVenue,
  record: LosslessObject,
  keys: KeySpelling,
  instrument: Instrument,
  receivedTime: EpochMillis,
): Outcome {
  const fields = new FieldReader(record);
  const side = record[keys.askBid];
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
  return [record[keys.streamType] === 'SNAPSHOT' ? { ...trade, backfilled: true } : trade];
}

function toTicker(
  venue: KoreanVenue,
  record: LosslessObject,
  keys: KeySpelling,
  instrument: Instrument,
  receivedTime: EpochMillis,
): Outcome {
  const fields = new FieldReader(record);
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
  record: LosslessObject,
  keys: KeySpelling,
  instrument: Instrument,
  receivedTime: EpochMillis,
): Outcome {
  const units = record[keys.units];
  if (!Array.isArray(units)) return rejection('orderbook', 'invalidField', `${keys.units}: ${describe(units)}`);
  const fields = new FieldReader(record);
  const bidSide = new BookSide('bid');
  const askSide = new BookSide('ask');
  for (const unit of units) {
    if (!isRecord(unit)) return rejection('orderbook', 'invalidField', `${keys.units}: ${describe(unit)} inside`);
    bidSide.add(unit[keys.bidPrice], unit[keys.bidSize]);
    askSide.add(unit[keys.askPrice], unit[keys.askSize]);
  }
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

/**
 * `[{"market":"KRW-BTC","korean_name","english_name",…}]`: quote first. Neither tick nor lot size is listed, and no
 * status: a market is listed or absent.
 */
export function parseMarketList(
  exchange: ExchangeName,
  bodies: readonly Uint8Array[],
  now: EpochMillis,
): MarketListResult {
  return readMarketList(
    exchange,
    bodies[0],
    now,
    body => body,
    row => {
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
    },
  );
}

/**
 * Binance spot. https://github.com/binance/binance-spot-api-docs/blob/master/web-socket-streams.md
 *
 * We use combined streams, because a partial depth frame names no symbol: only the stream around it does. Raw frames
 * that say what they belong to are understood as well. Prices and sizes are quoted; times are milliseconds, since we do
 * not ask for microseconds.
 */
import {
  type Decimal,
  divideDecimals,
  movePointLeft,
  subtractDecimals,
  toDecimal,
} from '../../shared/model/decimal.ts';
import type { Instrument } from '../../shared/model/instrument.ts';
import type { OrderBook, Quote, Ticker, Trade } from '../../shared/model/market-event.ts';
import type { EpochMillis } from '../../shared/model/time.ts';
import {
  FrameReading,
  type LosslessObject,
  type LosslessValue,
  parseLosslessJson,
} from '../conversion/lossless-json.ts';
import { binanceDeltaBooks, DELTA_STREAM, toBookDelta } from './binance-book.ts';
import { toCandle } from './binance-kline.ts';
import { listBinanceMarkets } from './binance-markets.ts';
import { binanceTradeHistory } from './binance-trade-history.ts';
import { BookSide, isCrossed } from './book-side.ts';
import {
  ConversionBuilder,
  control,
  isFlawless,
  type Outcome,
  refused,
  rejection,
  unreadable,
} from './conversion-builder.ts';
import type { Conversion, ExchangeAdapter, InstrumentIndex } from './exchange-adapter.ts';
import { channelNameOf, describe, FieldReader, isRecord, textOf } from './field-reader.ts';

const CHANNELS = ['trade', 'ticker', 'depth20', 'bookTicker', 'kline_1m'] as const;
/** A connection carries at most 1024 streams; 200 instruments on 5 channels leave headroom. */
const INSTRUMENTS_PER_FEED = 200;
const STREAMS_PER_MESSAGE = 200;

/** Whose values no event needs, in any stream of ours: `Q` is the last size of a ticker and the takers' share of a candle. */
const READING = new FrameReading({
  ignoredKeys: ['w', 'Q', 'V', 'O', 'C', 'F', 'L', 'n', 'M'],
  shortensFractions: true,
});

export const binance: ExchangeAdapter = {
  exchange: 'binance',
  webSocketUrl: 'wss://stream.binance.com:9443/stream',
  restUrl: 'https://api.binance.com',
  limits: {
    instrumentsPerFeed: INSTRUMENTS_PER_FEED,
    // Published: 300 attempts in 5 minutes per IP.
    connects: { count: 140, windowMs: 300_000 },
    // Published: 5 messages a second on one socket, where pongs count; exactly 5 were seen to be too many.
    messageSpacingMs: 510,
    rest: { weight: { weight: 6000, windowMs: 60_000 } },
  },
  // The server pings every 20 s and cuts a socket after 24 h.
  heartbeat: { controlPingEveryMs: null, textPing: null, silenceLimitMs: 60_000, maxAgeMs: 84_600_000 },
  channels: CHANNELS,
  candles: 'sentWithClosing',
  subscribeMessages,
  markets: {
    // Without the permission sets, which nobody reads, the body is a fraction of its size.
    paths: ['/api/v3/exchangeInfo?permissions=SPOT&showPermissionSets=false'],
    parse: listBinanceMarkets,
  },
  tradeHistory: binanceTradeHistory,
  deltaBooks: binanceDeltaBooks,
  convert,
};

function subscribeMessages(
  instruments: readonly Instrument[],
  deltaSymbols: ReadonlySet<string> = new Set(),
): readonly string[] {
  const streams = instruments.flatMap(({ nativeCode, symbol }) =>
    CHANNELS.map(name => {
      const stream = name === 'depth20' && deltaSymbols.has(symbol) ? DELTA_STREAM : name;
      return `${nativeCode.toLowerCase()}@${stream}`;
    }),
  );
  const messages: string[] = [];
  for (let from = 0; from < streams.length; from += STREAMS_PER_MESSAGE) {
    const params = streams.slice(from, from + STREAMS_PER_MESSAGE);
    messages.push(JSON.stringify({ method: 'SUBSCRIBE', params, id: messages.length + 1 }));
  }
  return messages;
}

function convert(frame: Uint8Array, receivedTime: EpochMillis, instruments: InstrumentIndex): Conversion {
  const conversion = convertAs(READING, frame, receivedTime, instruments);
  // A rejection quotes the frame, so then it is read as it was written.
  return isFlawless(conversion) ? conversion : convertAs(undefined, frame, receivedTime, instruments);
}

function convertAs(
  reading: FrameReading | undefined,
  frame: Uint8Array,
  receivedTime: EpochMillis,
  instruments: InstrumentIndex,
): Conversion {
  const parsed = parseLosslessJson(frame, {}, reading);
  if (!parsed.ok) return unreadable(frame, parsed.reason);
  const outer = parsed.value;
  const isCombined = isRecord(outer) && typeof outer['stream'] === 'string' && outer['data'] !== undefined;
  const stream = isCombined ? textOf(outer['stream']) : null;
  const data = isCombined ? outer['data'] : outer;
  if (isRecord(data)) {
    const message = controlMessage(data);
    if (message !== null) return message;
  }
  const context = { stream, receivedTime, instruments };
  const out = new ConversionBuilder();
  if (!Array.isArray(data)) out.add(convertRecord(data, context));
  else if (data.length === 0) out.add(rejection('unknown', 'unrecognised', 'an empty array'));
  else for (const record of data) out.add(convertRecord(record, context));
  return out.conclude();
}

/** Frames that carry no market data; `null` for all others. Errors come bare in the documents, wrapped on the wire. */
function controlMessage(data: LosslessObject): Conversion | null {
  if (data['e'] === 'serverShutdown') return control({ name: 'shutdown' });
  const error = isRecord(data['error']) ? data['error'] : data;
  if (error['msg'] !== undefined) return refused(error['code'], error['msg']);
  if (data['result'] === undefined || data['id'] === undefined) return null;
  return control({ name: 'acknowledged', detail: `request ${describe(data['id'])}: ${describe(data['result'])}` });
}

type Context = {
  /** Name of the stream around the data, `null` in a raw frame. */
  readonly stream: string | null;
  readonly receivedTime: EpochMillis;
  readonly instruments: InstrumentIndex;
};

function convertRecord(data: LosslessValue | undefined, context: Context): Outcome {
  if (!isRecord(data)) return rejection('unknown', 'unrecognised', describe(data));
  const eventName = data['e'];
  switch (eventName) {
    case 'trade':
      return toTrade(data, context);
    case '24hrTicker':
      return toTicker(data, context);
    case '24hrMiniTicker':
      return toTickerFromMini(data, context);
    case 'kline':
      return toCandle(data, code => instrumentOf(code, context), context.receivedTime);
    case 'depthUpdate':
      return toDelta(data, context);
    case undefined:
      if (data['lastUpdateId'] !== undefined) return toBook(data, context);
      if (data['u'] !== undefined && data['s'] !== undefined) return toQuote(data, context);
      return rejection('unknown', 'unrecognised', `keys: ${describe(Object.keys(data).join(' '))}`);
    default: {
      const channel = channelNameOf(eventName);
      const reason = channel === 'unknown' ? 'unrecognised' : 'unsupportedChannel';
      return rejection(channel, reason, `e: ${describe(eventName)}`);
    }
  }
}

function instrumentOf(code: LosslessValue | undefined, context: Context): Instrument | undefined {
  return typeof code === 'string' ? context.instruments.get(code) : undefined;
}

function unknownInstrument(code: LosslessValue | undefined, channel: string): Outcome {
  return rejection(channel, 'unknownInstrument', describe(code));
}

/** `m` says whether the buyer was the maker; then the taker sold. */
function toTrade(data: LosslessObject, context: Context): Outcome {
  const instrument = instrumentOf(data['s'], context);
  if (instrument === undefined) return unknownInstrument(data['s'], 'trade');
  const fields = new FieldReader(data);
  const buyerIsMaker = data['m'];
  const trade: Trade = {
    type: 'trade',
    offset: 0,
    exchange: 'binance',
    symbol: instrument.symbol,
    exchangeTime: fields.optionalTime('T', 'ms'),
    receivedTime: context.receivedTime,
    id: fields.id('t'),
    price: fields.positive('p'),
    size: fields.positive('q'),
    takerSide: buyerIsMaker === true ? 'sell' : buyerIsMaker === false ? 'buy' : 'unknown',
  };
  if (fields.fault !== null) return rejection('trade', 'invalidField', fields.fault);
  return [trade];
}

function toTicker(data: LosslessObject, context: Context): Outcome {
  const fields = new FieldReader(data);
  const percent = fields.optionalSigned('P');
  return tickerOf(data, 'ticker', fields, fields.optionalSigned('p'), percent && movePointLeft(percent, 2), context);
}

/** Names no change, but both prices it lies between; the rate is ours, to eight digits. */
function toTickerFromMini(data: LosslessObject, context: Context): Outcome {
  const fields = new FieldReader(data);
  const open = fields.optionalPrice('o');
  const change = open && toDecimal(subtractDecimals(fields.positive('c'), open));
  const rate = open && change && divideDecimals(change, open, 8);
  const changeRate = rate && toDecimal(rate);
  return tickerOf(data, 'miniTicker', fields, change, changeRate, context);
}

/** Open, high, low, volumes and change are all of the rolling 24 hours. */
function tickerOf(
  data: LosslessObject,
  channel: string,
  fields: FieldReader,
  change: Decimal | null,
  changeRate: Decimal | null,
  context: Context,
): Outcome {
  const instrument = instrumentOf(data['s'], context);
  if (instrument === undefined) return unknownInstrument(data['s'], channel);
  const ticker: Ticker = {
    type: 'ticker',
    offset: 0,
    exchange: 'binance',
    symbol: instrument.symbol,
    exchangeTime: fields.optionalTime('E', 'ms'),
    receivedTime: context.receivedTime,
    last: fields.positive('c'),
    open: fields.optionalPrice('o'),
    high: fields.optionalPrice('h'),
    low: fields.optionalPrice('l'),
    volume: fields.optionalAmount('v'),
    quoteVolume: fields.optionalAmount('q'),
    change,
    changeRate,
    changeWindow: 'rolling24h',
  };
  if (fields.fault !== null) return rejection(channel, 'invalidField', fields.fault);
  return [ticker];
}

/** Carries no time. A side without orders has price and size zero. */
function toQuote(data: LosslessObject, context: Context): Outcome {
  const instrument = instrumentOf(data['s'], context);
  if (instrument === undefined) return unknownInstrument(data['s'], 'bookTicker');
  const fields = new FieldReader(data);
  const [bid, bidSize] = [fields.optionalPrice('b'), fields.optionalPrice('B')];
  const [ask, askSize] = [fields.optionalPrice('a'), fields.optionalPrice('A')];
  if (fields.fault !== null) return rejection('bookTicker', 'invalidField', fields.fault);
  if (isCrossed(bid, ask)) return rejection('bookTicker', 'crossedBook', `${bid} over ${ask}`);
  const quote: Quote = {
    type: 'quote',
    offset: 0,
    exchange: 'binance',
    symbol: instrument.symbol,
    exchangeTime: null,
    receivedTime: context.receivedTime,
    bid: bidSize === null ? null : bid,
    bidSize: bid === null ? null : bidSize,
    ask: askSize === null ? null : ask,
    askSize: ask === null ? null : askSize,
  };
  return [quote];
}

/** The whole top of the book, without symbol and time: `btcusdt@depth20` around it says whose it is. */
function toBook(data: LosslessObject, context: Context): Outcome {
  if (context.stream === null) return rejection('depth', 'unknownInstrument', 'a raw partial depth names no symbol');
  const [streamSymbol, streamChannel] = context.stream.split('@', 2);
  const channel = channelNameOf(streamChannel);
  const code = streamSymbol?.toUpperCase();
  const instrument = instrumentOf(code, context);
  if (instrument === undefined) return unknownInstrument(code, channel);
  const fields = new FieldReader(data);
  const bids = readSide('bid', data['bids']);
  const asks = readSide('ask', data['asks']);
  const book: OrderBook = {
    type: 'orderBook',
    offset: 0,
    exchange: 'binance',
    symbol: instrument.symbol,
    exchangeTime: null,
    receivedTime: context.receivedTime,
    bids: bids.top(),
    asks: asks.top(),
    sequence: fields.id('lastUpdateId'),
  };
  const fault = fields.fault ?? bids.fault ?? asks.fault;
  if (fault !== null) return rejection(channel, 'invalidField', fault);
  const [bid, ask] = [book.bids[0]?.[0] ?? null, book.asks[0]?.[0] ?? null];
  if (isCrossed(bid, ask)) return rejection(channel, 'crossedBook', `${bid} over ${ask}`);
  return [book];
}

/** What changed in a book that is built from its changes, see `binance-book.ts`. */
function toDelta(data: LosslessObject, context: Context): Outcome {
  const instrument = instrumentOf(data['s'], context);
  return instrument === undefined ? unknownInstrument(data['s'], 'depthUpdate') : toBookDelta(data, instrument);
}

function readSide(name: 'bid' | 'ask', levels: LosslessValue | undefined): BookSide {
  const side = new BookSide(name);
  if (!Array.isArray(levels)) side.fault = `${name}s: ${describe(levels)}`;
  else for (const level of levels) Array.isArray(level) ? side.add(level[0], level[1]) : side.add(undefined, undefined);
  return side;
}

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
import { ABSENT, type FrameNode } from '../conversion/frame-reader.ts';
import { binanceDeltaBooks, DELTA_STREAM, toBookDelta } from './binance-book.ts';
import { binanceCandleHistory } from './binance-candle-history.ts';
import { binanceFrame } from './binance-frame.ts';
import { toCandle } from './binance-kline.ts';
import { listBinanceMarkets } from './binance-markets.ts';
import { binanceSubscriptionAnswers, subscribeMessage } from './binance-subscription.ts';
import { binanceTradeHistory } from './binance-trade-history.ts';
import { BookSide, isCrossed } from './book-side.ts';
import {
  answersTo,
  ConversionBuilder,
  control,
  conversionOf,
  type Outcome,
  refused,
  rejection,
  unreadable,
} from './conversion-builder.ts';
import type { Conversion, ExchangeAdapter, InstrumentIndex } from './exchange-adapter.ts';
import { channelNameOf, describe, numberIn } from './field-reader.ts';
import { describeNode, FrameFields } from './frame-fields.ts';

const { ANY_CONTROL_KEY, ANY_DATA_KEY, CONTROL_KEYS, frame, KEYS } = binanceFrame;
/** Used again for each record. */
const fields = new FrameFields(frame);
const [bidSide, askSide] = [new BookSide(frame, 'bid'), new BookSide(frame, 'ask')];

const CHANNELS = ['trade', 'ticker', 'depth20', 'bookTicker', 'kline_1m'] as const;
/** A connection carries at most 1024 streams; 200 instruments on 5 channels leave headroom. */
const INSTRUMENTS_PER_FEED = 200;
const STREAMS_PER_MESSAGE = 200;

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
    // A ban is of the address. 403 is a firewall that dislikes one request, at the host of that.
    shutOutBy: [418],
    rest: { weight: { weight: 6000, windowMs: 60_000 } },
    usedOf: headers => numberIn(headers.get('x-mbx-used-weight-1m'), /^(\d{1,9})$/),
  },
  // The server pings every 20 s and cuts a socket after 24 h.
  heartbeat: { controlPingEveryMs: null, textPing: null, silenceLimitMs: 60_000, maxAgeMs: 84_600_000 },
  channels: CHANNELS,
  candles: 'sentWithClosing',
  candleHistory: binanceCandleHistory,
  subscribeMessages,
  subscriptionAnswers: binanceSubscriptionAnswers,
  markets: {
    // Without the permission sets, which nobody reads, the body is a fraction of its size.
    paths: ['/api/v3/exchangeInfo?permissions=SPOT&showPermissionSets=false'],
    limit: { group: 'weight', weight: 20 },
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
    messages.push(subscribeMessage(streams.slice(from, from + STREAMS_PER_MESSAGE), messages.length + 1));
  }
  return messages;
}

function convert(bytes: Uint8Array, receivedTime: EpochMillis, instruments: InstrumentIndex): Conversion {
  const refusal = frame.read(bytes);
  if (refusal !== null) return unreadable(bytes, refusal);
  const stream = frame.member(frame.root, KEYS.stream);
  const wrapped = frame.member(frame.root, KEYS.data);
  const isCombined = frame.isText(stream) && frame.isThere(wrapped);
  const data = isCombined ? wrapped : frame.root;
  const message = mayBeControl(data) ? controlMessage(data) : null;
  if (message !== null) return message;
  const context = { stream: isCombined ? stream : ABSENT, receivedTime, instruments };
  if (!frame.isArray(data)) return conversionOf(convertRecord(data, context), quoteSequenceOf(data));
  const out = new ConversionBuilder();
  const first = frame.first(data);
  const end = frame.end(data);
  if (first === end) out.add(rejection('unknown', 'unrecognised', 'an empty array'));
  for (let record = first; record < end; record = frame.next(record)) out.add(convertRecord(record, context));
  return out.conclude();
}

/** A quick look at the keys; {@link controlMessage} decides. */
function mayBeControl(data: FrameNode): boolean {
  return frame.mayHold(data, ANY_CONTROL_KEY) || !frame.mayHold(data, ANY_DATA_KEY);
}

/** Frames that carry no market data; `null` for all others. Errors come bare in the documents, wrapped on the wire. */
function controlMessage(data: FrameNode): Conversion | null {
  if (frame.text(frame.member(data, KEYS.e)) === 'serverShutdown') return control({ name: 'shutdown' });
  const wrapped = frame.member(data, CONTROL_KEYS.error);
  const error = frame.isObject(wrapped) ? wrapped : data;
  const words = frame.member(error, CONTROL_KEYS.msg);
  const id = frame.member(data, CONTROL_KEYS.id);
  if (frame.isThere(words)) {
    return refused(frame.value(frame.member(error, CONTROL_KEYS.code)), frame.value(words), frame.value(id));
  }
  const result = frame.member(data, CONTROL_KEYS.result);
  if (!frame.isThere(result) || !frame.isThere(id)) return null;
  const detail = `request ${describeNode(frame, id)}: ${describeNode(frame, result)}`;
  return control({ name: 'acknowledged', detail, ...answersTo(frame.value(id)) });
}

type Context = {
  /** Name of the stream around the data, absent in a raw frame. */
  readonly stream: FrameNode;
  readonly receivedTime: EpochMillis;
  readonly instruments: InstrumentIndex;
};

function convertRecord(data: FrameNode, context: Context): Outcome {
  if (!frame.isObject(data)) return rejection('unknown', 'unrecognised', describeNode(frame, data));
  const eventName = frame.member(data, KEYS.e);
  if (!frame.isThere(eventName)) {
    if (frame.isThere(frame.member(data, KEYS.lastUpdateId))) return toBook(data, context);
    const isQuote = frame.isThere(frame.member(data, KEYS.u)) && frame.isThere(frame.member(data, KEYS.s));
    return isQuote ? toQuote(data, context) : rejection('unknown', 'unrecognised', `keys: ${keysOf(data)}`);
  }
  switch (frame.text(eventName)) {
    case 'trade':
      return toTrade(data, context);
    case '24hrTicker':
      return toTicker(data, context);
    case '24hrMiniTicker':
      return toTickerFromMini(data, context);
    case 'kline':
      return toCandle(data, instrumentOf(frame.member(data, KEYS.s), context), context.receivedTime);
    case 'depthUpdate':
      return toDelta(data, context);
    default: {
      const channel = channelNameOf(frame.value(eventName));
      const reason = channel === 'unknown' ? 'unrecognised' : 'unsupportedChannel';
      return rejection(channel, reason, `e: ${describeNode(frame, eventName)}`);
    }
  }
}

function keysOf(data: FrameNode): string {
  return describe(Object.keys(frame.value(data) as object).join(' '));
}

function instrumentOf(code: FrameNode, context: Context): Instrument | undefined {
  const text = frame.text(code);
  return text === null ? undefined : context.instruments.get(text);
}

function unknownInstrument(code: FrameNode, channel: string): Outcome {
  return rejection(channel, 'unknownInstrument', describeNode(frame, code));
}

/** `m` says whether the buyer was the maker; then the taker sold. */
function toTrade(data: FrameNode, context: Context): Outcome {
  const code = frame.member(data, KEYS.s);
  const instrument = instrumentOf(code, context);
  if (instrument === undefined) return unknownInstrument(code, 'trade');
  fields.begin(data);
  const buyerIsMaker = frame.flag(frame.member(data, KEYS.m));
  const trade: Trade = {
    type: 'trade',
    offset: 0,
    exchange: 'binance',
    symbol: instrument.symbol,
    exchangeTime: fields.optionalTime(KEYS.T, 'ms'),
    receivedTime: context.receivedTime,
    id: fields.id(KEYS.t),
    price: fields.positive(KEYS.p),
    size: fields.positive(KEYS.q),
    takerSide: buyerIsMaker === true ? 'sell' : buyerIsMaker === false ? 'buy' : 'unknown',
  };
  if (fields.fault !== null) return rejection('trade', 'invalidField', fields.fault);
  return [trade];
}

function toTicker(data: FrameNode, context: Context): Outcome {
  fields.begin(data);
  const percent = fields.optionalSigned(KEYS.P);
  return tickerOf(data, 'ticker', fields.optionalSigned(KEYS.p), percent && movePointLeft(percent, 2), context);
}

/** Names no change, but both prices it lies between; the rate is ours, to eight digits. */
function toTickerFromMini(data: FrameNode, context: Context): Outcome {
  fields.begin(data);
  const open = fields.optionalPrice(KEYS.o);
  const change = open && toDecimal(subtractDecimals(fields.positive(KEYS.c), open));
  const rate = open && change && divideDecimals(change, open, 8);
  const changeRate = rate && toDecimal(rate);
  return tickerOf(data, 'miniTicker', change, changeRate, context);
}

/** Open, high, low, volumes and change are all of the rolling 24 hours. */
function tickerOf(
  data: FrameNode,
  channel: string,
  change: Decimal | null,
  changeRate: Decimal | null,
  context: Context,
): Outcome {
  const code = frame.member(data, KEYS.s);
  const instrument = instrumentOf(code, context);
  if (instrument === undefined) return unknownInstrument(code, channel);
  const ticker: Ticker = {
    type: 'ticker',
    offset: 0,
    exchange: 'binance',
    symbol: instrument.symbol,
    exchangeTime: fields.optionalTime(KEYS.E, 'ms'),
    receivedTime: context.receivedTime,
    last: fields.positive(KEYS.c),
    open: fields.optionalPrice(KEYS.o),
    high: fields.optionalPrice(KEYS.h),
    low: fields.optionalPrice(KEYS.l),
    volume: fields.optionalAmount(KEYS.v),
    quoteVolume: fields.optionalAmount(KEYS.q),
    change,
    changeRate,
    changeWindow: 'rolling24h',
  };
  if (fields.fault !== null) return rejection(channel, 'invalidField', fields.fault);
  return [ticker];
}

/** The `u` of a `bookTicker` record, of which our quote says nothing. */
function quoteSequenceOf(data: FrameNode): number | undefined {
  if (frame.isThere(frame.member(data, KEYS.e))) return undefined;
  return frame.sequence(frame.member(data, KEYS.u)) ?? undefined;
}

/** Carries no time. A side without orders has price and size zero. */
function toQuote(data: FrameNode, context: Context): Outcome {
  const code = frame.member(data, KEYS.s);
  const instrument = instrumentOf(code, context);
  if (instrument === undefined) return unknownInstrument(code, 'bookTicker');
  fields.begin(data);
  const bid = fields.optionalPrice(KEYS.b);
  const bidSize = fields.optionalPrice(KEYS.B);
  const ask = fields.optionalPrice(KEYS.a);
  const askSize = fields.optionalPrice(KEYS.A);
  if (fields.fault !== null) return rejection('bookTicker', 'invalidField', fields.fault);
  if (bid !== null && ask !== null && fields.compare(KEYS.b, KEYS.a) >= 0) {
    return rejection('bookTicker', 'crossedBook', `${bid} over ${ask}`);
  }
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
function toBook(data: FrameNode, context: Context): Outcome {
  const stream = frame.text(context.stream);
  if (!stream) return rejection('depth', 'unknownInstrument', 'a raw partial depth names no symbol');
  const [streamSymbol, streamChannel] = stream.split('@', 2);
  const channel = channelNameOf(streamChannel);
  const code = streamSymbol!.toUpperCase();
  const instrument = context.instruments.get(code);
  if (instrument === undefined) return rejection(channel, 'unknownInstrument', describe(code));
  fields.begin(data);
  readSide(bidSide, 'bids', frame.member(data, KEYS.bids));
  readSide(askSide, 'asks', frame.member(data, KEYS.asks));
  const book: OrderBook = {
    type: 'orderBook',
    offset: 0,
    exchange: 'binance',
    symbol: instrument.symbol,
    exchangeTime: null,
    receivedTime: context.receivedTime,
    bids: bidSide.top(),
    asks: askSide.top(),
    sequence: fields.id(KEYS.lastUpdateId),
  };
  const fault = fields.fault ?? bidSide.fault ?? askSide.fault;
  if (fault !== null) return rejection(channel, 'invalidField', fault);
  const bid = book.bids[0]?.[0] ?? null;
  const ask = book.asks[0]?.[0] ?? null;
  if (isCrossed(bid, ask)) return rejection(channel, 'crossedBook', `${bid} over ${ask}`);
  return [book];
}

/** What changed in a book that is built from its changes, see `binance-book.ts`. */
function toDelta(data: FrameNode, context: Context): Outcome {
  const code = frame.member(data, KEYS.s);
  const instrument = instrumentOf(code, context);
  return instrument === undefined ? unknownInstrument(code, 'depthUpdate') : toBookDelta(data, instrument);
}

function readSide(side: BookSide, name: 'bids' | 'asks', levels: FrameNode): void {
  side.begin();
  if (!frame.isArray(levels)) side.fault = `${name}: ${describeNode(frame, levels)}`;
  for (let level = frame.first(levels), end = frame.end(levels); level < end; level = frame.next(level)) {
    side.add(frame.item(level, 0), frame.item(level, 1));
  }
}

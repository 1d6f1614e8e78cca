/**
 * Coinone, Korea. https://docs.coinone.co.kr/reference/public-websocket
 *
 * - One SUBSCRIBE names one market on one channel. Answers spell currencies in upper case on the socket and in either
 *   case over REST. There is no market code: ours is `KRW-BTC`, put together from the two fields.
 * - `is_seller_maker` true: the buyer took. It names the maker and is inverted.
 * - A ticker's high, low, first and last are those of the UTC day so far; the volumes are the last 24 hours. It names no
 *   change: ours is `last` against `yesterday_last`, the close before 00:00 UTC, as Upbit counts its own. Its best bid
 *   and ask move only when somebody trades, so they are no quote.
 * - A book frame is the whole book of 16 levels, asks from the worst to the best. Its `timestamp` is 10 s old in the first
 *   frame after a subscription. A larger `id` is newer, ids are not consecutive, and one book may come again.
 * - An unknown market is acknowledged first; the error that follows (160012) does not say which one it means.
 */
import type { Steps } from '../../shared/base/steps.ts';
import { type Decimal, divideDecimals, subtractDecimals, toDecimal } from '../../shared/model/decimal.ts';
import type { Instrument } from '../../shared/model/instrument.ts';
import type { OrderBook, Ticker, Trade } from '../../shared/model/market-event.ts';
import type { EpochMillis } from '../../shared/model/time.ts';
import { type FrameKey, type FrameNode, FrameReader } from '../conversion/frame-reader.ts';
import { parseLosslessJson } from '../conversion/lossless-json.ts';
import { BookSide, isCrossed, quoteOf } from './book-side.ts';
import { coinoneTradeHistory } from './coinone-trade-history.ts';
import {
  answersTo,
  control,
  conversionOf,
  type Outcome,
  refused,
  rejection,
  unreadable,
} from './conversion-builder.ts';
import type {
  Conversion,
  ExchangeAdapter,
  InstrumentIndex,
  MarketListResult,
  SubscriptionTopic,
} from './exchange-adapter.ts';
import { channelNameOf, describe, FieldReader, isRecord, textOf } from './field-reader.ts';
import { describeNode, FrameFields } from './frame-fields.ts';
import { readMarketList } from './market-list.ts';

const CHANNELS = ['TRADE', 'TICKER', 'ORDERBOOK'] as const;

export const coinone: ExchangeAdapter = {
  exchange: 'coinone',
  webSocketUrl: 'wss://stream.coinone.co.kr',
  restUrl: 'https://api.coinone.co.kr',
  limits: {
    // Published: 20 open sockets per IP. 363 markets make 3 feeds, twice that while all are replaced. All 363 on one
    // socket were measured to work; it would take three times as long to subscribe.
    instrumentsPerFeed: 125,
    // No rate is published; we keep to Upbit's.
    connects: { count: 2, windowMs: 1000 },
    // None is published. 121 markets on 3 channels are 363 messages: 18 s until the last one is subscribed.
    messageSpacingMs: 50,
    // Too many sockets: whichever of them is not ours has to go first.
    pauseAfterCloseMs: { 4290: 60_000 },
    // Published as 300 on one page and as 1200 on another.
    rest: { all: { weight: 300, windowMs: 60_000 } },
  },
  // A socket is closed 30 minutes after the last PING; each is answered with PONG.
  heartbeat: {
    controlPingEveryMs: null,
    textPing: { message: '{"request_type":"PING"}', everyMs: 60_000 },
    silenceLimitMs: 90_000,
    maxAgeMs: null,
  },
  channels: CHANNELS,
  candles: 'fromTrades',
  tradeHistory: coinoneTradeHistory,
  subscribeMessages,
  subscriptionAnswers: {
    keyOf: message => keyOf(topicOf(message)),
    topicsOf: message => [topicOf(message)],
    halvesOf: () => null,
  },
  markets: {
    paths: ['/public/v2/markets/KRW', '/public/v2/currencies'],
    limit: { group: 'all', weight: 1 },
    parse: parseMarketList,
  },
  convert,
};

/** Channel by channel, trades first: of the others the next frame makes good what was missed. */
function subscribeMessages(instruments: readonly Instrument[]): readonly string[] {
  return CHANNELS.flatMap(channel =>
    instruments.map(({ base, quote }) => {
      const topic = { quote_currency: quote, target_currency: base };
      return JSON.stringify({ request_type: 'SUBSCRIBE', channel, topic, format: 'DEFAULT' });
    }),
  );
}

/** What one of our own messages asks for. */
function topicOf(message: string): SubscriptionTopic {
  const { channel, topic } = JSON.parse(message);
  return { nativeCode: codeOf(topic.quote_currency, topic.target_currency), channel };
}

/** What `SUBSCRIBED` repeats of a request: there is no id. */
function keyOf({ channel, nativeCode }: SubscriptionTopic): string {
  return `${channel} ${nativeCode}`;
}

/** The keys of a frame that we read, in its two formats: DEFAULT, which we ask for, and SHORT. */
const SPELLINGS = {
  type: ['response_type', 'r'],
  channel: ['channel', 'c'],
  data: ['data', 'd'],
  quote: ['quote_currency', 'qc'],
  target: ['target_currency', 'tc'],
  time: ['timestamp', 't'],
  id: ['id', 'i'],
  price: ['price', 'p'],
  size: ['qty', 'q'],
  sellerIsMaker: ['is_seller_maker', 'sm'],
  asks: ['asks', 'a'],
  bids: ['bids', 'b'],
  first: ['first', 'fi'],
  high: ['high', 'hi'],
  low: ['low', 'lo'],
  last: ['last', 'la'],
  volume: ['target_volume', 'tv'],
  quoteVolume: ['quote_volume', 'qv'],
  yesterdayLast: ['yesterday_last', 'yla'],
} as const;

type Keys = Readonly<Record<keyof typeof SPELLINGS, FrameKey>>;

const frame = new FrameReader();
const DEFAULT_KEYS = spelled(0);
const SHORT_KEYS = spelled(1);
const ERROR_KEYS = frame.keys({ code: 'error_code', message: 'message' });

function spelled(format: 0 | 1): Keys {
  const spelling = Object.fromEntries(Object.entries(SPELLINGS).map(([field, keys]) => [field, keys[format]]));
  return frame.keys(spelling as Record<keyof typeof SPELLINGS, string>);
}

function convert(bytes: Uint8Array, receivedTime: EpochMillis, instruments: InstrumentIndex): Conversion {
  const refusal = frame.read(bytes);
  if (refusal !== null) return unreadable(bytes, refusal);
  const message = frame.root;
  if (!frame.isObject(message)) {
    return conversionOf(rejection('unknown', 'unrecognised', describeNode(frame, message)));
  }
  const keys = frame.isThere(frame.member(message, DEFAULT_KEYS.type)) ? DEFAULT_KEYS : SHORT_KEYS;
  const type = frame.member(message, keys.type);
  const name = frame.text(type);
  switch (name) {
    case 'DATA':
      return conversionOf(convertData(message, keys, receivedTime, instruments));
    case 'CONNECTED':
      return control({ name: 'acknowledged', detail: name });
    case 'SUBSCRIBED':
    case 'UNSUBSCRIBED': {
      const topic = frame.member(message, keys.data);
      const nativeCode = frame.isObject(topic) ? nativeCodeOf(topic, keys) : null;
      const code = nativeCode === null ? describeNode(frame, topic) : describe(nativeCode);
      const channel = channelNameOf(frame.value(frame.member(message, keys.channel)));
      const isAnswer = name === 'SUBSCRIBED' && nativeCode !== null;
      return control({
        name: 'acknowledged',
        detail: `${name} ${channel} ${code}`,
        ...(isAnswer ? answersTo(keyOf({ channel, nativeCode })) : {}),
      });
    }
    case 'PONG':
      return control({ name: 'alive' });
    case 'ERROR': {
      const [code, words] = [frame.member(message, ERROR_KEYS.code), frame.member(message, ERROR_KEYS.message)];
      return refused(frame.value(code), frame.value(words));
    }
    default:
      return conversionOf(rejection('unknown', 'unrecognised', `${keys.type.text}: ${describeNode(frame, type)}`));
  }
}

type Subject = {
  readonly data: FrameNode;
  readonly keys: Keys;
  readonly fields: FrameFields;
  readonly channel: (typeof CHANNELS)[number];
  /** What every event of the frame says. */
  readonly common: {
    readonly offset: 0;
    readonly exchange: 'coinone';
    readonly symbol: string;
    readonly exchangeTime: EpochMillis | null;
    readonly receivedTime: EpochMillis;
  };
};

function convertData(message: FrameNode, keys: Keys, receivedTime: EpochMillis, instruments: InstrumentIndex): Outcome {
  const name = channelNameOf(frame.text(frame.member(message, keys.channel)) ?? undefined);
  const channel = CHANNELS.find(carried => carried === name);
  if (channel === undefined) {
    return rejection(name, name === 'unknown' ? 'unrecognised' : 'unsupportedChannel', describe(name));
  }
  const data = frame.member(message, keys.data);
  if (!frame.isObject(data)) {
    return rejection(channel, 'invalidField', `${keys.data.text}: ${describeNode(frame, data)}`);
  }
  const code = nativeCodeOf(data, keys);
  const instrument = instruments.get(code);
  if (instrument === undefined) return rejection(channel, 'unknownInstrument', describe(code));
  const fields = new FrameFields(frame, data);
  const exchangeTime = fields.optionalTime(keys.time, 'ms');
  const common = { offset: 0, exchange: 'coinone', symbol: instrument.symbol, exchangeTime, receivedTime } as const;
  const subject: Subject = { data, keys, fields, channel, common };
  switch (channel) {
    case 'TRADE':
      return toTrade(subject);
    case 'TICKER':
      return toTicker(subject);
    case 'ORDERBOOK':
      return toBookAndQuote(subject);
  }
}

function nativeCodeOf(topic: FrameNode, keys: Keys): string {
  const [quote, target] = [frame.member(topic, keys.quote), frame.member(topic, keys.target)];
  return codeOf(frame.text(quote) ?? '', frame.text(target) ?? '');
}

function codeOf(quote: string, base: string): string {
  return `${quote}-${base}`.toUpperCase();
}

function toTrade({ data, keys, fields, channel, common }: Subject): Outcome {
  const sellerIsMaker = frame.flag(frame.member(data, keys.sellerIsMaker));
  const trade: Trade = {
    type: 'trade',
    ...common,
    id: fields.id(keys.id),
    price: fields.positive(keys.price),
    size: fields.positive(keys.size),
    takerSide: sellerIsMaker === true ? 'buy' : sellerIsMaker === false ? 'sell' : 'unknown',
  };
  return fields.fault === null ? [trade] : rejection(channel, 'invalidField', fields.fault);
}

function toTicker({ keys, fields, channel, common }: Subject): Outcome {
  const last = fields.positive(keys.last);
  const before = fields.optionalPrice(keys.yesterdayLast);
  const change = before && toDecimal(subtractDecimals(last, before));
  const ticker: Ticker = {
    type: 'ticker',
    ...common,
    last,
    open: fields.optionalPrice(keys.first),
    high: fields.optionalPrice(keys.high),
    low: fields.optionalPrice(keys.low),
    volume: fields.optionalAmount(keys.volume),
    quoteVolume: fields.optionalAmount(keys.quoteVolume),
    change,
    changeRate: rateOf(change, before),
    changeWindow: 'dayUtc',
  };
  return fields.fault === null ? [ticker] : rejection(channel, 'invalidField', fields.fault);
}

/** To eight digits, as Upbit prints its own. */
function rateOf(change: Decimal | null, base: Decimal | null): Decimal | null {
  const rate = change && base && divideDecimals(change, base, 8);
  return rate && toDecimal(rate);
}

function toBookAndQuote({ data, keys, fields, channel, common }: Subject): Outcome {
  const asks = readSide('ask', frame.member(data, keys.asks), keys);
  const bids = readSide('bid', frame.member(data, keys.bids), keys);
  const book: OrderBook = {
    type: 'orderBook',
    ...common,
    bids: bids.top(),
    asks: asks.top(),
    sequence: fields.id(keys.id),
  };
  const fault = fields.fault ?? bids.fault ?? asks.fault;
  if (fault !== null) return rejection(channel, 'invalidField', fault);
  const quote = quoteOf(book);
  if (isCrossed(quote.bid, quote.ask)) return rejection(channel, 'crossedBook', `${quote.bid} over ${quote.ask}`);
  return [book, quote];
}

/** Asks come from the worst to the best: read from the end, they need no sorting. */
function readSide(name: 'bid' | 'ask', levels: FrameNode, keys: Keys): BookSide {
  const side = new BookSide(frame, name);
  if (!frame.isArray(levels)) {
    side.fault = `${name}s: ${describeNode(frame, levels)}`;
    return side;
  }
  const rows: FrameNode[] = [];
  for (let row = frame.first(levels), end = frame.end(levels); row < end; row = frame.next(row)) rows.push(row);
  if (name === 'ask') rows.reverse();
  for (const row of rows) side.add(frame.member(row, keys.price), frame.member(row, keys.size));
  return side;
}

/**
 * `markets` says what trades, in which steps of size; steps of price depend on the price. `currencies` adds names, in
 * English only: without them the list still stands.
 */
function parseMarketList(bodies: readonly Uint8Array[], now: EpochMillis): Steps<MarketListResult> {
  const names = namesIn(bodies[1]);
  return readMarketList('coinone', bodies[0], now, 'markets', row => {
    const base = (textOf(row['target_currency']) ?? '').toUpperCase();
    const quote = (textOf(row['quote_currency']) ?? '').toUpperCase();
    return {
      nativeCode: codeOf(quote, base),
      base,
      quote,
      englishName: names.get(base) ?? null,
      koreanName: null,
      tickSize: null,
      lotSize: new FieldReader(row).optionalPrice('qty_unit'),
      status: row['trade_status'] === '1' && row['maintenance_status'] === '0' ? 'trading' : 'halted',
    };
  });
}

function namesIn(body: Uint8Array | undefined): ReadonlyMap<string, string> {
  const names = new Map<string, string>();
  const parsed = body === undefined ? null : parseLosslessJson(body);
  const rows = parsed?.ok && isRecord(parsed.value) ? parsed.value['currencies'] : null;
  for (const row of Array.isArray(rows) ? rows.filter(isRecord) : []) {
    const [symbol, name] = [textOf(row['symbol']), textOf(row['name'])];
    if (symbol !== null && name !== null) names.set(symbol.toUpperCase(), name);
  }
  return names;
}

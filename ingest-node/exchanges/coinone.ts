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
import { type Decimal, divideDecimals, subtractDecimals, toDecimal } from '../../shared/model/decimal.ts';
import type { Instrument } from '../../shared/model/instrument.ts';
import type { OrderBook, Ticker, Trade } from '../../shared/model/market-event.ts';
import type { EpochMillis } from '../../shared/model/time.ts';
import { type LosslessObject, type LosslessValue, parseLosslessJson } from '../conversion/lossless-json.ts';
import { BookSide, isCrossed, quoteOf } from './book-side.ts';
import { coinoneTradeHistory } from './coinone-trade-history.ts';
import { ConversionBuilder, control, type Outcome, refused, rejection, unreadable } from './conversion-builder.ts';
import type { Conversion, ExchangeAdapter, InstrumentIndex, MarketListResult } from './exchange-adapter.ts';
import { channelNameOf, describe, FieldReader, isRecord, textOf } from './field-reader.ts';
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
  markets: { paths: ['/public/v2/markets/KRW', '/public/v2/currencies'], parse: parseMarketList },
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

type Keys = { readonly [Field in keyof typeof SPELLINGS]: string };

const DEFAULT_KEYS = spelled(0);
const SHORT_KEYS = spelled(1);

function spelled(format: 0 | 1): Keys {
  return Object.fromEntries(Object.entries(SPELLINGS).map(([field, keys]) => [field, keys[format]])) as Keys;
}

function convert(frame: Uint8Array, receivedTime: EpochMillis, instruments: InstrumentIndex): Conversion {
  const parsed = parseLosslessJson(frame);
  if (!parsed.ok) return unreadable(frame, parsed.reason);
  const message = parsed.value;
  const out = new ConversionBuilder();
  if (!isRecord(message)) {
    out.add(rejection('unknown', 'unrecognised', describe(message)));
    return out.conclude();
  }
  const keys = message[DEFAULT_KEYS.type] === undefined ? SHORT_KEYS : DEFAULT_KEYS;
  const type = message[keys.type];
  switch (type) {
    case 'DATA':
      out.add(convertData(message, keys, receivedTime, instruments));
      return out.conclude();
    case 'CONNECTED':
      return control({ name: 'acknowledged', detail: type });
    case 'SUBSCRIBED':
    case 'UNSUBSCRIBED': {
      const topic = message[keys.data];
      const code = isRecord(topic) ? describe(nativeCodeOf(topic, keys)) : describe(topic);
      return control({ name: 'acknowledged', detail: `${type} ${channelNameOf(message[keys.channel])} ${code}` });
    }
    case 'PONG':
      return control({ name: 'alive' });
    case 'ERROR':
      return refused(message['error_code'], message['message']);
    default:
      out.add(rejection('unknown', 'unrecognised', `${keys.type}: ${describe(type)}`));
      return out.conclude();
  }
}

type Subject = {
  readonly data: LosslessObject;
  readonly keys: Keys;
  readonly fields: FieldReader;
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

function convertData(
  message: LosslessObject,
  keys: Keys,
  receivedTime: EpochMillis,
  instruments: InstrumentIndex,
): Outcome {
  const name = channelNameOf(message[keys.channel]);
  const channel = CHANNELS.find(carried => carried === name);
  if (channel === undefined) {
    return rejection(name, name === 'unknown' ? 'unrecognised' : 'unsupportedChannel', describe(name));
  }
  const data = message[keys.data];
  if (!isRecord(data)) return rejection(channel, 'invalidField', `${keys.data}: ${describe(data)}`);
  const code = nativeCodeOf(data, keys);
  const instrument = instruments.get(code);
  if (instrument === undefined) return rejection(channel, 'unknownInstrument', describe(code));
  const fields = new FieldReader(data);
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

function nativeCodeOf(topic: LosslessObject, keys: Keys): string {
  return codeOf(textOf(topic[keys.quote]) ?? '', textOf(topic[keys.target]) ?? '');
}

function codeOf(quote: string, base: string): string {
  return `${quote}-${base}`.toUpperCase();
}

function toTrade({ data, keys, fields, channel, common }: Subject): Outcome {
  const sellerIsMaker = data[keys.sellerIsMaker];
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
  const asks = readSide('ask', data[keys.asks], keys);
  const bids = readSide('bid', data[keys.bids], keys);
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
function readSide(name: 'bid' | 'ask', levels: LosslessValue | undefined, keys: Keys): BookSide {
  const side = new BookSide(name);
  if (!Array.isArray(levels)) {
    side.fault = `${name}s: ${describe(levels)}`;
    return side;
  }
  for (const level of name === 'ask' ? levels.toReversed() : levels) {
    if (isRecord(level)) side.add(level[keys.price], level[keys.size]);
    else side.add(undefined, undefined);
  }
  return side;
}

/**
 * `markets` says what trades, in which steps of size; steps of price depend on the price. `currencies` adds names, in
 * English only: without them the list still stands.
 */
function parseMarketList(bodies: readonly Uint8Array[], now: EpochMillis): MarketListResult {
  const names = namesIn(bodies[1]);
  return readMarketList(
    'coinone',
    bodies[0],
    now,
    body => (isRecord(body) ? body['markets'] : null),
    row => {
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
    },
  );
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

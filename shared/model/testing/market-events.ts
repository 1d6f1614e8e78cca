/** Small well-formed events for tests, one builder per type; what a test does not care about is filled in. */
import type { Candle, FeedState, Level, OrderBook, Quote, Ticker, Trade, TradeGap } from '../market-event.ts';

type Fields<Event> = Partial<Omit<Event, 'type' | 'symbol'>>;

const SYMBOL = 'BTC/KRW';
const RECEIVED = 1_785_397_735_004.123;

const common = { offset: 0, exchange: 'upbit', exchangeTime: RECEIVED - 4, receivedTime: RECEIVED } as const;

const CHANGE_WINDOWS = { binance: 'rolling24h', upbit: 'dayUtc', bithumb: 'dayKst', coinone: 'dayUtc' } as const;

const FIRST_TRADE_ID = 1_785_395_041_124_000_000n;
let tradeIds = 0;

/** Every trade has an id of its own, unless it is given one. */
export function trade(symbol = SYMBOL, fields: Fields<Trade> = {}): Trade {
  const id = fields.id ?? String(FIRST_TRADE_ID + BigInt(++tradeIds));
  return { type: 'trade', ...common, symbol, price: '94600000', size: '0.00010571', takerSide: 'buy', ...fields, id };
}

/** A trade that can be told from others by its number, which is its id. */
export function numberedTrade(number: number): Trade {
  return trade(SYMBOL, { id: String(number) });
}

export function ticker(symbol = SYMBOL, fields: Fields<Ticker> = {}): Ticker {
  return {
    type: 'ticker',
    ...common,
    symbol,
    last: '94600000',
    open: '94000000',
    high: null,
    low: null,
    volume: '1234.5678',
    quoteVolume: null,
    change: '600000',
    changeRate: '0.0064',
    changeWindow: CHANGE_WINDOWS[fields.exchange ?? common.exchange],
    ...fields,
  };
}

export function quote(symbol = SYMBOL, fields: Fields<Quote> = {}): Quote {
  return {
    type: 'quote',
    ...common,
    symbol,
    bid: '94599000',
    bidSize: '0.5',
    ask: '94600000',
    askSize: '0.25',
    ...fields,
  };
}

export function orderBook(symbol = SYMBOL, fields: Fields<OrderBook> = {}): OrderBook {
  return { type: 'orderBook', ...common, symbol, bids: levels(2, -1), asks: levels(2, 1), sequence: '1', ...fields };
}

/** With so many levels on each side. */
export function deepOrderBook(symbol: string, depth: number, fields: Fields<OrderBook> = {}): OrderBook {
  return orderBook(symbol, { bids: levels(depth, -1), asks: levels(depth, 1), ...fields });
}

function levels(depth: number, sign: 1 | -1): Level[] {
  return Array.from({ length: depth }, (_, level) => [String(94_600_000 + sign * (level + 1) * 1_000), '0.125']);
}

export function candle(symbol = SYMBOL, fields: Fields<Candle> = {}): Candle {
  return {
    type: 'candle',
    ...common,
    symbol,
    interval: '1m',
    openTime: 1_785_397_680_000,
    open: '94500000',
    high: '94700000',
    low: '94400000',
    close: '94600000',
    volume: '3.25',
    quoteVolume: null,
    closed: false,
    ...fields,
  };
}

export function feed(
  key = 'upbit-0',
  state: FeedState['state'] = 'live',
  fields: Omit<Fields<FeedState>, 'key' | 'state'> = {},
): FeedState {
  const known = { symbol: null, exchangeTime: null, since: RECEIVED, reason: null };
  return { type: 'feed', ...common, ...known, key, state, ...fields };
}

export function gap(symbol = SYMBOL, fields: Fields<TradeGap> = {}): TradeGap {
  return {
    type: 'gap',
    ...common,
    symbol,
    afterId: '17',
    untilId: '23',
    afterTime: RECEIVED - 900,
    untilTime: RECEIVED - 100,
    provable: false,
    ...fields,
  };
}

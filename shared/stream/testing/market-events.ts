/** Small well-formed events, one builder per type; what a test does not care about is filled in. */
import type { Candle, FeedState, OrderBook, Quote, Ticker, Trade, TradeGap } from '../../model/market-event.ts';

const RECEIVED = 1_785_397_735_004.123;

const common = { offset: 0, exchange: 'upbit', exchangeTime: RECEIVED - 4, receivedTime: RECEIVED } as const;

let tradeIds = 0;

/** Every trade has an id of its own. */
export function trade(symbol = 'BTC/KRW', id = String(1_785_395_041_124_000_000n + BigInt(++tradeIds))): Trade {
  return { type: 'trade', ...common, symbol, id, price: '94600000', size: '0.00010571', takerSide: 'buy' };
}

export function ticker(symbol = 'BTC/KRW', last = '94600000'): Ticker {
  return {
    type: 'ticker',
    ...common,
    symbol,
    last,
    open: '94000000',
    high: null,
    low: null,
    volume: '1234.5678',
    quoteVolume: null,
    change: '600000',
    changeRate: '0.0064',
    changeWindow: 'dayUtc',
  };
}

export function quote(symbol = 'BTC/KRW', bid = '94599000'): Quote {
  return { type: 'quote', ...common, symbol, bid, bidSize: '0.5', ask: '94600000', askSize: '0.25' };
}

export function orderBook(symbol = 'BTC/KRW', levels = 2, sequence = '1'): OrderBook {
  const side = (sign: number) =>
    Array.from({ length: levels }, (_, level) => [String(94_600_000 + sign * (level + 1) * 1_000), '0.125'] as const);
  return { type: 'orderBook', ...common, symbol, bids: side(-1), asks: side(1), sequence };
}

export function candle(symbol = 'BTC/KRW', openTime = 1_785_397_680_000, closed = false): Candle {
  return {
    type: 'candle',
    ...common,
    symbol,
    interval: '1m',
    openTime,
    open: '94500000',
    high: '94700000',
    low: '94400000',
    close: '94600000',
    volume: '3.25',
    quoteVolume: null,
    closed,
  };
}

export function feed(key = 'upbit-0', state: FeedState['state'] = 'live'): FeedState {
  return {
    type: 'feed',
    offset: 0,
    exchange: 'upbit',
    symbol: null,
    exchangeTime: null,
    receivedTime: RECEIVED,
    key,
    state,
    since: RECEIVED,
    reason: null,
  };
}

export function gap(symbol = 'BTC/KRW'): TradeGap {
  return {
    type: 'gap',
    ...common,
    symbol,
    afterId: '17',
    untilId: '23',
    afterTime: RECEIVED - 900,
    untilTime: RECEIVED - 100,
    provable: false,
  };
}

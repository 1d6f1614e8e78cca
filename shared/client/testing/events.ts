/** Short ways to say what a market did, for tests. */
import type { ExchangeName } from '../../model/exchange.ts';
import type { Candle, FeedState, OrderBook, Quote, Ticker, Trade } from '../../model/market-event.ts';

type Of<Event> = Partial<Omit<Event, 'type' | 'exchange' | 'symbol'>>;

const common = (exchange: ExchangeName, symbol: string) => ({
  offset: 0,
  exchange,
  symbol,
  exchangeTime: Date.now() - 20,
  receivedTime: Date.now() - 10,
});

export function trade(exchange: ExchangeName, symbol: string, id: string, fields: Of<Trade> = {}): Trade {
  return { type: 'trade', ...common(exchange, symbol), id, price: '100', size: '0.5', takerSide: 'buy', ...fields };
}

export function ticker(exchange: ExchangeName, symbol: string, last: string, fields: Of<Ticker> = {}): Ticker {
  return {
    type: 'ticker',
    ...common(exchange, symbol),
    last,
    open: null,
    high: null,
    low: null,
    volume: null,
    quoteVolume: null,
    change: null,
    changeRate: null,
    changeWindow: exchange === 'binance' ? 'rolling24h' : 'dayUtc',
    ...fields,
  };
}

export function quote(exchange: ExchangeName, symbol: string, bid: string, ask: string): Quote {
  return { type: 'quote', ...common(exchange, symbol), bid, bidSize: '1', ask, askSize: '1' };
}

export function orderBook(exchange: ExchangeName, symbol: string, bid: string, ask: string): OrderBook {
  return { type: 'orderBook', ...common(exchange, symbol), bids: [[bid, '1']], asks: [[ask, '1']] };
}

export function candle(exchange: ExchangeName, symbol: string, close: string, fields: Of<Candle> = {}): Candle {
  const bar = { open: close, high: close, low: close, close, volume: '1', quoteVolume: null };
  return {
    type: 'candle',
    ...common(exchange, symbol),
    interval: '1m',
    openTime: 1_790_000_040_000,
    ...bar,
    closed: false,
    ...fields,
  };
}

export function feed(
  exchange: ExchangeName,
  key: string,
  state: FeedState['state'],
  fields: Of<FeedState> = {},
): FeedState {
  const now = Date.now();
  return {
    type: 'feed',
    offset: 0,
    exchange,
    symbol: null,
    exchangeTime: null,
    receivedTime: now,
    key,
    state,
    since: now,
    reason: null,
    ...fields,
  };
}

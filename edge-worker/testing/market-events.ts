import type { MarketEvent } from '../../shared/model/market-event.ts';

const SYMBOLS = ['BTC/KRW', 'ETH/KRW', 'XRP/KRW'];

/**
 * The event with a given number in a made-up market: trades, tickers, quotes, order books in turn. The number can be
 * read back from what a consumer received.
 */
export function madeUpEvent(number: number): MarketEvent {
  const symbol = SYMBOLS[number % SYMBOLS.length]!;
  const common = { offset: 0, exchange: 'upbit', symbol, exchangeTime: number, receivedTime: number } as const;
  const text = String(number);
  switch (number % 4) {
    case 0:
      return { ...common, type: 'trade', id: text, price: text, size: '1', takerSide: 'buy' };
    case 1:
      return {
        ...common,
        type: 'ticker',
        last: text,
        open: null,
        high: null,
        low: null,
        volume: null,
        quoteVolume: null,
        change: null,
        changeRate: null,
        changeWindow: 'dayKst',
      };
    case 2:
      return { ...common, type: 'quote', bid: text, bidSize: '1', ask: text, askSize: '1' };
    default:
      return { ...common, type: 'orderBook', bids: [[text, '1']], asks: [[text, '2']] };
  }
}

export function madeUpFeed(since: number): MarketEvent {
  return {
    type: 'feed',
    offset: 0,
    exchange: 'upbit',
    symbol: null,
    exchangeTime: null,
    receivedTime: since,
    key: 'upbit-0',
    state: 'live',
    since,
    reason: null,
  };
}

import { describe, expect, it } from 'vitest';
import type { Candle, MarketEvent, OrderBook, Quote, Ticker, Trade } from '../../shared/model/market-event.ts';
import { findModelViolation } from './validation.ts';

const time = Date.UTC(2026, 10, 22);
const common = { offset: 0, exchange: 'upbit', symbol: 'BTC/KRW', exchangeTime: time, receivedTime: time + 1 } as const;
const trade: Trade = { type: 'trade', ...common, id: '1', price: '1.5', size: '2', takerSide: 'buy' };
const ticker: Ticker = {
  ...{ type: 'ticker', ...common, last: '1', open: null, high: null, low: null, volume: '0', quoteVolume: null },
  ...{ change: '-1', changeRate: '-0.5', changeWindow: 'dayUtc' },
};
const quote: Quote = { type: 'quote', ...common, bid: '9.9', bidSize: '1', ask: '10', askSize: '1' };
const book: OrderBook = { type: 'orderBook', ...common, bids: [['9.9', '1']], asks: [['10', '1']], sequence: '4' };
const candle: Candle = {
  ...{ type: 'candle', ...common, interval: '1m', openTime: time, open: '1', high: '1', low: '1', close: '1' },
  ...{ volume: '0', quoteVolume: null, closed: false },
};

describe('the rules of the model', () => {
  it.each([trade, ticker, quote, book, candle])('accepts a valid $type', event => {
    expect(findModelViolation(event)).toBeNull();
  });

  it('accepts empty books and one-sided quotes', () => {
    expect(findModelViolation({ ...book, bids: [], asks: [] })).toBeNull();
    expect(findModelViolation({ ...quote, bid: null, bidSize: null })).toBeNull();
  });

  it.each<[string, MarketEvent]>([
    ['receivedTime', { ...trade, receivedTime: 1_795_300_000 }],
    ['exchangeTime', { ...trade, exchangeTime: Number.NaN }],
    ['symbol', { ...trade, symbol: 'KRW-BTC' }],
    ['id', { ...trade, id: '1e3' }],
    ['price', { ...trade, price: '0' }],
    ['price', { ...trade, price: '1.50' }],
    ['price', { ...trade, price: '1e5' }],
    ['size', { ...trade, size: '-1' }],
    ['last', { ...ticker, last: '0' }],
    ['open', { ...ticker, open: '0' }],
    ['volume', { ...ticker, volume: '-1' }],
    ['change', { ...ticker, change: '-0' }],
    ['changeRate', { ...ticker, changeRate: '.5' }],
    ['half a bid', { ...quote, bid: null }],
    ['half an ask', { ...quote, askSize: null }],
    ['crossed', { ...quote, bid: '10' }],
    ['crossed', { ...book, asks: [['9.9', '1']] }],
    ['level', { ...book, asks: [['10', '0']] }],
    [
      'bids out of order',
      {
        ...book,
        bids: [
          ['9', '1'],
          ['9.5', '1'],
        ],
      },
    ],
    [
      'asks out of order',
      {
        ...book,
        asks: [
          ['10', '1'],
          ['10', '1'],
        ],
      },
    ],
    ['more than 15 levels', { ...book, asks: Array.from({ length: 16 }, (_, i) => [`${10 + i}`, '1'] as const) }],
    ['sequence', { ...book, sequence: '' }],
    ['high', { ...candle, high: '' }],
    ['openTime', { ...candle, openTime: candle.openTime + 1_000 }],
    ['high', { ...candle, close: '1.1' }],
    ['low', { ...candle, open: '0.9' }],
    ['closed', { ...candle, closed: undefined as never }],
  ])('finds a bad %s', (violation, event) => {
    expect(findModelViolation(event)).toBe(violation);
  });
});

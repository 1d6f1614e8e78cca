import { expect, test } from 'vitest';
import type { MarketEvent } from '../model/market-event.ts';
import { candle, feed, gap, orderBook, quote, ticker, trade } from '../model/testing/market-events.ts';
import { conflate } from './conflate.ts';

test('[CNF1] of several values of one key only the last is kept, in its own place', () => {
  const events = [
    ticker('A/KRW', { last: '1' }),
    trade(),
    ticker('B/KRW', { last: '1' }),
    ticker('A/KRW', { last: '2' }),
    trade(),
  ];
  expect(conflate(events)).toEqual([events[1], events[2], events[3], events[4]]);
});

test('[CNF1] trades, closed candles, gaps and feed states are never left out', () => {
  const events: MarketEvent[] = [
    trade('A/KRW', { id: '1' }),
    trade('A/KRW', { id: '1' }),
    candle('A/KRW', { openTime: 60_000, closed: true }),
    candle('A/KRW', { openTime: 60_000, closed: true }),
    gap('A/KRW'),
    gap('A/KRW'),
    feed('upbit-0', 'down'),
    feed('upbit-0', 'live'),
  ];
  expect(conflate(events)).toEqual(events);
});

test('[CNF1] type, exchange, symbol and a candle’s minute are each part of the key', () => {
  const events: MarketEvent[] = [
    ticker('A/KRW'),
    quote('A/KRW'),
    orderBook('A/KRW'),
    candle('A/KRW', { openTime: 60_000 }),
    candle('A/KRW', { openTime: 120_000 }),
    { ...ticker('A/KRW'), exchange: 'bithumb' },
    ticker('B/KRW'),
  ];
  expect(conflate(events)).toEqual(events);
});

test('[CNF1] an open candle is replaced by a later one of its minute, and stays beside the closed one', () => {
  const [early, late, closed] = [
    candle('A/KRW', { openTime: 60_000 }),
    candle('A/KRW', { openTime: 60_000 }),
    candle('A/KRW', { openTime: 60_000, closed: true }),
  ];
  expect(conflate([early, late, closed])).toEqual([late, closed]);
});

test('nothing becomes nothing', () => expect(conflate([])).toEqual([]));

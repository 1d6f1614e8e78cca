import { expect, test } from 'vitest';
import type { MarketEvent } from '../model/market-event.ts';
import { candle, feed, gap, orderBook, quote, ticker, trade } from '../model/testing/market-events.ts';
import { LatestState } from './latest-state.ts';

function stateOf(...events: readonly MarketEvent[]): LatestState {
  const state = new LatestState();
  for (const event of events) state.apply(event);
  return state;
}

test('[SNP1] the newest ticker, quote, order book and candle of an instrument and the state of a feed', () => {
  const [last, best, book, minute, link] = [
    ticker('A/KRW', { last: '2' }),
    quote(),
    orderBook(),
    candle(),
    feed('upbit-0', 'live'),
  ];
  const state = stateOf(ticker('A/KRW', { last: '1' }), last, best, book, minute, feed('upbit-0', 'down'), link);
  expect(state.events()).toEqual([last, best, book, minute, link]);
});

test('[SNP1] trades and gaps are moments, not state', () => {
  expect(stateOf(trade(), gap()).events()).toEqual([]);
});

test('[SNP1] feeds of two exchanges may have the same key', () => {
  const state = stateOf(feed('socket-0', 'live'), { ...feed('socket-0', 'down'), exchange: 'bithumb' });
  expect(state.size).toBe(2);
});

test('[SNP1] a minute that is closed after the next one has opened does not come back', () => {
  const [open, closed] = [candle('A/KRW', { openTime: 120_000 }), candle('A/KRW', { openTime: 60_000, closed: true })];
  expect(stateOf(open, closed).events()).toEqual([open]);
});

test('[CUT1] the lite cut has no order books', () => {
  expect(
    stateOf(ticker(), orderBook())
      .events('lite')
      .map(({ type }) => type),
  ).toEqual(['ticker']);
});

test('[SNP1] a snapshot replaces everything known before', () => {
  const state = stateOf(ticker('A/KRW'), ticker('B/KRW'));
  const only = quote('C/KRW');
  state.reset([only]);
  expect(state.events()).toEqual([only]);
});

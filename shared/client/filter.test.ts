import { describe, expect, it } from 'vitest';
import { EXCHANGES } from '../model/exchange.ts';
import { feed, ticker, trade } from '../model/testing/market-events.ts';
import { compileFilter, type Filter } from './filter.ts';

const BTC = ticker('BTC/KRW', { last: '1' });
const ETH = trade('ETH/USDT', { exchange: 'binance', id: '7' });
const FEED = feed('upbit-0', 'live');

function passing(filter: Filter): string[] {
  return [BTC, ETH, FEED].filter(compileFilter(filter)).map(event => event.type);
}

describe('a filter', () => {
  it('lets everything through where it says nothing', () => {
    expect(passing({})).toEqual(['ticker', 'trade', 'feed']);
  });

  it('lets nothing through for an empty list', () => {
    expect(passing({ exchanges: [] })).toEqual([]);
    expect(passing({ types: [] })).toEqual([]);
  });

  it('needs every field to agree', () => {
    expect(passing({ exchanges: ['upbit'], types: ['ticker', 'trade'] })).toEqual(['ticker']);
  });

  it('never hides a feed state behind a symbol', () => {
    expect(passing({ symbols: ['ETH/USDT'] })).toEqual(['trade', 'feed']);
  });

  it.each([
    [{ exchanges: ['upbitt'] }, `filter.exchanges has "upbitt", which is not one of ${EXCHANGES.join(', ')}`],
    [{ types: ['orderbook'] }, 'filter.types has "orderbook"'],
    [{ symbols: ['KRW-BTC'] }, 'written BASE/QUOTE in upper case'],
    [{ symbols: ['btc/krw'] }, 'written BASE/QUOTE in upper case'],
    [{ exchanges: 'upbit' }, 'filter.exchanges is a list'],
    [{ exchange: ['upbit'] }, 'a filter has no field "exchange"'],
    [null, 'a filter is an object'],
  ])('refuses %j in plain words', (filter, message) => {
    expect(() => compileFilter(filter as Filter)).toThrow(TypeError);
    expect(() => compileFilter(filter as Filter)).toThrow(message);
  });
});

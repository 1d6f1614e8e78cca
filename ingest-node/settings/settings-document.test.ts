import { describe, expect, test } from 'vitest';
import type { MarketEvent } from '../../shared/model/market-event.ts';
import { carriageOf, changeBetween, DEFAULT_SETTINGS, type Settings } from './settings.ts';
import { DocumentFaults, readSettings } from './settings-document.ts';

function read(document: unknown): { settings: Settings; faults: readonly string[] } {
  const faults = new DocumentFaults();
  const settings = readSettings(document, faults);
  return { settings, faults: faults.list() };
}

const event = (type: string, exchange: string, symbol: string | null) => ({ type, exchange, symbol }) as MarketEvent;

describe('a document', () => {
  test('replaces everything: what it leaves out is as by default', () => {
    expect(read({})).toEqual({ settings: DEFAULT_SETTINGS, faults: [] });
    const { settings, faults } = read({
      exchanges: { upbit: { markets: { only: ['ETH/KRW', 'BTC/KRW', 'ETH/KRW'] }, channels: { orderBook: false } } },
      switches: { kafka: false },
    });
    expect(faults).toEqual([]);
    expect(settings.exchanges.upbit).toEqual({
      enabled: true,
      markets: { only: ['BTC/KRW', 'ETH/KRW'] },
      channels: { trade: true, ticker: true, quote: true, orderBook: false, candle: true },
    });
    expect(settings.exchanges.binance).toEqual(DEFAULT_SETTINGS.exchanges.binance);
    expect(settings.switches).toEqual({ kafka: false, redis: true });
  });

  test('what it says is what is read again from its own text', () => {
    const { settings } = read({ exchanges: { coinone: { enabled: false, markets: { except: ['A/KRW'] } } } });
    expect(read(JSON.parse(JSON.stringify(settings)))).toEqual({ settings, faults: [] });
  });

  test('names every fault with its place, not only the first', () => {
    const { faults } = read({
      exchanges: {
        mtgox: {},
        upbit: { enabled: 'yes', markets: { only: ['KRW-BTC', 7], except: [] }, channels: { trades: true } },
        bithumb: { markets: { except: ['BTC', 'ETH/KRW'] }, channels: { trade: 1 } },
        binance: [],
        coinone: { markets: { only: 'BTC/KRW' } },
      },
      switches: { redis: null },
      colour: 'red',
    });
    expect(faults).toEqual([
      'settings: unknown field "colour"; known are exchanges, switches',
      'exchanges: unknown exchange "mtgox"; known are binance, upbit, bithumb, coinone',
      'exchanges.binance: [] is not an object',
      'exchanges.upbit.enabled: "yes" is neither true nor false',
      'exchanges.upbit.markets: {"only":["KRW-BTC",7],"except":[]} is neither "all" nor {"only": [symbols]} nor {"except": [symbols]}',
      'exchanges.upbit.channels: unknown field "trades"; known are trade, ticker, quote, orderBook, candle',
      'exchanges.bithumb.markets.except[0]: "BTC" is not a symbol like BTC/KRW',
      'exchanges.bithumb.channels.trade: 1 is neither true nor false',
      'exchanges.coinone.markets.only: "BTC/KRW" is not a list of at most 10000 symbols',
      'switches.redis: null is neither true nor false',
    ]);
  });

  test('of thousands of faults the first are told, and how many more there are', () => {
    const { faults } = read({ exchanges: { upbit: { markets: { only: Array(3_000).fill('x') } } } });
    expect(faults).toHaveLength(51);
    expect(faults.at(-1)).toBe('and 2950 more');
  });

  test.each([null, 'text', 5, [], true].map(value => [value]))('%j is none', value => {
    expect(read(value).faults).toHaveLength(1);
  });
});

describe('what is carried', () => {
  test('everything by default, and the state of feeds always', () => {
    const { carriesEvent } = carriageOf(DEFAULT_SETTINGS);
    for (const type of ['trade', 'ticker', 'quote', 'orderBook', 'candle', 'gap']) {
      expect(carriesEvent(event(type, 'upbit', 'BTC/KRW'))).toBe(true);
    }
    const { settings } = read({ exchanges: { upbit: { enabled: false } } });
    const off = carriageOf(settings);
    expect(off.carriesEvent(event('trade', 'upbit', 'BTC/KRW'))).toBe(false);
    expect(off.carriesEvent(event('feed', 'upbit', null))).toBe(true);
    expect(off.carriesEvent(event('trade', 'bithumb', 'BTC/KRW'))).toBe(true);
  });

  test('only some, all but some, and kinds of data; a gap goes with the trades', () => {
    const { settings } = read({
      exchanges: {
        upbit: { markets: { only: ['BTC/KRW'] }, channels: { trade: false } },
        bithumb: { markets: { except: ['BTC/KRW'] } },
      },
    });
    const { carriesEvent, carriesMarket } = carriageOf(settings);
    expect([carriesMarket('upbit', 'BTC/KRW'), carriesMarket('upbit', 'NEW/KRW')]).toEqual([true, false]);
    expect([carriesMarket('bithumb', 'BTC/KRW'), carriesMarket('bithumb', 'NEW/KRW')]).toEqual([false, true]);
    expect(carriesEvent(event('ticker', 'upbit', 'BTC/KRW'))).toBe(true);
    expect(carriesEvent(event('trade', 'upbit', 'BTC/KRW'))).toBe(false);
    expect(carriesEvent(event('gap', 'upbit', 'BTC/KRW'))).toBe(false);
  });

  test('a change names what is concerned, and nothing changed is no change', () => {
    const { settings } = read({ exchanges: { upbit: { enabled: false } }, switches: { redis: false } });
    expect(changeBetween(DEFAULT_SETTINGS, settings, 4)).toMatchObject({
      version: 4,
      exchanges: ['upbit'],
      switches: ['redis'],
    });
    expect(changeBetween(settings, read(settings).settings, 5)).toBeNull();
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { MarketEvent } from '../../shared/model/market-event.ts';
import { testInstrument } from '../../shared/model/testing/instruments.ts';
import { binance } from '../exchanges/binance.ts';
import { coinone } from '../exchanges/coinone.ts';
import type { ExchangeAdapter } from '../exchanges/exchange-adapter.ts';
import { upbit } from '../exchanges/upbit.ts';
import { ConverterService } from './converter-service.ts';

const start = Date.UTC(2026, 10, 22);
const [old, young] = [
  { feed: 'feed-0', isFirst: true },
  { feed: 'feed-0', isFirst: false },
];

type Bring = (order: number, price: number, source: typeof old, ms: number) => readonly MarketEvent[];

/** What is published of a state with this number or time, and this price in it, that a socket brings. */
function bringer(adapter: ExchangeAdapter, code: string, frame: (order: number, price: number) => string): Bring {
  const service = new ConverterService({ orderBookIntervalMs: 0 });
  const instruments = new Map([[code, testInstrument(adapter.exchange, code, 'BTC', 'KRW')]]);
  return (order, price, source, ms) => {
    const { events, isData } = service.convert(
      adapter,
      Buffer.from(frame(order, price)),
      start + ms,
      instruments,
      source,
    );
    expect(isData).toBe(true);
    return events;
  };
}

/** One of each kind that has an order, by what orders it. */
const KINDS: Record<string, () => Bring> = {
  'Binance books, by lastUpdateId': () =>
    bringer(
      binance,
      'BTCKRW',
      (order, price) =>
        `{"stream":"btckrw@depth20","data":{"lastUpdateId":${order},"bids":[["${price}","1"]],"asks":[["9999","1"]]}}`,
    ),
  'Binance quotes, by u': () =>
    bringer(
      binance,
      'BTCKRW',
      (order, price) =>
        `{"stream":"btckrw@bookTicker","data":{"u":${order},"s":"BTCKRW","b":"${price}","B":"1","a":"9999","A":"1"}}`,
    ),
  'Binance tickers, by E': () =>
    bringer(
      binance,
      'BTCKRW',
      (order, price) =>
        `{"stream":"btckrw@ticker","data":{"e":"24hrTicker","E":${start + order},"s":"BTCKRW","c":"${price}"}}`,
    ),
  'Upbit books and quotes, by timestamp': () =>
    bringer(
      upbit,
      'KRW-BTC',
      (order, price) =>
        `{"type":"orderbook","code":"KRW-BTC","timestamp":${start + order},"orderbook_units":[{"ask_price":9999,"bid_price":${price},"ask_size":1,"bid_size":1}]}`,
    ),
  // Its first frame after a subscription is stamped ten seconds in the past.
  'Coinone books and quotes, by id': () =>
    bringer(
      coinone,
      'KRW-BTC',
      (order, price) =>
        `{"response_type":"DATA","channel":"ORDERBOOK","data":{"quote_currency":"KRW","target_currency":"BTC","id":"17639000000000${order}","timestamp":${start - 10 * order},"asks":[{"price":"9999","qty":"1"}],"bids":[{"price":"${price}","qty":"1"}]}}`,
    ),
};

describe.each(Object.entries(KINDS))('%s', (_, createBringer) => {
  it('never go back while two sockets overlap', () => {
    const bring = createBringer();
    expect(bring(10, 1, old, 0)).not.toEqual([]);
    expect(bring(11, 2, young, 20)).not.toEqual([]);
    expect(bring(10, 3, old, 40)).toEqual([]);
    expect(bring(12, 4, old, 60)).not.toEqual([]);
    expect(bring(11, 5, young, 80)).toEqual([]);
    expect(bring(13, 6, young, 100)).not.toEqual([]);
  });

  it('do not go back when a socket that has just joined answers after a newer frame', () => {
    const bring = createBringer();
    expect(bring(11, 1, old, 0)).not.toEqual([]);
    expect(bring(10, 2, old, 30)).toEqual([]);
  });

  it('are taken at their socket’s word once it has joined: no clock and no sequence of an exchange holds them back', () => {
    const bring = createBringer();
    bring(10, 1, old, 0);
    expect(bring(99, 2, old, 5_000)).not.toEqual([]);
    expect(bring(11, 3, old, 5_100)).not.toEqual([]);
    expect(bring(12, 4, young, 5_200)).not.toEqual([]);
  });

  it('begin anew after a while, on whichever socket', () => {
    const bring = createBringer();
    bring(50, 1, old, 0);
    expect(bring(10, 2, young, 9_900)).toEqual([]);
    expect(bring(10, 3, young, 10_100)).not.toEqual([]);
  });
});

it('they begin anew after no socket has carried the market', () => {
  const service = new ConverterService();
  const instruments = new Map([['BTCKRW', testInstrument('binance', 'BTCKRW', 'BTC', 'KRW')]]);
  const quote = (u: number, bid: number) =>
    Buffer.from(
      `{"stream":"btckrw@bookTicker","data":{"u":${u},"s":"BTCKRW","b":"${bid}","B":"1","a":"9999","A":"1"}}`,
    );
  const bring = (u: number, bid: number, source: typeof old) =>
    service.convert(binance, quote(u, bid), start, instruments, source).events.length;
  expect([bring(11, 1, old), bring(10, 2, young)]).toEqual([1, 0]);
  service.interrupt('binance', ['BTC/KRW']);
  expect(bring(10, 2, young)).toBe(1);
  expect(service.counts().byExchange).toMatchObject([{ outdatedStates: 1, unchangedQuotes: 0 }]);
});

it('of two sockets in any interleaving, what is shown only goes forward and ends with the newest', () => {
  fc.assert(
    fc.property(fc.array(fc.boolean(), { minLength: 2, maxLength: 60 }), turns => {
      const bring = KINDS['Binance quotes, by u']!();
      const next = { old: 0, young: 0 };
      let shown = 0;
      for (const [index, isOld] of turns.entries()) {
        const order = isOld ? ++next.old : ++next.young;
        const [event] = bring(100 + order, order, isOld ? old : young, index * 10);
        if (event?.type !== 'quote') continue;
        expect(Number(event.bid)).toBeGreaterThan(shown);
        shown = Number(event.bid);
      }
      expect(shown).toBe(Math.max(next.old, next.young));
    }),
  );
});

import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { EXCHANGES, type ExchangeName } from '../../shared/model/exchange.ts';
import { testInstrument } from '../../shared/model/testing/instruments.ts';
import { findModelViolation } from '../conversion/validation.ts';
import { EXCHANGE_ADAPTERS } from './registry.ts';

const NOW = 1_785_397_735_004;
const NATIVE_CODES: Record<ExchangeName, string> = {
  binance: 'BTCUSDT',
  upbit: 'KRW-BTC',
  bithumb: 'KRW-BTC',
  coinone: 'KRW-BTC',
};
const instrumentOf = (exchange: ExchangeName) =>
  testInstrument(exchange, NATIVE_CODES[exchange], 'BTC', exchange === 'binance' ? 'USDT' : 'KRW');

/** Two trades each, newer last in time; composed from the exchanges' documentation. */
const PAGES: Record<ExchangeName, string> = {
  binance: `[{"id":28457,"price":"4.00000100","qty":"12.00000000","quoteQty":"48.000012","time":1785395041124,"isBuyerMaker":true,"isBestMatch":true},
    {"id":28458,"price":"4.1","qty":"1","quoteQty":"4.1","time":1785395041125,"isBuyerMaker":false,"isBestMatch":true}]`,
  upbit: `[{"market":"KRW-BTC","timestamp":1785395041124,"trade_price":91368000.0,"trade_volume":5.485e-05,"change_price":-56000.0,"ask_bid":"ASK","sequential_id":17853950411240001},
    {"market":"KRW-BTC","timestamp":1785395041124,"trade_price":91368000.0,"trade_volume":0.00010945,"change_price":-56000.0,"ask_bid":"BID","sequential_id":17853950411240000}]`,
  bithumb: `[{"market":"KRW-BTC","timestamp":1785397661964,"trade_price":9620,"trade_volume":10.07,"ask_bid":"ASK","sequential_id":17853976619640000},
    {"market":"KRW-BTC","timestamp":1785397661964,"trade_price":9620,"trade_volume":1,"ask_bid":"BID","sequential_id":17853976619640000}]`,
  coinone: `{"result":"success","error_code":"0","quote_currency":"KRW","target_currency":"BTC","transactions":[
    {"id":"1785397661964002","timestamp":1785397661964,"price":"9620","qty":"10.07","is_seller_maker":false},
    {"id":"1785397661964001","timestamp":1785397661964,"price":"9620.0","qty":"1","is_seller_maker":true}]}`,
};

const EXPECTED: Record<ExchangeName, readonly (readonly [id: string, price: string, size: string])[]> = {
  binance: [
    ['28457', '4.000001', '12'],
    ['28458', '4.1', '1'],
  ],
  upbit: [
    ['17853950411240001', '91368000', '0.00005485'],
    ['17853950411240000', '91368000', '0.00010945'],
  ],
  bithumb: [
    ['17853976619640000', '9620', '10.07'],
    ['17853976619640000', '9620', '1'],
  ],
  coinone: [
    ['1785397661964002', '9620', '10.07'],
    ['1785397661964001', '9620', '1'],
  ],
};

describe.each(EXCHANGES)('past trades of %s', exchange => {
  const { tradeHistory, limits } = EXCHANGE_ADAPTERS[exchange];
  const instrument = instrumentOf(exchange);
  const parse = (text: string) => tradeHistory.parse(Buffer.from(text), instrument, NOW);

  it('are read to the last digit, with the taker the right way round, marked as backfilled', () => {
    const page = parse(PAGES[exchange]);
    if (!page.ok) throw new Error(page.reason);
    expect(page.trades.map(({ id, price, size }) => [id, price, size])).toEqual(EXPECTED[exchange]);
    expect(page.trades.map(({ takerSide }) => takerSide)).toEqual(['sell', 'buy']);
    for (const trade of page.trades) {
      expect(trade).toMatchObject({ exchange, symbol: instrument.symbol, receivedTime: NOW, backfilled: true });
      expect(findModelViolation(trade)).toBeNull();
    }
  });

  it('are refused as a whole when one of them is not understood', () => {
    for (const key of PAGES[exchange].matchAll(
      /"(?:id|price|qty|time|timestamp|trade_price|trade_volume|sequential_id)":/g,
    )) {
      const at = key.index + key[0].length;
      const spoilt = `${PAGES[exchange].slice(0, at)}[],"x":${PAGES[exchange].slice(at)}`;
      expect(parse(spoilt), spoilt).toMatchObject({ ok: false });
    }
    for (const text of [
      '',
      '{}',
      'null',
      '[1]',
      '[{}]',
      '<html>',
      '{"error":{"name":404,"message":"Code not found"}}',
    ]) {
      expect(parse(text), text).toMatchObject({ ok: false });
    }
  });

  it('are asked for within a limit that is declared', () => {
    const limit = limits.rest[tradeHistory.limit.group];
    if (limit === undefined) throw new Error('no limit');
    expect(tradeHistory.limit.weight).toBeLessThanOrEqual(limit.weight / 8);
    expect(tradeHistory.path(instrument, null, 0)).toMatch(/^\/.*BTC/);
    if (tradeHistory.ids === 'contiguous') expect(tradeHistory.path(instrument, '17', 0)).toContain('fromId=17');
  });
});

it.each([
  ['upbit', 'days_ago'],
  ['bithumb', 'daysAgo'],
] as const)('earlier days of %s are asked for by %s, page by page', (exchange, key) => {
  const { path, days } = EXCHANGE_ADAPTERS[exchange].tradeHistory;
  const market = '/v1/trades/ticks?market=KRW-BTC&count=500';
  expect(path(instrumentOf(exchange), null, 0)).toBe(market);
  expect(path(instrumentOf(exchange), null, 2)).toBe(`${market}&${key}=2`);
  expect(path(instrumentOf(exchange), '17', 2)).toBe(`${market}&${key}=2&cursor=17`);
  expect(days?.earlier).toBe(7);
});

it('an error that Bithumb sends with HTTP 200 says its own status', () => {
  const parse = (text: string) =>
    EXCHANGE_ADAPTERS.bithumb.tradeHistory.parse(Buffer.from(text), instrumentOf('bithumb'), NOW);
  expect(parse('{"error":{"name":404,"message":"Code not found"}}')).toMatchObject({ ok: false, status: 404 });
  for (const text of ['{"error":{"name":"no"}}', '{"error":{}}', '{"error":404}', '{}', '[{}]']) {
    const page = parse(text);
    expect([page.ok, 'status' in page], text).toEqual([false, false]);
  }
});

it('runs of Binance trades are read to the last digit where one stands alone, and refused where a row is not understood', () => {
  const { runs } = EXCHANGE_ADAPTERS.binance.tradeHistory;
  if (runs === undefined) throw new Error('no runs');
  const row = (ids: string) =>
    `{"a":26129,"p":"0.01633102","q":"4.70443515",${ids},"T":1785395041124,"m":true,"M":true}`;
  const parse = (text: string) => runs.parse(Buffer.from(text), instrumentOf('binance'), NOW);
  const page = parse(`[${row('"f":27781,"l":27781')},${row('"f":27782,"l":27785')}]`);
  if (!page.ok) throw new Error(page.reason);
  expect(page.runs.map(({ first, last }) => [first, last])).toEqual([
    [27781n, 27781n],
    [27782n, 27785n],
  ]);
  const [alone, together] = page.runs.map(({ trade }) => trade);
  const said = { id: '27781', price: '0.01633102', size: '4.70443515', takerSide: 'sell', exchangeTime: 1785395041124 };
  expect([alone, together]).toEqual([expect.objectContaining({ ...said, backfilled: true }), null]);
  for (const text of [
    '{}',
    '[1]',
    '<html>',
    `[${row('"f":5,"l":4')}]`,
    `[${row('"f":"x","l":4')}]`,
    `[${row('"l":4')}]`,
  ]) {
    expect(parse(text), text).toMatchObject({ ok: false });
  }
  expect(runs.path(instrumentOf('binance'), 1785395041124.5)).toContain('&startTime=1785395041124');
});

it('the newest trades of all Binance symbols come from one list', () => {
  const newest = EXCHANGE_ADAPTERS.binance.tradeHistory.newest;
  const rows = '[{"symbol":"BTCUSDT","lastId":5000000000},{"symbol":"NEWUSDT","lastId":-1},{"lastId":3},7]';
  expect(newest?.parse(Buffer.from(rows))).toEqual(new Map([['BTCUSDT', '5000000000']]));
  expect(newest?.parse(Buffer.from('{"code":-1003,"msg":"Too many requests."}'))).toBeNull();
});

const captures = new URL('../../../shared/data/frames/', import.meta.url);

describe.skipIf(!existsSync(captures))(
  'captured pages (skipped where no collection of them lies next to the repository)',
  () => {
    it.each(['binance', 'upbit', 'bithumb'] as const)('%s', exchange => {
      const lines = readFileSync(new URL(`${exchange}/rest_trades.ndjson`, captures), 'utf8')
        .trim()
        .split('\n');
      let read = 0;
      for (const line of lines) {
        const { raw } = JSON.parse(line) as { raw: string };
        // An old sample of Upbit's documentation has no ids: that page is refused, not half read.
        const page = EXCHANGE_ADAPTERS[exchange].tradeHistory.parse(Buffer.from(raw), instrumentOf(exchange), NOW);
        expect(page.ok, raw.slice(0, 120)).toBe(exchange === 'binance' || raw.includes('sequential_id'));
        if (page.ok) read += page.trades.length;
      }
      expect(read).toBeGreaterThan(1);
    });
  },
);

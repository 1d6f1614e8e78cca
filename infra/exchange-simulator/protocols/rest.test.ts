import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Simulator, startSimulator } from '../simulator.ts';
import { member, parseExact } from '../testing/exact-json.ts';

let simulator: Simulator;

beforeAll(async () => {
  simulator = await startSimulator({ instruments: 60, eventsPerSecond: 200, seed: 3 });
});
afterAll(() => simulator.stop());

type Row = Record<string, unknown>;

async function get(path: string): Promise<{ status: number; headers: Headers; text: string; body: unknown }> {
  const response = await fetch(`${simulator.url}${path}`);
  const text = await response.text();
  const isJson = response.headers.get('content-type')?.includes('json') === true;
  return { status: response.status, headers: response.headers, text, body: isJson ? JSON.parse(text) : null };
}

async function rows(path: string): Promise<Row[]> {
  const { status, body } = await get(path);
  expect(status).toBe(200);
  return body as Row[];
}

describe('binance over REST', () => {
  it('lists symbols with the steps its prices and sizes keep', async () => {
    const info = (await get('/binance/api/v3/exchangeInfo')).body as { symbols: Row[] };
    expect(info.symbols).toHaveLength(simulator.market.listed('binance').length);
    expect(info.symbols[0]).toMatchObject({
      symbol: 'BTCUSDT',
      baseAsset: 'BTC',
      quoteAsset: 'USDT',
      status: 'TRADING',
    });
    const two = (await get(`/binance/api/v3/exchangeInfo?symbols=${encodeURIComponent('["ETHUSDT","BTCUSDT"]')}`)).body;
    expect((two as { symbols: Row[] }).symbols.map(symbol => symbol['symbol'])).toEqual(['ETHUSDT', 'BTCUSDT']);
  });

  it('pages trades by id without holes, the same ones the truth holds', async () => {
    const truth = simulator.truth.trades({ exchange: 'binance', symbol: 'BTC/USDT' });
    const first = truth[0]!;
    const page = await rows(`/binance/api/v3/historicalTrades?symbol=BTCUSDT&fromId=${first.id}&limit=20`);
    expect(page.map(row => String(row['id']))).toEqual(truth.slice(0, 20).map(trade => trade.id));
    expect(page.map(row => Number(row['price']))).toEqual(truth.slice(0, 20).map(trade => Number(trade.price)));
    expect(page.map(row => row['isBuyerMaker'])).toEqual(truth.slice(0, 20).map(trade => trade.takerSide === 'sell'));
    expect(await rows('/binance/api/v3/trades?symbol=BTCUSDT&limit=3')).toHaveLength(3);
    const aggregate = await rows(`/binance/api/v3/aggTrades?symbol=BTCUSDT&fromId=${first.aggregateId}&limit=5`);
    expect(aggregate[0]).toMatchObject({ a: Number(first.aggregateId), f: Number(first.id) });
  });

  it('answers tickers, minutes, time and ping', async () => {
    expect((await get('/binance/api/v3/ticker/24hr?symbol=ETHUSDT')).body).toMatchObject({ symbol: 'ETHUSDT' });
    expect((await rows('/binance/api/v3/ticker/24hr')).length).toBe(simulator.market.listed('binance').length);
    const klines = (await get('/binance/api/v3/klines?symbol=BTCUSDT&interval=1m&limit=30')).body as number[][];
    expect(klines).toHaveLength(30);
    expect(klines.map(kline => kline[0]! - klines[0]![0]!)).toEqual(klines.map((_, index) => index * 60_000));
    expect((await get('/binance/api/v3/time')).body).toHaveProperty('serverTime');
    expect((await get('/binance/api/v3/ping')).body).toEqual({});
  });

  it('refuses what it does not know', async () => {
    const unknown = await get('/binance/api/v3/depth?symbol=NOPE');
    expect([unknown.status, unknown.body]).toEqual([400, { code: -1121, msg: 'Invalid symbol.' }]);
    expect((await get('/binance/api/v3/depth')).body).toMatchObject({ code: -1102 });
    expect((await get('/binance/api/v3/trades?symbol=BTCUSDT&limit=x')).body).toMatchObject({ code: -1100 });
    expect((await get('/binance/api/v3/nope')).status).toBe(404);
    expect((await fetch(`${simulator.url}/binance/api/v3/ping`, { method: 'POST' })).status).toBe(405);
  });
});

describe('upbit over REST', () => {
  it('lists markets with Korean names and cautions', async () => {
    const markets = await rows('/upbit/v1/market/all?is_details=true');
    expect(markets[0]).toMatchObject({ market: 'KRW-BTC', korean_name: '비트코인', english_name: 'Bitcoin' });
    expect(markets[0]).toHaveProperty('market_event.caution.GLOBAL_PRICE_DIFFERENCES', false);
    expect(Object.keys((await rows('/upbit/v1/market/all'))[0]!)).toEqual(['market', 'korean_name', 'english_name']);
  });

  it('tells tick sizes, tickers and books', async () => {
    const [instrument] = await rows('/upbit/v1/orderbook/instruments?markets=KRW-BTC');
    expect(instrument).toMatchObject({ market: 'KRW-BTC', quote_currency: 'KRW', tick_size: '1000' });
    const ticker = await get('/upbit/v1/ticker?markets=KRW-BTC,krw-eth');
    expect((ticker.body as Row[]).map(row => row['market'])).toEqual(['KRW-BTC', 'KRW-ETH']);
    expect(ticker.headers.get('remaining-req')).toBe('group=ticker; min=600; sec=9');
    const all = await rows('/upbit/v1/ticker/all?quote_currencies=KRW');
    expect(all.every(row => String(row['market']).startsWith('KRW-'))).toBe(true);
    const [book] = await rows('/upbit/v1/orderbook?markets=KRW-BTC&count=3');
    expect(book!['orderbook_units']).toHaveLength(3);
    expect(await rows('/upbit/v1/candles/minutes/1?market=KRW-BTC&count=5')).toHaveLength(5);
  });

  it('walks trades back by their exact id', async () => {
    const page = parseExact((await get('/upbit/v1/trades/ticks?market=KRW-BTC&count=10')).text) as unknown[];
    const ids = page.map(row => String(member(row, 'sequential_id')));
    expect([...ids].sort().reverse()).toEqual(ids);
    const older = parseExact(
      (await get(`/upbit/v1/trades/ticks?market=KRW-BTC&count=3&cursor=${ids[4]}`)).text,
    ) as unknown[];
    expect(older.map(row => member(row, 'sequential_id'))).toEqual(ids.slice(5, 8));
    const truth = new Map(simulator.truth.trades('upbit').map(trade => [trade.id, trade]));
    expect(ids.every(id => truth.has(id))).toBe(true);
  });

  it('answers errors in its own words', async () => {
    const unknown = await get('/upbit/v1/ticker?markets=KRW-BTC,KRW-NOPE');
    expect([unknown.status, unknown.text]).toEqual([404, '{"error":{"name":404,"message":"Code not found"}}']);
    expect((await get('/upbit/v1/ticker')).status).toBe(400);
    expect((await get('/upbit/v1/trades/ticks?market=KRW-BTC&cursor=x')).status).toBe(400);
    expect((await get('/upbit/v1/nope')).body).toMatchObject({ error: { name: 'not_found' } });
  });
});

describe('bithumb over REST', () => {
  it('lists markets and warnings', async () => {
    const markets = await rows('/bithumb/v1/market/all?isDetails=true');
    expect(markets[0]).toEqual({
      market: 'KRW-BTC',
      korean_name: '비트코인',
      english_name: 'Bitcoin',
      market_warning: 'NONE',
    });
    expect(await rows('/bithumb/v1/market/virtual_asset_warning')).toHaveLength(1);
  });

  it('has ticker times nine hours ahead, books of 30 or 15 units and ids that repeat', async () => {
    const [ticker] = await rows('/bithumb/v1/ticker?markets=KRW-BTC');
    expect(Number(ticker!['timestamp']) - Date.now()).toBeGreaterThan(8.9 * 3_600_000);
    const [alone] = await rows('/bithumb/v1/orderbook?markets=KRW-BTC');
    const [one] = await rows('/bithumb/v1/orderbook?markets=KRW-BTC,KRW-ETH');
    expect([alone!['orderbook_units'], one!['orderbook_units']].map(units => (units as []).length)).toEqual([30, 15]);
    const page = parseExact((await get('/bithumb/v1/trades/ticks?market=KRW-BTC&count=100')).text) as unknown[];
    const ids = page.map(row => String(member(row, 'sequential_id')));
    expect(ids.every(id => /^\d{13}0000$/.test(id))).toBe(true);
    expect(new Set(ids).size).toBeLessThan(ids.length);
  });

  it('reports errors in the body of a 200', async () => {
    const unknown = await get('/bithumb/v1/ticker?markets=KRW-NOPE');
    expect([unknown.status, unknown.text]).toEqual([200, '{"error":{"name":404,"message":"Code not found"}}']);
    const many = Array.from({ length: 201 }, () => 'KRW-BTC').join(',');
    expect((await get(`/bithumb/v1/ticker?markets=${many}`)).status).toBe(400);
    expect((await get('/bithumb/v1/nope')).status).toBe(404);
  });
});

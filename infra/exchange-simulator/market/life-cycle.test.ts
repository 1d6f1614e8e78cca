import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Simulator, startSimulator } from '../simulator.ts';
import { type SocketProbe, SocketProbes } from '../testing/socket-probe.ts';
import type { MarketChange } from './life-cycle.ts';

let simulator: Simulator;
const probes = new SocketProbes();

beforeEach(async () => {
  simulator = await startSimulator({ instruments: 20, eventsPerSecond: 1_500, seed: 13, enforceLimits: false });
  simulator.clock.run(4);
});
afterEach(async () => {
  probes.end();
  await simulator.stop();
});

type Row = Record<string, unknown>;

async function change(body: MarketChange): Promise<void> {
  const response = await fetch(`${simulator.url}/control/market`, { method: 'POST', body: JSON.stringify(body) });
  expect([response.status, await response.text()]).toEqual([200, '{"ok":true}']);
}

async function get(path: string): Promise<unknown> {
  return (await fetch(`${simulator.url}${path}`)).json();
}

const codes = async (exchange: 'upbit' | 'bithumb'): Promise<unknown[]> =>
  ((await get(`/${exchange}/v1/market/all`)) as Row[]).map(row => row['market']);

const statusOf = async (symbol: string): Promise<unknown> =>
  ((await get('/binance/api/v3/exchangeInfo')) as { symbols: Row[] }).symbols.find(row => row['symbol'] === symbol)?.[
    'status'
  ];

async function subscribe(exchange: 'upbit' | 'bithumb', type: string, code: string): Promise<SocketProbe> {
  const probe = await probes.open(`${simulator.url}/${exchange}/websocket/v1`);
  probe.send([{ ticket: 't' }, { type, codes: [code] }]);
  return probe;
}

/** Until the market of Bitcoin has moved on by several trades. */
async function others(): Promise<void> {
  const probe = await probes.open(`${simulator.url}/binance/ws/btcusdt@trade`);
  await probe.take(10);
}

describe('the life cycle of a market', () => {
  it.each(['upbit', 'bithumb'] as const)('begins with a row and a stream at %s', async exchange => {
    await change({ change: 'list', exchange, symbol: 'NEWCOIN/KRW', usd: 3 });
    expect(await codes(exchange)).toContain('KRW-NEWCOIN');
    const probe = await subscribe(exchange, 'ticker', 'KRW-NEWCOIN');
    await probe.frame(text => text.includes('REALTIME'));
    const truth = simulator.truth.trades({ exchange, symbol: 'NEWCOIN/KRW' });
    expect(truth[0]!.id).toBeDefined();
  });

  it('begins for a stream that was waiting for it at Binance, with a book that can be built', async () => {
    const probe = await probes.open(`${simulator.url}/binance/ws/newcoinusdt@depth@100ms`);
    await change({ change: 'list', exchange: 'binance', symbol: 'NEWCOIN/USDT', usd: 3 });
    expect(await statusOf('NEWCOINUSDT')).toBe('TRADING');
    const snapshot = (await get('/binance/api/v3/depth?symbol=NEWCOINUSDT')) as {
      lastUpdateId: number;
      bids: unknown[];
    };
    expect(snapshot.bids.length).toBeGreaterThan(10);
    await probe.until(() => {
      const events = probe.frames.map(({ text }) => JSON.parse(text) as { U: number; u: number });
      return events.some(({ U, u }) => U <= snapshot.lastUpdateId + 1 && u > snapshot.lastUpdateId);
    });
  });

  it('ends with the row gone and the stream silent', async () => {
    const probe = await subscribe('upbit', 'trade', 'KRW-ETH');
    await probe.take(3);
    expect(simulator.lifeCycle.apply({ change: 'delist', exchange: 'upbit', symbol: 'ETH/KRW' })).toBeNull();
    const lastId = (): string => simulator.truth.trades({ exchange: 'upbit', symbol: 'ETH/KRW' }).at(-1)!.id;
    const last = lastId();
    await others();
    expect(lastId()).toBe(last);
    expect(probe.frames.at(-1)!.text).toContain(`"sequential_id":${last}`);
    expect(await codes('upbit')).not.toContain('KRW-ETH');
    expect(await get('/upbit/v1/ticker?markets=KRW-ETH')).toMatchObject({ error: { name: 404 } });
    await change({ change: 'delist', exchange: 'binance', symbol: 'ETH/USDT' });
    expect(await statusOf('ETHUSDT')).toBeUndefined();
    expect(await get('/binance/api/v3/depth?symbol=ETHUSDT')).toMatchObject({ code: -1121 });
  });

  it.each(['upbit', 'bithumb'] as const)(
    'may be told to end on a day, and trades on until then, at %s',
    async exchange => {
      await change({ change: 'announce', exchange, symbol: 'BTC/KRW', date: '2026-12-31' });
      const probe = await subscribe(exchange, 'ticker', 'KRW-BTC');
      for (const text of await probe.take(4)) {
        expect(JSON.parse(text)).toMatchObject({ code: 'KRW-BTC', delisting_date: '2026-12-31' });
      }
      expect(await codes(exchange)).toContain('KRW-BTC');
    },
  );

  it('may pause: Binance shows a status, Upbit and Bithumb leave the row out', async () => {
    await change({ change: 'halt', exchange: 'binance', symbol: 'BTC/USDT', status: 'BREAK' });
    await change({ change: 'halt', exchange: 'bithumb', symbol: 'BTC/KRW' });
    expect(await statusOf('BTCUSDT')).toBe('BREAK');
    expect(await codes('bithumb')).not.toContain('KRW-BTC');
    const trades = (): number => simulator.truth.trades({ exchange: 'binance', symbol: 'BTC/USDT' }).length;
    const before = trades();
    await (await subscribe('upbit', 'trade', 'KRW-BTC')).take(5);
    expect(trades()).toBe(before);
    await change({ change: 'resume', exchange: 'binance', symbol: 'BTC/USDT' });
    expect(await statusOf('BTCUSDT')).toBe('TRADING');
    await others();
  });

  it('may go on under another name, at the same price', async () => {
    const old = Number(simulator.truth.ticker('upbit', 'XRP/KRW')!.last);
    await change({ change: 'rename', exchange: 'upbit', symbol: 'XRP/KRW', to: 'XRPL/KRW' });
    expect(await codes('upbit')).toEqual(expect.arrayContaining(['KRW-XRPL']));
    expect(await codes('upbit')).not.toContain('KRW-XRP');
    const probe = await subscribe('upbit', 'trade', 'KRW-XRPL');
    const { trade_price } = JSON.parse(await probe.frame(text => text.includes('REALTIME'))) as { trade_price: number };
    expect(Math.abs(trade_price / old - 1)).toBeLessThan(0.02);
  });

  it('may begin without a single trade: no ticker, an empty list, but a book', async () => {
    await change({ change: 'list', exchange: 'upbit', symbol: 'STILL/KRW', quiet: true });
    await change({ change: 'list', exchange: 'binance', symbol: 'STILL/USDT', quiet: true });
    const probe = await probes.open(`${simulator.url}/upbit/websocket/v1`);
    const codesOf = ['KRW-STILL'];
    probe.send([
      { ticket: 't' },
      { type: 'trade', codes: codesOf },
      { type: 'ticker', codes: codesOf },
      { type: 'orderbook', codes: codesOf },
    ]);
    await probe.take(2);
    expect(probe.frames.every(({ text }) => text.includes('"orderbook"'))).toBe(true);
    expect(await get('/upbit/v1/trades/ticks?market=KRW-STILL&count=5')).toEqual([]);
    expect(await get('/binance/api/v3/trades?symbol=STILLUSDT')).toEqual([]);
    expect(await get('/binance/api/v3/ticker/24hr?symbol=STILLUSDT')).toMatchObject({ count: 0, firstId: -1 });
    expect(simulator.truth.candles({ exchange: 'upbit', symbol: 'STILL/KRW' })).toEqual([]);
  });

  it('may show one half of a book, or for a moment a crossed one', async () => {
    const probe = await subscribe('upbit', 'orderbook', 'KRW-BTC');
    type Book = { orderbook_units: { ask_price: number; bid_price: number }[] };
    const best = (text: string): Book['orderbook_units'][number] => (JSON.parse(text) as Book).orderbook_units[0]!;
    await probe.take(2);
    await change({ change: 'oneSided', exchange: 'upbit', symbol: 'BTC/KRW', empty: 'ask' });
    await probe.frame(text => best(text).ask_price === 0 && best(text).bid_price > 0);
    expect(simulator.truth.book('upbit', 'BTC/KRW')!.asks).toEqual([]);
    await others();
    const from = probe.frames.length;
    await change({ change: 'resume', exchange: 'upbit', symbol: 'BTC/KRW' });
    await probe.frame(text => best(text).ask_price > best(text).bid_price, from);
    const crossedFrom = probe.frames.length;
    await change({ change: 'cross', exchange: 'upbit', symbol: 'BTC/KRW' });
    await probe.frame(text => best(text).bid_price > best(text).ask_price, crossedFrom);
    await probe.frame(text => best(text).ask_price > best(text).bid_price, probe.frames.length);
  });

  it('may change its price step, and every price obeys', async () => {
    const tickOf = async (): Promise<number> => {
      const { symbols } = (await get('/binance/api/v3/exchangeInfo?symbol=BTCUSDT')) as {
        symbols: { filters: { tickSize: string }[] }[];
      };
      return Number(symbols[0]!.filters[0]!.tickSize);
    };
    const before = await tickOf();
    await change({ change: 'tick', exchange: 'binance', symbol: 'BTC/USDT', factor: 100 });
    expect(await tickOf()).toBeCloseTo(before * 100, 8);
    const probe = await probes.open(`${simulator.url}/binance/ws/btcusdt@trade`);
    for (const text of await probe.take(10)) {
      const steps = Number((JSON.parse(text) as { p: string }).p) / (before * 100);
      expect(Math.abs(steps - Math.round(steps))).toBeLessThan(1e-6);
    }
  });

  it('answers nonsense with what is wrong', async () => {
    const wrong = async (body: unknown): Promise<unknown> => {
      const response = await fetch(`${simulator.url}/control/market`, { method: 'POST', body: JSON.stringify(body) });
      expect(response.status).toBe(400);
      return ((await response.json()) as Row)['error'];
    };
    expect(await wrong({ change: 'explode' })).toContain('change must be one of list, announce, delist');
    expect(await wrong({ change: 'delist', exchange: 'upbit', symbol: 'NOPE/KRW' })).toBe(
      'upbit does not list NOPE/KRW',
    );
    expect(await wrong({ change: 'list', exchange: 'upbit', symbol: 'BTC/KRW' })).toBe('upbit lists BTC/KRW already');
    expect(await wrong({ change: 'tick', exchange: 'upbit', symbol: 'BTC/KRW' })).toContain('tick needs factor');
  });
});

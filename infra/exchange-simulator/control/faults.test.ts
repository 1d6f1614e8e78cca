import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { EXCHANGES } from '../market/instruments.ts';
import { type Simulator, startSimulator } from '../simulator.ts';
import { SocketProbe, SocketProbes } from '../testing/socket-probe.ts';
import type { TruthTrade } from '../truth-log.ts';
import { readFault } from './read-fault.ts';

let simulator: Simulator;
const probes = new SocketProbes();

beforeEach(async () => {
  simulator = await startSimulator({ instruments: 30, eventsPerSecond: 2_000, seed: 11 });
});

afterEach(async () => {
  probes.end();
  await simulator.stop();
});

const SUBSCRIBE = [{ ticket: 't' }, { type: 'trade', codes: ['KRW-BTC', 'KRW-ETH'] }];

async function open(path: string, subscribe?: unknown): Promise<SocketProbe> {
  const probe = await probes.open(`${simulator.url}${path}`);
  if (subscribe !== undefined) {
    probe.send(subscribe);
    await probe.take(1);
  }
  return probe;
}

const openUpbit = (): Promise<SocketProbe> => open('/upbit/websocket/v1', SUBSCRIBE);

async function order(body: unknown): Promise<{ status: number; body: unknown }> {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const response = await fetch(`${simulator.url}/control/faults`, { method: 'POST', body: text });
  return { status: response.status, body: await response.json() };
}

describe('faults on demand', () => {
  it('drop one or all sockets of an exchange without a close frame', async () => {
    const [first, second] = [await openUpbit(), await openUpbit()];
    const other = await open('/binance/ws/btcusdt@trade');
    expect(await order({ fault: 'drop', exchange: 'upbit', count: 1 })).toMatchObject({ body: { struck: 1 } });
    expect(await first.closed).toBe(1006);
    expect(simulator.faults.inject({ fault: 'drop', exchange: 'upbit' }).struck).toBe(1);
    expect(await second.closed).toBe(1006);
    expect(other.socket.readyState).toBe(other.socket.OPEN);
  });

  it('stall sockets: open, but silent even to a PING, and the frames of that time are gone', async () => {
    const probe = await openUpbit();
    await order({ fault: 'stall', exchange: 'upbit', ms: 60_000 });
    let pongs = 0;
    probe.socket.on('pong', () => {
      pongs += 1;
    });
    probe.socket.ping();
    const before = simulator.truth.lastIndex;
    const other = await open('/binance/ws/btcusdt@trade');
    await other.take(5);
    const framesAtStall = probe.frames.length;
    const missed = simulator.truth.trades({ exchange: 'upbit', symbol: 'BTC/KRW', afterIndex: before });
    expect(missed.every(trade => trade.deliveries === 0)).toBe(true);
    expect(simulator.stats().exchanges.upbit.framesHeld).toBeGreaterThan(0);
    expect([pongs, probe.socket.readyState]).toEqual([0, probe.socket.OPEN]);
    await order({ fault: 'clear' });
    await probe.until(() => probe.frames.length > framesAtStall);
  });

  it('lose or refuse what subscribes, once or to one instrument', async () => {
    const probe = await open('/binance/ws');
    const ask = (id: number, ...params: string[]) => probe.send({ method: 'SUBSCRIBE', params, id });
    const answer = (id: number) => probe.frame(text => text.includes(`"id":${id}}`));
    await order({ fault: 'failSubscribe', exchange: 'binance', how: 'lose' });
    await order({ fault: 'failSubscribe', exchange: 'binance', how: 'refuse', code: 'ETHUSDT', count: 2 });
    ask(1, 'btcusdt@trade');
    ask(2, 'btcusdt@trade', 'ethusdt@trade');
    expect(await answer(2)).toBe('{"error":{"code":2,"msg":"Invalid request: invalid stream"},"id":2}');
    expect(simulator.stats().exchanges.binance.sockets[0]?.subscriptions).toEqual({});
    ask(3, 'btcusdt@trade');
    expect(await answer(3)).toBe('{"result":null,"id":3}');
    await order({ fault: 'clear' });
    ask(4, 'ethusdt@trade');
    expect(await answer(4)).toBe('{"result":null,"id":4}');
    expect(probe.frames.some(({ text }) => text.includes('"id":1}'))).toBe(false);
  });

  it.each(['upbit', 'bithumb'] as const)('%s: lose a list, or refuse it and close', async exchange => {
    const probe = await open(`/${exchange}/websocket/v1`);
    await order({ fault: 'failSubscribe', exchange, how: 'lose', code: 'KRW-ETH' });
    await order({ fault: 'failSubscribe', exchange, how: 'refuse' });
    probe.send(SUBSCRIBE);
    probe.send(SUBSCRIBE);
    expect(await probe.frame(text => text.includes('error'))).toContain('WRONG_FORMAT');
    expect(await probe.closed).toBe(1000);
    expect(probe.frames).toHaveLength(1);
  });

  it('coinone: lose a subscription, or refuse it without an acknowledgement', async () => {
    const probe = await open('/coinone');
    const ask = (channel: string) =>
      probe.send({
        request_type: 'SUBSCRIBE',
        channel,
        topic: { quote_currency: 'KRW', target_currency: 'BTC' },
      });
    await order({ fault: 'failSubscribe', exchange: 'coinone', how: 'lose', code: 'KRW-BTC' });
    await order({ fault: 'failSubscribe', exchange: 'coinone', how: 'refuse' });
    ask('ORDERBOOK');
    ask('TICKER');
    ask('TRADE');
    expect(await probe.frame(text => text.includes('SUBSCRIBED'))).toContain('"channel":"TRADE"');
    expect(probe.frames.filter(({ text }) => text.includes('160010'))).toHaveLength(1);
    expect(simulator.stats().exchanges.coinone.sockets[0]?.subscriptions).toEqual({ TRADE: 1 });
  });

  it('send an error frame and close', async () => {
    const probe = await openUpbit();
    await order({ fault: 'errorFrame', exchange: 'upbit', name: 'TOO_MANY_REQUEST' });
    expect(await probe.frame(text => text.includes('error'))).toContain('"name":"TOO_MANY_REQUEST"');
    expect(await probe.closed).toBe(1000);
  });

  it('announce a shutdown in the shape of each connection, then close', async () => {
    const combined = await open('/binance/stream?streams=btcusdt@trade');
    const raw = await open('/binance/ws/btcusdt@trade');
    await order({ fault: 'serverShutdown', closeAfterMs: 20 });
    const wrapped = JSON.parse(await combined.frame(text => text.includes('serverShutdown')));
    expect(wrapped).toMatchObject({ stream: '!serverShutdown', data: { e: 'serverShutdown' } });
    expect(JSON.parse(await raw.frame(text => text.includes('serverShutdown')))).toMatchObject({ e: 'serverShutdown' });
    expect(await combined.closed).toBe(1001);
  });

  it('refuse new sockets and calls with a proxy error page, or by hanging up', async () => {
    await order({ fault: 'refuse', exchange: 'bithumb', ms: 60_000 });
    const page = await fetch(`${simulator.url}/bithumb/v1/market/all`);
    expect([page.status, (await page.text()).slice(0, 6)]).toEqual([503, '<html>']);
    await expect(open('/bithumb/websocket/v1')).rejects.toThrow('503');
    await order({ fault: 'refuse', exchange: 'bithumb', ms: 60_000, how: 'destroy' });
    await expect(open('/bithumb/websocket/v1')).rejects.toThrow('socket hang up');
    await expect(fetch(`${simulator.url}/bithumb/v1/market/all`)).rejects.toThrow();
    await order({ fault: 'clear', exchange: 'bithumb' });
    await open('/bithumb/websocket/v1');
  });

  it('make a gap in the depth ids', async () => {
    const probe = await open('/binance/ws/btcusdt@depth@100ms');
    await probe.take(2);
    await order({ fault: 'skipFrames', exchange: 'binance', channel: 'depth', count: 1 });
    await probe.until(() => {
      const events = probe.frames.map(frame => JSON.parse(frame.text) as { U: number; u: number });
      return events.some((event, index) => index > 0 && event.U > events[index - 1]!.u + 1);
    });
  });

  it('are refused with a plain message when they make no sense', async () => {
    const messages: Array<[unknown, string]> = [
      ['{', 'the body is not JSON'],
      [[], 'the body must be a JSON object'],
      [{ fault: 'nope' }, 'fault must be one of drop'],
      [{ fault: 'stall', exchange: 'nyse' }, `exchange must be one of ${EXCHANGES.join(', ')}; stall needs ms`],
      [{ fault: 'drop', count: 0, ms: 1 }, 'count must be a whole number above 0; drop does not take ms'],
    ];
    for (const [body, message] of messages) {
      const answer = await order(body);
      expect(answer.status).toBe(400);
      expect((answer.body as { error: string }).error).toContain(message);
    }
    expect(readFault({ fault: 'clear' })).toEqual({ fault: 'clear' });
  });
});

describe('the control API', () => {
  it('reports sockets, subscriptions and counts', async () => {
    await openUpbit();
    await open('/binance/stream?streams=btcusdt@trade/btcusdt@depth@100ms');
    const state = await (await fetch(`${simulator.url}/control/state`)).json();
    expect(state).toMatchObject({
      seed: 11,
      exchanges: {
        upbit: { connects: 1, sockets: [{ subscriptions: { trade: 2 } }] },
        binance: { connects: 1, sockets: [{ subscriptions: { trade: 1, depth: 1 } }] },
        bithumb: { connects: 0, sockets: [] },
      },
    });
  });

  it('tells the truth line by line, onwards from an index', async () => {
    const probe = await openUpbit();
    const after = simulator.truth.lastIndex;
    await probe.until(() => probe.frames.length > 20);
    const url = `${simulator.url}/control/truth/trades?exchange=upbit&symbol=BTC/KRW&afterIndex=${after}&limit=3`;
    const lines = (await (await fetch(url)).text()).trim().split('\n');
    const trades = lines.map(line => JSON.parse(line) as TruthTrade);
    expect(trades).toHaveLength(3);
    for (const trade of trades) {
      expect(trade.index).toBeGreaterThan(after);
      expect(trade.price).toMatch(/^[1-9]\d*(\.\d*[1-9])?$/);
      expect(trade.size).toMatch(/^(0|[1-9]\d*)(\.\d*[1-9])?$/);
      expect(trade.deliveries).toBe(1);
    }
    const books = await (await fetch(`${simulator.url}/control/truth/books?exchange=bithumb&limit=2`)).text();
    expect(books.trim().split('\n')).toHaveLength(simulator.market.listed('bithumb').length);
    const tickers = await (await fetch(`${simulator.url}/control/truth/tickers?symbol=BTC/KRW`)).text();
    const markets = simulator.market.states.filter(({ instrument }) => instrument.symbol === 'BTC/KRW');
    expect(tickers.trim().split('\n')).toHaveLength(markets.length);
    expect((await fetch(`${simulator.url}/control/truth/trades?exchange=nyse`)).status).toBe(400);
    expect((await fetch(`${simulator.url}/control/nope`)).status).toBe(404);
  });

  it('survives addresses that make no sense', async () => {
    for (const path of ['/', '/nyse/ws', '/upbit/nope', '/binance/nope']) {
      await expect(SocketProbe.open(`${simulator.url}${path}`)).rejects.toThrow('404');
    }
    await open('/binance/ws/%E0%A4%A');
    expect((await fetch(`${simulator.url}/nope`)).status).toBe(404);
  });
});

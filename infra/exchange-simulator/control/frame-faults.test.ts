import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Simulator, startSimulator } from '../simulator.ts';
import { member, parseExact } from '../testing/exact-json.ts';
import { type SocketProbe, SocketProbes } from '../testing/socket-probe.ts';
import type { Fault } from './fault.ts';

let simulator: Simulator;
const probes = new SocketProbes();

beforeEach(async () => {
  simulator = await startSimulator({ instruments: 30, eventsPerSecond: 4_000, seed: 12, enforceLimits: false });
});
afterEach(async () => {
  probes.end();
  await simulator.stop();
});

/** Orders over HTTP, as another process would. */
async function order(fault: Fault): Promise<void> {
  const response = await fetch(`${simulator.url}/control/faults`, { method: 'POST', body: JSON.stringify(fault) });
  expect([response.status, await response.json()]).toMatchObject([200, { fault: fault.fault }]);
}

async function upbitTrades(exchange: 'upbit' | 'bithumb' = 'upbit'): Promise<SocketProbe> {
  const probe = await probes.open(`${simulator.url}/${exchange}/websocket/v1`);
  probe.send([{ ticket: 't' }, { type: 'trade', codes: ['KRW-BTC'] }]);
  await probe.take(2);
  return probe;
}

const idsOf = (probe: SocketProbe): string[] =>
  probe.frames.map(({ text }) => String(member(parseExact(text), 'sequential_id')));

describe('faults of single frames', () => {
  it('duplicate a frame', async () => {
    const probe = await upbitTrades();
    await order({ fault: 'bendFrames', how: 'duplicate', exchange: 'upbit', channel: 'trade', code: 'KRW-BTC' });
    const doubled = (): number => idsOf(probe).filter((id, index, ids) => index > 1 && id === ids[index - 1]).length;
    await probe.until(() => doubled() === 1);
    const seen = probe.frames.length;
    await probe.until(() => probe.frames.length > seen + 10);
    expect(doubled()).toBe(1);
  });

  it('let a trade be overtaken by the next one, and lose neither', async () => {
    const probe = await upbitTrades();
    const start = probe.frames.length;
    await order({ fault: 'bendFrames', how: 'reorder', exchange: 'upbit', channel: 'trade', count: 2 });
    const overtaken = (): number =>
      idsOf(probe).filter((id, index, ids) => index > start && id < ids[index - 1]!).length;
    await probe.until(() => overtaken() > 0);
    const seen = probe.frames.length;
    await probe.until(() => probe.frames.length > seen + 5);
    const ids = idsOf(probe).slice(start).sort();
    const truth = simulator.truth.trades({ exchange: 'upbit', symbol: 'BTC/KRW' }).map(({ id }) => id);
    expect(ids).toEqual(truth.slice(truth.indexOf(ids[0]!), truth.indexOf(ids[0]!) + ids.length));
  });

  it('tear a frame into several TCP packets, with the frames behind it in order', async () => {
    const binance = await probes.open(`${simulator.url}/binance/ws/btcusdt@trade`);
    const upbit = await upbitTrades();
    await binance.take(1);
    await order({ fault: 'bendFrames', how: 'split', channel: 'trade', count: 3 });
    const [seenBinance, seenUpbit] = [binance.frames.length, upbit.frames.length];
    await binance.until(() => binance.frames.length > seenBinance + 8);
    await upbit.until(() => upbit.frames.length > seenUpbit + 8);
    const ids = binance.frames.map(({ text }) => (JSON.parse(text) as { t: number }).t);
    expect(ids).toEqual(ids.map((_, index) => ids[0]! + index));
    expect(upbit.socket.extensions).toContain('permessage-deflate');
    expect(idsOf(upbit)).toEqual([...idsOf(upbit)].sort());
  });

  it('add a key nobody knows, within the data', async () => {
    const probe = await probes.open(`${simulator.url}/binance/stream?streams=btcusdt@trade`);
    await order({ fault: 'bendFrames', how: 'unknownKey', exchange: 'binance', channel: 'trade' });
    const frame = JSON.parse(await probe.frame(text => text.includes('unheard_of'))) as { data: object };
    expect(frame.data).toMatchObject({ unheard_of: { list: [1, null, 'x'] }, e: 'trade' });
  });

  it('send an event of a type nobody knows', async () => {
    const [raw, combined, upbit] = await Promise.all([
      probes.open(`${simulator.url}/binance/ws/btcusdt@trade`),
      probes.open(`${simulator.url}/binance/stream?streams=btcusdt@trade`),
      upbitTrades(),
    ]);
    await order({ fault: 'unknownEvent' });
    expect(JSON.parse(await raw!.frame(text => text.includes('somethingNew')))).toMatchObject({ e: 'somethingNew' });
    expect(await combined!.frame(text => text.includes('somethingNew'))).toContain('"stream":"btcusdt@somethingNew"');
    expect(await upbit!.frame(text => text.includes('something_new'))).toContain('"type":"something_new"');
  });

  it('make a gap in the depth ids of one symbol alone', async () => {
    const probe = await probes.open(`${simulator.url}/binance/stream?streams=btcusdt@depth@100ms/ethusdt@depth@100ms`);
    await probe.take(4);
    await order({ fault: 'skipFrames', exchange: 'binance', channel: 'depth', code: 'ETHUSDT' });
    const gaps = (symbol: string): number => {
      const events = probe.frames
        .map(({ text }) => (JSON.parse(text) as { data: { s: string; U: number; u: number } }).data)
        .filter(({ s }) => s === symbol);
      return events.filter(({ U }, index) => index > 0 && U !== events[index - 1]!.u + 1).length;
    };
    await probe.until(() => gaps('ETHUSDT') === 1);
    expect(gaps('BTCUSDT')).toBe(0);
  });
});

describe('faults of connections', () => {
  it('leave a socket half open: no data, no pong, no end', async () => {
    const probe = await upbitTrades();
    await order({ fault: 'halfOpen', exchange: 'upbit', count: 1 });
    const other = await upbitTrades();
    const seen = probe.frames.length;
    let pongs = 0;
    probe.socket.on('pong', () => {
      pongs += 1;
    });
    probe.socket.ping();
    simulator.clock.shift(61_000);
    await other.closed;
    expect([probe.frames.length, pongs, probe.socket.readyState]).toEqual([seen, 0, probe.socket.OPEN]);
    const again = await upbitTrades();
    expect(again.frames.length).toBeGreaterThan(0);
  });

  it('let a slow reader fall behind without losing the order', async () => {
    const probe = await upbitTrades();
    await order({ fault: 'slowReader', exchange: 'upbit', bytesPerSecond: 8_000, ms: 500 });
    const from = probe.frames.length;
    const lateness = (): number => {
      const last = parseExact(probe.frames.at(-1)!.text);
      return Date.now() - Number(member(last, 'timestamp'));
    };
    await probe.until(() => probe.frames.length > from + 3 && lateness() > 80);
    await probe.until(() => lateness() < 60 && probe.frames.length > from + 20);
    const ids = idsOf(probe).slice(1);
    const truth = simulator.truth.trades({ exchange: 'upbit', symbol: 'BTC/KRW' }).map(({ id }) => id);
    expect(ids).toEqual(truth.slice(truth.indexOf(ids[0]!), truth.indexOf(ids[0]!) + ids.length));
  });

  it('cut every socket of an exchange at once', async () => {
    const all = await Promise.all([upbitTrades('bithumb'), upbitTrades('bithumb'), upbitTrades('bithumb')]);
    const other = await upbitTrades();
    await order({ fault: 'drop', exchange: 'bithumb' });
    expect(await Promise.all(all.map(probe => probe.closed))).toEqual([1006, 1006, 1006]);
    expect(other.socket.readyState).toBe(other.socket.OPEN);
  });

  it('put the clock of an exchange off by a while, ids untouched, and truth with it', async () => {
    const probe = await upbitTrades();
    await order({ fault: 'skewClock', exchange: 'upbit', ms: -5_000 });
    const from = probe.frames.length;
    await probe.until(() => probe.frames.length > from + 5);
    const last = parseExact(probe.frames.at(-1)!.text);
    const lag = Date.now() - Number(member(last, 'trade_timestamp'));
    expect(lag).toBeGreaterThan(4_900);
    expect(lag).toBeLessThan(7_000);
    const id = member(last, 'sequential_id');
    const truth = simulator.truth.trades({ exchange: 'upbit', symbol: 'BTC/KRW' }).find(trade => trade.id === id)!;
    expect(String(truth.exchangeTime)).toBe(member(last, 'trade_timestamp'));
    expect(Math.abs(Date.now() - simulator.truth.trades('binance').at(-1)!.exchangeTime)).toBeLessThan(2_000);
    expect(idsOf(probe).slice(1)).toEqual([...new Set(idsOf(probe).slice(1))].sort());
  });
});

describe('faults of REST', () => {
  const get = async (path: string): Promise<{ status: number; text: string; type: string | null }> => {
    const response = await fetch(`${simulator.url}${path}`);
    return { status: response.status, text: await response.text(), type: response.headers.get('content-type') };
  };

  it('answer a snapshot with 429, once, and then rightly', async () => {
    await order({ fault: 'failRest', exchange: 'binance', path: '/depth', how: 'http429' });
    expect((await get('/binance/api/v3/ping')).status).toBe(200);
    expect(await get('/binance/api/v3/depth?symbol=BTCUSDT')).toMatchObject({ status: 429 });
    expect((await get('/binance/api/v3/depth?symbol=BTCUSDT')).status).toBe(200);
  });

  it('answer with an HTML page, or with an error in a 200', async () => {
    await order({ fault: 'failRest', exchange: 'upbit', path: '/ticker', how: 'html502' });
    expect(await get('/upbit/v1/ticker?markets=KRW-BTC')).toMatchObject({ status: 502, type: 'text/html' });
    await order({ fault: 'failRest', exchange: 'bithumb', path: '/market/all', how: 'error200' });
    const wrong = await get('/bithumb/v1/market/all');
    expect([wrong.status, JSON.parse(wrong.text)]).toMatchObject([200, { error: { name: 500 } }]);
  });

  it('show a snapshot that lags ever further behind the stream', async () => {
    const probe = await probes.open(`${simulator.url}/binance/ws/btcusdt@depth@100ms`);
    await order({ fault: 'lagSnapshot', ms: 60_000 });
    const snapshot = async () =>
      (JSON.parse((await get('/binance/api/v3/depth?symbol=BTCUSDT')).text) as { lastUpdateId: number }).lastUpdateId;
    const first = await snapshot();
    await probe.take(5);
    const { U } = JSON.parse(probe.frames[2]!.text) as { U: number };
    expect([await snapshot(), U > first]).toEqual([first, true]);
    await order({ fault: 'clear', exchange: 'binance' });
    const seen = probe.frames.length;
    await probe.until(() => probe.frames.length > seen + 3);
    expect(await snapshot()).toBeGreaterThan(U);
  });
});

describe('a burst', () => {
  it('makes everything happen several times as often, for a while', async () => {
    const stepsIn = async (ms: number): Promise<number> => {
      const { steps } = simulator.market;
      const untilMs = simulator.market.nowMs + ms;
      await expect.poll(() => simulator.market.nowMs, { interval: 5 }).toBeGreaterThanOrEqual(untilMs);
      return (simulator.market.steps - steps) / (simulator.market.nowMs - untilMs + ms);
    };
    const usual = await stepsIn(250);
    await order({ fault: 'burst', factor: 5, ms: 400 });
    expect((await stepsIn(250)) / usual).toBeGreaterThan(3);
    await stepsIn(200);
    expect((await stepsIn(250)) / usual).toBeLessThan(2);
  });
});

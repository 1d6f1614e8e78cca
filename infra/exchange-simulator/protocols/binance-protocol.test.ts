import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type Simulator, startSimulator } from '../simulator.ts';
import { FastClock } from '../testing/fast-clock.ts';
import { SocketProbe, SocketProbes } from '../testing/socket-probe.ts';

let simulator: Simulator;
const probes = new SocketProbes();
const clock = new FastClock(5);

beforeAll(async () => {
  simulator = await startSimulator({
    instruments: 40,
    eventsPerSecond: 600,
    seed: 9,
    stepMs: 5,
    now: clock.now,
  });
});

afterEach(() => probes.end());
afterAll(() => simulator.stop());

function open(path: string, options = {}): Promise<SocketProbe> {
  return probes.open(`${simulator.url}/binance${path}`, options);
}

type Depth = { U: number; u: number; b: [string, string][]; a: [string, string][] };
type Wrapped<Data> = { stream: string; data: Data };

describe('the sockets of binance', () => {
  it('wrap data on /stream and send it bare on /ws', async () => {
    const combined = await open('/stream?streams=btcusdt@trade/ethusdt@trade');
    const wrapped = JSON.parse(await combined.frame(text => text.includes('ETHUSDT'))) as Wrapped<{ s: string }>;
    expect(wrapped.stream).toBe('ethusdt@trade');
    expect(wrapped.data.s).toBe('ETHUSDT');
    const raw = await open('/ws/btcusdt@trade');
    expect(JSON.parse(await raw.frame(() => true))).toMatchObject({ e: 'trade', s: 'BTCUSDT', M: true });
    expect(raw.frames.every(frame => !frame.isBinary)).toBe(true);
    expect(raw.socket.extensions).toBe('');
  });

  it('acknowledge among the data, stay silent for unknown symbols and list what is subscribed', async () => {
    const probe = await open('/stream');
    probe.send({ method: 'SUBSCRIBE', params: ['btcusdt@bookTicker', 'nopeusdt@trade', 'BTCUSDT@trade'], id: 1 });
    expect(await probe.frame(text => text.includes('"result"'))).toBe('{"result":null,"id":1}');
    await probe.frame(text => text.includes('bookTicker'));
    probe.send({ method: 'LIST_SUBSCRIPTIONS', id: 'abc' });
    const list = JSON.parse(await probe.frame(text => text.includes('"id":"abc"')));
    expect(list).toEqual({ result: ['btcusdt@bookTicker', 'nopeusdt@trade', 'BTCUSDT@trade'], id: 'abc' });
    expect(probe.frames.some(frame => /^{"stream":"(nope|BTC)/.test(frame.text))).toBe(false);
  });

  it('stop a stream on UNSUBSCRIBE and change shape on SET_PROPERTY', async () => {
    const probe = await open('/ws');
    probe.send({ method: 'SUBSCRIBE', params: ['btcusdt@trade', 'ethusdt@trade'], id: 1 });
    await probe.frame(text => text.includes('"BTCUSDT"'));
    probe.send({ method: 'UNSUBSCRIBE', params: ['btcusdt@trade'], id: 2 });
    await probe.frame(text => text.includes('"id":2'));
    const from = probe.frames.length;
    probe.send({ method: 'SET_PROPERTY', params: ['combined', true], id: 3 });
    await probe.frame(text => text.startsWith('{"stream":"ethusdt@trade"'));
    expect(probe.frames.slice(from).some(frame => frame.text.includes('BTCUSDT'))).toBe(false);
  });

  it.each([
    ['{"method":"SUBSCRIBE","params":["btcusdt"],"id":2}', 2, 'Invalid request: invalid stream'],
    ['{"method":"SUBSCRIBE","params":["btcusdt@nope"],"id":2}', 2, 'Invalid request: invalid stream'],
    ['{"method":"SET_PROPERTY","params":["colour",1],"id":2}', 0, 'Unknown property'],
    ['{"method":"SET_PROPERTY","params":["combined",1],"id":2}', 1, 'Invalid value type: expected Boolean'],
  ])('answer %s in an error wrapper and stay open', async (message, code, msg) => {
    const probe = await open('/ws');
    probe.send(message);
    expect(JSON.parse(await probe.frame(() => true))).toEqual({ error: { code, msg }, id: 2 });
    expect(probe.socket.readyState).toBe(probe.socket.OPEN);
  });

  it('refuse more than 1024 streams', async () => {
    const names = Array.from({ length: 1_025 }, (_, index) => `coin${index}usdt@trade`);
    const probe = await open('/ws');
    probe.send({ method: 'SUBSCRIBE', params: names.slice(0, 1_024), id: 1 });
    expect(await probe.frame(() => true)).toBe('{"result":null,"id":1}');
    probe.send({ method: 'SUBSCRIBE', params: names.slice(1_024), id: 2 });
    expect(await probe.frame(text => text.includes('"id":2'))).toContain('too many');
    const refused = new SocketProbe(`${simulator.url}/binance/stream?streams=${names.join('/')}`);
    await expect(refused.opened).rejects.toThrow('400');
  });

  it('keep the chain of depth ids whole, and a book built from it is the true one', async () => {
    const probe = await open('/ws/btcusdt@depth@100ms');
    await probe.take(3);
    const fetchSnapshot = async () => {
      const response = await fetch(`${simulator.url}/binance/api/v3/depth?symbol=BTCUSDT&limit=5000`);
      return (await response.json()) as { lastUpdateId: number; bids: [string, string][]; asks: [string, string][] };
    };
    const snapshot = await fetchSnapshot();
    await probe.until(() => probe.frames.length >= 12);
    const events = probe.frames.map(frame => JSON.parse(frame.text) as Depth);
    for (const [index, event] of events.entries()) {
      expect(event.u).toBeGreaterThanOrEqual(event.U);
      if (index > 0) expect(event.U).toBe(events[index - 1]!.u + 1);
    }
    expect(snapshot.lastUpdateId).toBeLessThan(events.at(-1)!.u);
    const bids = new Map(snapshot.bids);
    const asks = new Map(snapshot.asks);
    const rest = events.filter(event => event.u > snapshot.lastUpdateId);
    expect(rest[0]!.U).toBeLessThanOrEqual(snapshot.lastUpdateId + 1);
    for (const event of rest) {
      for (const [side, changes] of [
        [bids, event.b],
        [asks, event.a],
      ] as const) {
        for (const [price, size] of changes) {
          if (Number(size) === 0) side.delete(price);
          else side.set(price, size);
        }
      }
      expect(Math.max(...[...bids.keys()].map(Number))).toBeLessThan(Math.min(...[...asks.keys()].map(Number)));
    }
  });

  it('count trades up by one, and aggregates cover them', async () => {
    const probe = await open('/stream?streams=btcusdt@trade/btcusdt@aggTrade');
    await probe.until(() => probe.frames.length > 150);
    const frames = probe.frames.map(frame => JSON.parse(frame.text) as Wrapped<Record<string, number>>);
    const ids = frames.filter(frame => frame.stream === 'btcusdt@trade').map(frame => frame.data['t']!);
    expect(ids).toEqual(ids.map((_, index) => ids[0]! + index));
    const covered = frames
      .filter(frame => frame.stream === 'btcusdt@aggTrade')
      .flatMap(({ data }) => Array.from({ length: data['l']! - data['f']! + 1 }, (_, index) => data['f']! + index));
    expect(covered).toEqual(covered.map((_, index) => covered[0]! + index));
    expect(new Set(covered).size).toBe(covered.length);
    const truth = simulator.truth.trades({ exchange: 'binance', symbol: 'BTC/USDT' });
    expect(truth.some(trade => trade.id === String(ids.at(-1)))).toBe(true);
  });

  it('leave out symbol and time where Binance does', async () => {
    const probe = await open('/stream?streams=btcusdt@bookTicker/btcusdt@depth5@100ms');
    const best = JSON.parse(await probe.frame(text => text.includes('bookTicker'))) as Wrapped<object>;
    expect(Object.keys(best.data)).toEqual(['u', 's', 'b', 'B', 'a', 'A']);
    const top = JSON.parse(await probe.frame(text => text.includes('depth5'))) as Wrapped<{ bids: unknown[] }>;
    expect(Object.keys(top.data)).toEqual(['lastUpdateId', 'bids', 'asks']);
    expect(top.data.bids).toHaveLength(5);
  });

  it('send tickers and minutes every second or two', async () => {
    const probe = await open('/stream?streams=btcusdt@ticker/btcusdt@miniTicker/btcusdt@kline_1m/!miniTicker@arr');
    const ticker = JSON.parse(await probe.frame(text => text.includes('24hrTicker'))) as Wrapped<
      Record<string, unknown>
    >;
    expect(ticker.data['n']).toBe(Number(ticker.data['L']) - Number(ticker.data['F']) + 1);
    await probe.frame(text => text.startsWith('{"stream":"btcusdt@miniTicker"'));
    const all = JSON.parse(await probe.frame(text => text.includes('!miniTicker@arr'))) as Wrapped<unknown[]>;
    expect(all.data.length).toBeGreaterThan(3);
    const kline = JSON.parse(await probe.frame(text => text.includes('kline_1m'))) as Wrapped<{ k: { i: string } }>;
    expect(kline.data.k.i).toBe('1m');
  });

  it('print microseconds to those who ask for them', async () => {
    const probe = await open('/ws/btcusdt@trade?timeUnit=MICROSECOND');
    const trade = JSON.parse(await probe.frame(() => true)) as { T: number };
    expect(String(trade.T)).toHaveLength(16);
  });

  it('ping, and cut whoever does not answer', async () => {
    const quiet = await open('/ws/nopeusdt@trade', { autoPong: false });
    const polite = await open('/ws/nopeusdt@trade');
    for (let round = 0; round < 5; round += 1) {
      clock.skip(20_000);
      await polite.until(() => polite.pings.length > round);
    }
    expect(await quiet.closed).toBe(1006);
    expect(quiet.pings.length).toBeGreaterThan(0);
    expect(polite.socket.readyState).toBe(polite.socket.OPEN);
  });

  it('end a connection after a day', async () => {
    const probe = await open('/ws/nopeusdt@trade');
    clock.skip(24 * 3_600_000);
    expect(await probe.closed).toBe(1001);
  });

  it('close with 1008 on the sixth message within a second', async () => {
    const probe = await open('/ws');
    for (let id = 1; id <= 3; id += 1) probe.send({ method: 'LIST_SUBSCRIPTIONS', id });
    for (let count = 0; count < 3; count += 1) probe.socket.ping();
    expect(await probe.closed).toBe(1008);
  });
});

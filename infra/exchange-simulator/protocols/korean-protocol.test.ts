import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type Simulator, startSimulator } from '../simulator.ts';
import { member, parseExact } from '../testing/exact-json.ts';
import { FastClock } from '../testing/fast-clock.ts';
import { type SocketProbe, SocketProbes } from '../testing/socket-probe.ts';

let simulator: Simulator;
const probes = new SocketProbes();
const clock = new FastClock(5);

beforeAll(async () => {
  simulator = await startSimulator({
    instruments: 40,
    eventsPerSecond: 600,
    seed: 5,
    statusIntervalMs: 30,
    stepMs: 5,
    now: clock.now,
    enforceLimits: false,
  });
});

afterEach(() => probes.end());
afterAll(() => simulator.stop());

function open(exchange: string): Promise<SocketProbe> {
  return probes.open(`${simulator.url}/${exchange}/websocket/v1`);
}

const has =
  (...parts: string[]) =>
  (text: string): boolean =>
    parts.every(part => text.includes(part));
const request = (parts: unknown[], format = 'DEFAULT'): unknown[] => [{ ticket: 't' }, ...parts, { format }];
const SNAPSHOT = '"stream_type":"SNAPSHOT"';
const REALTIME = '"stream_type":"REALTIME"';

describe.each(['upbit', 'bithumb'])('the socket of %s', exchange => {
  it('sends binary frames: one snapshot per code, then the live stream', async () => {
    const probe = await open(exchange);
    probe.send(
      request([
        { type: 'trade', codes: ['KRW-BTC', 'KRW-ETH'] },
        { type: 'orderbook', codes: ['KRW-BTC'] },
      ]),
    );
    await probe.frame(has('"trade"', 'KRW-ETH', SNAPSHOT));
    await probe.frame(has('"trade"', 'KRW-BTC', REALTIME));
    await probe.frame(has('"orderbook"', 'KRW-BTC', REALTIME));
    expect(probe.frames.every(frame => frame.isBinary)).toBe(true);
    expect(probe.frames.filter(frame => has('KRW-BTC', '"trade"', SNAPSHOT)(frame.text))).toHaveLength(1);
  });

  it('gives nothing for codes it does not know, and says nothing about it', async () => {
    const probe = await open(exchange);
    probe.send(request([{ type: 'trade', codes: ['krw-btc', 'KRW-NOPE', 'BTC_KRW', 'KRW-XRP'] }]));
    await probe.frame(has('KRW-XRP', REALTIME));
    expect(probe.frames.every(frame => frame.text.includes('KRW-XRP'))).toBe(true);
  });

  it('replaces the old list by the new one, with two late frames at most', async () => {
    for (let round = 0; round < 3; round += 1) {
      const probe = await open(exchange);
      probe.send(request([{ type: 'trade', codes: ['KRW-BTC'] }]));
      await probe.frame(has('KRW-BTC', REALTIME));
      probe.send(request([{ type: 'trade', codes: ['KRW-ETH'] }]));
      await probe.frame(has('KRW-ETH'));
      const from = probe.frames.findIndex(frame => frame.text.includes('KRW-ETH'));
      await probe.until(() => probe.frames.length >= from + 8);
      expect(probe.frames.slice(from).filter(frame => frame.text.includes('KRW-BTC')).length).toBeLessThanOrEqual(2);
    }
  });

  it('loses no trade of a code that stays on the list', async () => {
    const probe = await open(exchange);
    probe.send(request([{ type: 'trade', codes: ['KRW-BTC'] }]));
    await probe.frame(has(REALTIME));
    for (const more of ['KRW-ETH', 'KRW-XRP', 'KRW-SOL']) {
      probe.send(request([{ type: 'trade', codes: ['KRW-BTC', more] }]));
      const from = probe.frames.length;
      await probe.frame(has('KRW-BTC', REALTIME), from);
      await probe.frame(has(more, REALTIME), from);
    }
    const live = probe.frames.filter(frame => has('KRW-BTC', REALTIME)(frame.text));
    const ids = live.map(frame => String(member(parseExact(frame.text), 'sequential_id')));
    const truth = simulator.truth.trades({ exchange: exchange as 'upbit', symbol: 'BTC/KRW' });
    const all = truth.map(trade => trade.id);
    const first = all.indexOf(ids[0]!);
    expect(first).toBeGreaterThan(0);
    expect(ids).toEqual(all.slice(first, first + ids.length));
    expect(truth[first]!.deliveries).toBe(1);
    expect(truth[0]!.deliveries).toBe(0);
  });

  it('has ids that a double can not tell apart', async () => {
    const probe = await open(exchange);
    probe.send(request([{ type: 'trade', codes: ['KRW-BTC', 'KRW-ETH', 'KRW-XRP'] }]));
    const idOf = (text: string): string => String(member(parseExact(text), 'sequential_id'));
    const digits = exchange === 'upbit' ? 17 : 19;
    await probe.until(() => {
      const ids = probe.frames.map(frame => idOf(frame.text));
      expect(ids.every(id => id.length === digits)).toBe(true);
      return new Set(ids.map(Number)).size < new Set(ids).size;
    });
  });

  it('answers nonsense with an error frame and closes a moment later', async () => {
    const cases = [
      ['not json', 'WRONG_FORMAT', 'Format 이 맞지 않습니다.'],
      ['{"ticket":"t"}', 'WRONG_FORMAT', 'Format 이 맞지 않습니다.'],
      ['[{"type":"trade","codes":["KRW-BTC"]}]', 'NO_TICKET', '티켓이 존재하지 않거나, 유효하지 않습니다.'],
      ['[{"ticket":"t"},{"type":"trade"}]', 'NO_CODES', 'codes 필드가 존재하지 않습니다.'],
      ['[{"ticket":"t"},{"type":"trade","codes":[]}]', 'INVALID_PARAM', 'codes 필드가 비어 있습니다.'],
      ['[{"ticket":"t"},{"type":"nope","codes":["KRW-BTC"]}]', 'INVALID_PARAM', 'nope 은 지원하지 않는 타입입니다.'],
    ] as const;
    await Promise.all(
      cases.map(async ([message, name, text]) => {
        const probe = await open(exchange);
        const sentMs = performance.now();
        probe.send(message);
        expect(JSON.parse(await probe.frame(() => true))).toEqual({ error: { name, message: text } });
        expect(await probe.closed).toBe(1000);
        expect(performance.now() - sentMs).toBeGreaterThanOrEqual(140);
      }),
    );
  });

  it('answers a text PING with UP again and again, and a control PING with a PONG', async () => {
    const probe = await open(exchange);
    probe.send('PING');
    expect(await probe.take(2)).toEqual(['{"status":"UP"}', '{"status":"UP"}']);
    const pong = new Promise<Buffer>(resolve => probe.socket.once('pong', resolve));
    probe.socket.ping('hello');
    expect((await pong).toString()).toBe('hello');
  });

  it('drops a silent connection after a minute without a close frame', async () => {
    const probe = await open(exchange);
    clock.skip(59_000);
    probe.socket.ping();
    await new Promise(resolve => probe.socket.once('pong', resolve));
    clock.skip(59_000);
    probe.socket.ping();
    await new Promise(resolve => probe.socket.once('pong', resolve));
    expect(probe.socket.readyState).toBe(probe.socket.OPEN);
    clock.skip(61_000);
    expect(await probe.closed).toBe(1006);
  });

  it('compresses when the client offers it', async () => {
    const probe = await open(exchange);
    expect(probe.socket.extensions).toContain('permessage-deflate');
    probe.send(request([{ type: 'orderbook', codes: ['KRW-BTC'] }]));
    expect(await probe.frame(has(REALTIME))).toContain('orderbook_units');
  });

  it('writes short keys in the SIMPLE format', async () => {
    const probe = await open(exchange);
    probe.send(request([{ type: 'ticker', codes: ['KRW-BTC'] }], 'SIMPLE'));
    expect(member(JSON.parse(await probe.frame(has('"st":"REALTIME"'))), 'cd')).toBe('KRW-BTC');
  });
});

describe('the socket of upbit', () => {
  it('obeys is_only_snapshot and is_only_realtime', async () => {
    const probe = await open('upbit');
    probe.send(
      request([
        { type: 'trade', codes: ['KRW-BTC'], is_only_snapshot: true },
        { type: 'ticker', codes: ['KRW-BTC'], is_only_realtime: true },
      ]),
    );
    await probe.frame(has('"trade"'));
    const from = probe.frames.length;
    await probe.until(() => probe.frames.slice(from).filter(frame => frame.text.includes('"ticker"')).length >= 5);
    const trades = probe.frames.filter(frame => frame.text.includes('"type":"trade"'));
    expect(trades.map(frame => frame.text.includes(SNAPSHOT))).toEqual([true]);
    expect(probe.frames.some(frame => has('"ticker"', SNAPSHOT)(frame.text))).toBe(false);
  });

  it('wraps list formats in an array and narrows books by a suffix', async () => {
    const probe = await open('upbit');
    probe.send(request([{ type: 'orderbook', codes: ['KRW-BTC.5', 'KRW-ETH.7', 'KRW-XRP'] }], 'SIMPLE_LIST'));
    const depthOf = async (code: string): Promise<number> => {
      const [book] = JSON.parse(await probe.frame(has(`"${code}"`, 'SNAPSHOT'))) as [{ obu: unknown[] }];
      return book.obu.length;
    };
    expect(await Promise.all(['KRW-BTC', 'KRW-ETH', 'KRW-XRP'].map(depthOf))).toEqual([5, 30, 30]);
  });

  it('lists subscriptions and stays silent for levels it does not group by', async () => {
    const probe = await open('upbit');
    probe.send(request([{ type: 'orderbook', codes: ['KRW-BTC'], level: 7 }]));
    probe.send([{ ticket: 'x' }, { method: 'LIST_SUBSCRIPTIONS' }]);
    const [list] = await probe.take(1);
    expect(JSON.parse(list!)).toEqual({
      method: 'LIST_SUBSCRIPTIONS',
      result: [{ type: 'orderbook', codes: ['KRW-BTC'] }],
      ticket: 'x',
    });
  });

  it('shows its limits in the upgrade answer', async () => {
    const probe = await open('upbit');
    expect(probe.upgradeHeaders['remaining-req']).toBe('group=websocket; min=300; sec=3');
    expect(probe.upgradeHeaders['limit-by-ip']).toBe('Yes');
  });

  it('sends minute candles that end with a newer one', async () => {
    const probe = await open('upbit');
    probe.send(request([{ type: 'candle.1m', codes: ['KRW-BTC'] }]));
    const candle = JSON.parse(await probe.frame(has(REALTIME))) as Record<string, number>;
    expect(candle['high_price']).toBeGreaterThanOrEqual(candle['low_price']!);
    expect(candle['candle_acc_trade_volume']).toBeGreaterThan(0);
  });
});

describe('the socket of bithumb', () => {
  it('reads camelCase flags and ignores the documented snake_case ones', async () => {
    const probe = await open('bithumb');
    probe.send(
      request([
        { type: 'trade', codes: ['KRW-BTC'], isOnlySnapshot: true },
        { type: 'trade', codes: ['KRW-ETH'], is_only_snapshot: true },
        { type: 'ticker', codes: ['KRW-BTC'], isOnlyRealtime: true },
      ]),
    );
    await probe.frame(has('"trade"', 'KRW-ETH', REALTIME));
    await probe.frame(has('"ticker"', REALTIME));
    expect(probe.frames.some(frame => has('"trade"', 'KRW-BTC', REALTIME)(frame.text))).toBe(false);
    expect(probe.frames.some(frame => has('"ticker"', SNAPSHOT)(frame.text))).toBe(false);
  });

  it('now and then lets a live frame overtake the snapshot', async () => {
    const probe = await open('bithumb');
    const codes = simulator.market.listed('bithumb').map(state => state.instrument.nativeCode);
    probe.send(request([{ type: 'orderbook', codes }]));
    await probe.until(() => probe.frames.filter(frame => frame.text.includes(SNAPSHOT)).length === codes.length);
    const early = codes.filter(code => {
      const first = probe.frames.find(frame => frame.text.includes(`"${code}"`));
      return first!.text.includes(REALTIME);
    });
    expect(early.length).toBeGreaterThan(0);
    expect(early.length).toBeLessThan(codes.length);
  });

  it('has books of 15 units, microseconds, four decimals and dust', async () => {
    const probe = await open('bithumb');
    probe.send(request([{ type: 'orderbook', codes: ['KRW-BTC', 'KRW-ETH.30', 'KRW-XRP.5'] }]));
    const btc = parseExact(await probe.frame(has('KRW-BTC')));
    expect(member(btc, 'timestamp')).toMatch(/^\d{16}$/);
    expect(member(btc, 'level')).toBe('1');
    expect(member(btc, 'orderbook_units')).toHaveLength(15);
    expect(member(JSON.parse(await probe.frame(has('KRW-ETH'))), 'orderbook_units')).toHaveLength(15);
    expect(member(JSON.parse(await probe.frame(has('KRW-XRP'))), 'orderbook_units')).toHaveLength(5);
    await probe.frame(text => has('KRW-BTC')(text) && /_size":0\.0000[,}]/.test(text));
  });

  it('answers WRONG_FORMAT for a part without a type and for an odd level', async () => {
    for (const part of [{ codes: ['KRW-BTC'] }, { type: 'orderbook', codes: ['KRW-BTC'], level: 7 }]) {
      const probe = await open('bithumb');
      probe.send(request([part]));
      expect(await probe.frame(() => true)).toContain('WRONG_FORMAT');
      expect(await probe.closed).toBe(1000);
    }
  });
});

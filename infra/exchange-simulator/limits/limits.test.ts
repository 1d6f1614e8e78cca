import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Simulator, startSimulator } from '../simulator.ts';
import { SocketProbes } from '../testing/socket-probe.ts';
import { BanRecord } from './ban-record.ts';
import { binanceLimits } from './binance-limits.ts';
import { bithumbLimits } from './bithumb-limits.ts';
import { ExchangeLimits, type LimitRules } from './exchange-limits.ts';
import { upbitLimits } from './upbit-limits.ts';

const IP = '192.0.2.1';
const START_MS = 1_790_134_740_000;

/** The limits of one exchange on a clock that the test turns. */
function limitsOf(rules: LimitRules, isEnforced = true) {
  const clock = { ms: START_MS };
  const record = new BanRecord();
  const limits = new ExchangeLimits(rules, record, () => clock.ms, isEnforced);
  const call = (path: string, { address = IP, origin = false } = {}) => {
    const url = new URL(path, 'http://exchange');
    const { refusal, headers } = limits.call(address, url.pathname, url.searchParams, origin);
    return { status: refusal?.status ?? 200, headers: refusal?.headers ?? headers, body: refusal?.body ?? '' };
  };
  const connect = (origin = false, address = IP): number => limits.connect(address, origin)?.status ?? 101;
  return { clock, record, limits, call, connect };
}

const times = <Result>(count: number, run: () => Result): Result[] => Array.from({ length: count }, run);

describe('the limits of binance', () => {
  it.each([
    ['/api/v3/ping', 1],
    ['/api/v3/exchangeInfo', 20],
    ['/api/v3/depth?symbol=X&limit=100', 5],
    ['/api/v3/depth?symbol=X&limit=500', 25],
    ['/api/v3/depth?symbol=X&limit=1000', 50],
    ['/api/v3/depth?symbol=X&limit=5000', 250],
    ['/api/v3/historicalTrades?symbol=X', 25],
    ['/api/v3/aggTrades?symbol=X', 4],
    ['/api/v3/klines?symbol=X', 2],
    ['/api/v3/ticker/24hr?symbol=X', 2],
    ['/api/v3/ticker/24hr', 80],
  ])('weigh %s as %i', (path, weight) => {
    expect(limitsOf(binanceLimits).call(path).headers['x-mbx-used-weight-1m']).toBe(String(weight));
  });

  it('answer 429 beyond 6000 a minute, start anew with the minute, and ban for longer each time', () => {
    const { clock, record, call } = limitsOf(binanceLimits);
    clock.ms += 20_000;
    expect(times(24, () => call('/api/v3/depth?limit=5000').status)).toEqual(times(24, () => 200));
    const refused = call('/api/v3/depth?limit=5000');
    expect([refused.status, refused.headers['retry-after']]).toEqual([429, '40']);
    expect(JSON.parse(refused.body)).toMatchObject({ code: -1003 });
    clock.ms += 40_000;
    expect(call('/api/v3/ping').status).toBe(200);
    const ban = (): number => {
      times(24, () => call('/api/v3/depth?limit=5000'));
      const banned = times(11, () => call('/api/v3/depth?limit=5000')).at(-1)!;
      expect(banned.status).toBe(418);
      return Number(banned.headers['retry-after']);
    };
    expect(ban()).toBe(120);
    clock.ms += 119_000;
    expect(call('/api/v3/ping').status).toBe(418);
    clock.ms += 1_000;
    expect(call('/api/v3/ping').status).toBe(200);
    clock.ms += 300_000;
    expect(ban()).toBe(240);
    expect(record.of('binance')).toMatchObject({ blocks: 2, rules: { maxWeight: { max: 6_000, worst: 6_250 } } });
  });

  it('let 300 connections open in five minutes, then turn the address away', () => {
    const { clock, record, connect } = limitsOf(binanceLimits);
    expect(new Set(times(300, () => connect()))).toEqual(new Set([101]));
    expect(record.total).toBe(0);
    expect([connect(), connect(false, '192.0.2.2')]).toEqual([429, 101]);
    expect(times(10, () => connect()).at(-1)).toBe(418);
    clock.ms += 301_000;
    expect(connect()).toBe(101);
    expect(record.of('binance').rules['maxConnectsInWindow']).toMatchObject({ worst: 301, breaches: 11 });
  });
});

describe('the limits of upbit', () => {
  it('count ten calls a second in each group, and tell what is left', () => {
    const { clock, call } = limitsOf(upbitLimits);
    expect(call('/v1/ticker').headers['remaining-req']).toBe('group=ticker; min=600; sec=9');
    times(9, () => call('/v1/ticker'));
    expect(call('/v1/ticker')).toMatchObject({ status: 429, body: 'Too many API requests.' });
    expect(call('/v1/trades/ticks').headers['remaining-req']).toBe('group=crix-trades; min=600; sec=9');
    clock.ms += 1_000;
    expect(call('/v1/ticker').status).toBe(200);
  });

  it('give one call in ten seconds to whoever sends an Origin', () => {
    const { clock, call, connect } = limitsOf(upbitLimits);
    const origin = { origin: true };
    expect([call('/v1/ticker', origin).status, call('/v1/orderbook', origin).status]).toEqual([200, 429]);
    clock.ms += 10_000;
    expect([call('/v1/ticker', origin).status, connect(true), connect(true), connect()]).toEqual([200, 101, 429, 101]);
  });

  it('refuse the sixth connection of a second, then block for a time that grows', () => {
    const { clock, connect, call } = limitsOf(upbitLimits);
    const storm = (): number[] => times(16, () => connect());
    expect(storm()).toEqual([101, 101, 101, 101, 101, ...times(10, () => 429), 418]);
    expect(call('/v1/ticker').body).toContain('Blocked for 900 seconds');
    clock.ms += 900_000;
    expect(storm().at(-1)).toBe(418);
    expect(call('/v1/ticker').body).toContain('Blocked for 1800 seconds');
  });

  it('count five messages a second and a hundred a minute of one connection', () => {
    const { clock, limits, record } = limitsOf(upbitLimits);
    const meter = limits.messages();
    expect(times(6, () => meter.take())).toEqual([true, true, true, true, true, false]);
    const patient = limits.messages();
    for (let message = 1; message <= 101; message += 1) {
      clock.ms += 500;
      expect(patient.take()).toBe(message <= 100);
    }
    expect(record.of('upbit').rules['maxMessagesPerMinute']).toMatchObject({ max: 100, worst: 101, breaches: 1 });
  });
});

describe('the limits of bithumb', () => {
  it('allow 150 calls a second in each group, and block for ten minutes whoever goes on', () => {
    const { clock, call, connect } = limitsOf(bithumbLimits);
    expect(call('/v1/ticker').headers).toMatchObject({ 'x-ratelimit-remaining': '149' });
    times(149, () => call('/v1/ticker'));
    expect([call('/v1/ticker').status, call('/v1/orderbook').status]).toEqual([429, 200]);
    expect(times(10, () => call('/v1/ticker')).at(-1)!.status).toBe(403);
    clock.ms += 599_000;
    expect(connect()).toBe(403);
    clock.ms += 1_000;
    expect(connect()).toBe(101);
  });

  it('turn the eleventh connection of a second away', () => {
    const { connect } = limitsOf(bithumbLimits);
    expect(times(11, () => connect()).at(-1)).toBe(429);
  });
});

describe('a block on demand', () => {
  it.each([
    [{}, 418, 418],
    [{ at: 'rest' }, 418, 101],
    [{ at: 'sockets' }, 200, 418],
    [{ at: 'rest', status: 403 }, 403, 101],
  ] as const)('%o answers calls with %i and connections with %i', (order, ofCalls, ofConnects) => {
    const { clock, limits, record, call, connect } = limitsOf(upbitLimits);
    limits.block({ ms: 1_200_000, at: undefined, status: undefined, ...order });
    expect([call('/v1/ticker').status, connect()]).toEqual([ofCalls, ofConnects]);
    expect(record.total).toBe(0);
    clock.ms += 1_200_000;
    expect([call('/v1/ticker').status, connect()]).toEqual([200, 101]);
  });

  it('begins anew with whoever asks although it knows, which is a breach', () => {
    const { clock, limits, record, call } = limitsOf(upbitLimits);
    limits.block({ ms: 100_000, at: undefined, status: undefined });
    expect(call('/v1/ticker').body).toContain('Blocked for 100 seconds');
    clock.ms += 1_000;
    expect([call('/v1/ticker').status, record.total]).toEqual([418, 0]);
    clock.ms += 90_000;
    expect([call('/v1/ticker').body, record.total]).toEqual([expect.stringContaining('Blocked for 100 seconds'), 1]);
    clock.ms += 99_999;
    expect(call('/v1/ticker', { address: '192.0.2.2' }).status).toBe(418);
    clock.ms += 1;
    expect([call('/v1/ticker').status, record.total]).toEqual([200, 1]);
  });
});

describe('limits that are only counted', () => {
  it('turn nobody away, and still tell who would have been banned', () => {
    const { connect, record } = limitsOf(upbitLimits, false);
    expect(new Set(times(30, () => connect()))).toEqual(new Set([101]));
    expect(record.total).toBe(25);
    expect(record.of('upbit').blocks).toBe(1);
  });
});

describe('a simulator with limits', () => {
  let simulator: Simulator;
  const probes = new SocketProbes();
  beforeEach(async () => {
    simulator = await startSimulator({ instruments: 12, eventsPerSecond: 50, seed: 8 });
  });
  afterEach(async () => {
    probes.end();
    await simulator.stop();
  });

  it('refuses sockets and calls with the words of the exchange, and tells of it', async () => {
    const url = `${simulator.url}/upbit/websocket/v1`;
    for (let count = 0; count < 5; count += 1) await probes.open(url);
    await expect(probes.open(url)).rejects.toThrow('429');
    const calls = await Promise.all(times(11, () => fetch(`${simulator.url}/upbit/v1/market/all`)));
    expect(
      calls
        .map(({ status }) => status)
        .sort()
        .at(-1),
    ).toBe(429);
    expect(await (await fetch(`${simulator.url}/control/bans`)).json()).toMatchObject({
      total: 2,
      exchanges: {
        upbit: {
          blocks: 0,
          rules: {
            maxConnectsInWindow: { max: 5, windowMs: 1_000, worst: 6, breaches: 1 },
            maxCallsPerSecond: { max: 10, worst: 11, breaches: 1 },
          },
        },
      },
    });
    expect(simulator.bans.total).toBe(2);
  });

  it('ends an Upbit connection that asks too often with TOO_MANY_REQUEST', async () => {
    const probe = await probes.open(`${simulator.url}/upbit/websocket/v1`);
    for (let count = 0; count < 6; count += 1) {
      probe.send([{ ticket: 't' }, { type: 'trade', codes: ['KRW-BTC'], is_only_realtime: true }]);
    }
    expect(await probe.frame(text => text.includes('error'))).toContain('TOO_MANY_REQUEST');
    expect(await probe.closed).toBe(1000);
    expect(simulator.bans.of('upbit').rules['maxMessagesPerSecond']).toMatchObject({ worst: 6 });
  });
});

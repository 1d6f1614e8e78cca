import { afterEach, describe, expect, it } from 'vitest';
import { type Simulator, startSimulator } from './simulator.ts';
import { member, parseExact } from './testing/exact-json.ts';
import { SocketProbes } from './testing/socket-probe.ts';
import type { TruthTrade } from './truth-log.ts';

let simulator: Simulator;
const probes = new SocketProbes();
afterEach(async () => {
  probes.end();
  await simulator.stop();
});

const MINUTE_MS = 60_000;
/** 2026-09-23 */
const DAY_START_MS = 1_790_121_600_000;

async function start(options: { atMs?: number; eventsPerSecond: number; truthCapacity?: number }): Promise<void> {
  const originMs = performance.now();
  const { atMs = Date.now(), ...rest } = options;
  simulator = await startSimulator({
    instruments: 30,
    seed: 21,
    ...rest,
    enforceLimits: false,
    now: () => atMs + performance.now() - originMs,
  });
}

async function rows(path: string): Promise<unknown[]> {
  const response = await fetch(`${simulator.url}${path}`);
  expect(response.status).toBe(200);
  return parseExact(await response.text()) as unknown[];
}

type Told = { id: string; price: number; size: number; time: number };

const told = ({ restId, price, size, exchangeTime }: TruthTrade): Told => ({
  id: restId,
  price: Number(price),
  size: Number(size),
  time: exchangeTime,
});

const read =
  (id: string, price: string, size: string, time: string) =>
  (row: unknown): Told => ({
    id: String(member(row, id)),
    price: Number(textOf(row, price)),
    size: Number(textOf(row, size)),
    time: Number(textOf(row, time)),
  });

/** Prices are quoted at Binance, numbers elsewhere. */
function textOf(row: unknown, key: string): string {
  return String(member(row, key));
}

describe('trades over REST', () => {
  it('are those of the truth, upwards by id at Binance, for as long as the truth reaches', async () => {
    await start({ eventsPerSecond: 1_000 });
    simulator.clock.run(20);
    const all = () => simulator.truth.trades({ exchange: 'binance', symbol: 'BTC/USDT' });
    await expect.poll(() => all().length, { timeout: 15_000 }).toBeGreaterThan(700);
    const truth = all().slice(0, 700);
    const found: Told[] = [];
    for (let fromId = truth[0]!.id; found.length < truth.length; fromId = String(Number(found.at(-1)!.id) + 1)) {
      const page = await rows(`/binance/api/v3/historicalTrades?symbol=BTCUSDT&fromId=${fromId}&limit=200`);
      found.push(...page.map(read('id', 'price', 'qty', 'time')));
    }
    expect(found.slice(0, truth.length)).toEqual(truth.map(told));
    const groups = Object.values(Object.groupBy(truth.slice(0, 600), trade => trade.aggregateId!));
    const page = await rows(`/binance/api/v3/aggTrades?symbol=BTCUSDT&fromId=${truth[0]!.aggregateId}&limit=300`);
    expect(page.map(row => [member(row, 'a'), member(row, 'f'), member(row, 'l')])).toEqual(
      groups.slice(0, page.length).map(group => [group![0]!.aggregateId, group![0]!.id, group!.at(-1)!.id]),
    );
  });

  it.each([
    ['upbit', 'days_ago'],
    ['bithumb', 'daysAgo'],
  ] as const)(
    'are those of the truth at %s, walking back by cursor to midnight, and from day to day across it',
    async (exchange, daysAgo) => {
      const midnightMs = exchange === 'upbit' ? DAY_START_MS : DAY_START_MS - 9 * 60 * MINUTE_MS;
      await start({ atMs: midnightMs - MINUTE_MS, eventsPerSecond: 200 });
      simulator.clock.run(100);
      const all = () => simulator.truth.trades({ exchange, symbol: 'BTC/KRW' });
      await expect.poll(() => simulator.clock.now(), { timeout: 15_000 }).toBeGreaterThan(midnightMs + MINUTE_MS);
      const truth = all();
      const path = `/${exchange}/v1/trades/ticks?market=KRW-BTC&count=500`;
      const dayBefore = async (days: number, last: string): Promise<Told[]> => {
        const found: Told[] = [];
        const day = days === 0 ? path : `${path}&${daysAgo}=${days}`;
        // Ids of Bithumb repeat, so a page begins again with the last one's id and what is known is passed over.
        for (let cursor = String(BigInt(last) + 1n); ; ) {
          const page = (await rows(`${day}&cursor=${cursor}`)).map(
            read('sequential_id', 'trade_price', 'trade_volume', 'timestamp'),
          );
          const known = found.filter(({ id }) => id === page[0]?.id).length;
          found.push(...page.slice(known));
          if (page.length < 500) return found.reverse();
          cursor = String(BigInt(page.at(-1)!.id) + 1n);
        }
      };
      const last = truth.at(-1)!.restId;
      const days = [await dayBefore(0, last), await dayBefore(1, last), await dayBefore(2, last)];
      const inTruth = Object.values(Object.groupBy(truth, ({ exchangeTime }) => Number(exchangeTime < midnightMs)));
      expect(days).toEqual([...inTruth.map(trades => trades!.map(told)), []]);
      expect(days[0]!.length).toBeGreaterThan(0);
      const [newestOfYesterday] = await rows(`${path}&${daysAgo}=1`);
      expect(String(member(newestOfYesterday, 'sequential_id'))).toBe(days[1]!.at(-1)!.id);
      for (const outOfRange of [0, 8, 'x']) {
        const answer = await fetch(`${simulator.url}${path}&${daysAgo}=${outOfRange}`);
        expect([answer.status, await answer.json()]).toMatchObject([
          exchange === 'upbit' ? 400 : 200,
          { error: { name: 400 } },
        ]);
      }
    },
  );

  it('of a market that nobody traded today are its last at Upbit, and none at Bithumb', async () => {
    await start({ atMs: DAY_START_MS - MINUTE_MS, eventsPerSecond: 200 });
    for (const exchange of ['upbit', 'bithumb'] as const)
      simulator.lifeCycle.apply({ change: 'quiet', exchange, symbol: 'BTC/KRW' });
    simulator.clock.shift(3 * 24 * 60 * MINUTE_MS);
    const lastId = (exchange: 'upbit' | 'bithumb') =>
      simulator.truth.trades({ exchange, symbol: 'BTC/KRW' }).at(-1)!.restId;
    const idsOf = async (path: string) => (await rows(path)).map(row => String(member(row, 'sequential_id')));
    expect(await idsOf('/upbit/v1/trades/ticks?market=KRW-BTC')).toEqual([lastId('upbit')]);
    expect(await idsOf('/bithumb/v1/trades/ticks?market=KRW-BTC')).toEqual([]);
    expect(await idsOf('/bithumb/v1/trades/ticks?market=KRW-BTC&daysAgo=3')).toEqual([lastId('bithumb')]);
  });

  it('end where the truth was forgotten', async () => {
    await start({ eventsPerSecond: 5_000, truthCapacity: 2_000 });
    const known = () => simulator.truth.trades({ exchange: 'upbit', symbol: 'BTC/KRW' });
    const first = known()[0]!.id;
    await expect.poll(() => known()[0]!.id, { timeout: 15_000 }).not.toBe(first);
    // Meanwhile more may be forgotten.
    const ids = known().map(({ id }) => id);
    const page = (await rows('/upbit/v1/trades/ticks?market=KRW-BTC&count=500')).map(row =>
      String(member(row, 'sequential_id')),
    );
    expect(page.at(-1)! >= ids[0]!).toBe(true);
    expect(page.length).toBeLessThan(500);
  });
});

describe('minutes', () => {
  it('are told by streams and lists exactly as the trades make them, and closed once at Binance', async () => {
    await start({ eventsPerSecond: 60 });
    const binance = await probes.open(`${simulator.url}/binance/stream?streams=btcusdt@kline_1m/btcusdt@trade`);
    const upbit = await probes.open(`${simulator.url}/upbit/websocket/v1`);
    upbit.send([{ ticket: 't' }, { type: 'candle.1m', codes: ['KRW-BTC'] }]);
    await upbit.take(1);
    simulator.clock.run(200);
    const klines = () =>
      binance.frames
        .map(({ text }) => JSON.parse(text).data as { e: string; k: Record<string, string | number | boolean> })
        .filter(({ e }) => e === 'kline')
        .map(({ k }) => k);
    const closed = () => klines().filter(({ x }) => x === true);
    await binance.until(() => closed().length >= 3);
    const truth = (exchange: 'binance' | 'upbit', symbol: string) =>
      new Map(simulator.truth.candles({ exchange, symbol }).map(candle => [candle.openTime, candle]));

    const ours = truth('binance', 'BTC/USDT');
    expect(new Set(closed().map(({ t }) => t)).size).toBe(closed().length);
    for (const { t, o, h, l, c, v, q, n, f, L } of closed()) {
      const { open, high, low, close, volume, quoteVolume, trades } = ours.get(Number(t))!;
      expect([o, h, l, c, v].map(Number)).toEqual([open, high, low, close, volume].map(Number));
      expect(Math.abs(Number(q) - Number(quoteVolume))).toBeLessThan(1e-6);
      expect([n, Number(L) - Number(f) + 1]).toEqual([trades, trades]);
      const inside = simulator.truth
        .trades({ exchange: 'binance', symbol: 'BTC/USDT' })
        .filter(({ exchangeTime }) => exchangeTime >= Number(t) && exchangeTime < Number(t) + MINUTE_MS);
      expect([String(f), String(L), inside.length]).toEqual([inside[0]!.id, inside.at(-1)!.id, trades]);
    }
    const after = klines();
    for (const [index, { t, x }] of after.entries()) {
      // Nothing of a minute comes after its last word.
      if (x === true) expect(after.slice(index + 1).some(later => later['t'] === t)).toBe(false);
    }

    const theirs = truth('upbit', 'BTC/KRW');
    const lastOf = new Map<number, Record<string, number | string>>();
    for (const { text } of upbit.frames) {
      const candle = JSON.parse(text) as Record<string, number | string>;
      lastOf.set(Date.parse(`${candle['candle_date_time_utc']}Z`), candle);
    }
    const minutes = [...lastOf.keys()].sort((a, b) => a - b).slice(1, -1);
    expect(minutes.length).toBeGreaterThanOrEqual(1);
    for (const openTime of minutes) {
      const { open, high, low, close, volume } = theirs.get(openTime)!;
      const frame = lastOf.get(openTime)!;
      expect([frame['opening_price'], frame['high_price'], frame['low_price'], frame['trade_price']]).toEqual(
        [open, high, low, close].map(Number),
      );
      expect(frame['candle_acc_trade_volume']).toBe(Number(volume));
    }
    const listed = (await rows('/upbit/v1/candles/minutes/1?market=KRW-BTC&count=4')).slice(1);
    for (const row of listed) {
      const candle = theirs.get(Date.parse(`${member(row, 'candle_date_time_utc')}Z`));
      expect(Number(member(row, 'candle_acc_trade_volume'))).toBe(Number(candle!.volume));
    }
    const lines = await (
      await fetch(`${simulator.url}/control/truth/candles?exchange=binance&symbol=BTC/USDT&limit=2`)
    ).text();
    expect(lines.trim().split('\n')).toHaveLength(2);
  });

  it('without a trade are absent', async () => {
    await start({ eventsPerSecond: 60 });
    const probe = await probes.open(`${simulator.url}/binance/stream?streams=btcusdt@kline_1m/ethusdt@kline_1m`);
    simulator.lifeCycle.apply({ change: 'quiet', exchange: 'binance', symbol: 'BTC/USDT' });
    const last = simulator.truth.trades({ exchange: 'binance', symbol: 'BTC/USDT' }).at(-1)!;
    simulator.clock.run(100);
    await probe.until(() => probe.frames.filter(({ text }) => /ETHUSDT.*"x":true/.test(text)).length >= 2);
    const minutes = probe.frames
      .filter(({ text }) => text.includes('"BTCUSDT"'))
      .map(({ text }) => (JSON.parse(text) as { data: { k: { t: number } } }).data.k.t);
    expect(minutes.every(openTime => openTime <= last.exchangeTime)).toBe(true);
  });
});

describe('the turn of the day', () => {
  it.each([
    ['upbit', DAY_START_MS],
    ['bithumb', DAY_START_MS - 9 * 60 * MINUTE_MS],
  ] as const)('makes %s count anew from the first trade of the day', async (exchange, midnightMs) => {
    await start({ atMs: midnightMs - 3_600_000, eventsPerSecond: 200 });
    simulator.clock.shiftToTimeOfDay((midnightMs - 10_000) % 86_400_000);
    const probe = await probes.open(`${simulator.url}/${exchange}/websocket/v1`);
    probe.send([{ ticket: 't' }, { type: 'ticker', codes: ['KRW-BTC'] }]);
    await probe.take(1);
    simulator.clock.run(20);
    const fresh = await probe.frame(text => Number(/"trade_timestamp":(\d+)/.exec(text)?.[1]) > midnightMs + 2_000);
    const ticker = JSON.parse(fresh) as Record<string, number>;
    const truth = simulator.truth.trades({ exchange, symbol: 'BTC/KRW' });
    const today = truth.filter(
      ({ exchangeTime }) => exchangeTime >= midnightMs && exchangeTime <= ticker['trade_timestamp']!,
    );
    const before = truth.findLast(({ exchangeTime }) => exchangeTime < midnightMs)!;
    expect(ticker['opening_price']).toBe(Number(today[0]!.price));
    expect(ticker['prev_closing_price']).toBe(Number(before.price));
    expect(ticker['high_price']).toBe(Math.max(...today.map(({ price }) => Number(price))));
    expect(ticker['acc_trade_volume']).toBeCloseTo(
      today.reduce((sum, { size }) => sum + Number(size), 0),
      8,
    );
    expect(ticker['acc_trade_volume_24h']!).toBeGreaterThan(ticker['acc_trade_volume']!);
  });
});

import { afterEach, expect, it } from 'vitest';
import { Distributor } from '../../ingest-node/distribution/distributor.ts';
import type { Heartbeat } from '../../ingest-node/exchanges/exchange-adapter.ts';
import { EXCHANGE_ADAPTERS } from '../../ingest-node/exchanges/registry.ts';
import { silentLogger } from '../../ingest-node/operations/logger.ts';
import { Leader } from '../../ingest-node/roles/leader.ts';
import type { Candle, Trade } from '../../shared/model/market-event.ts';
import { MINUTE_MS } from '../../shared/model/time.ts';
import { StreamLog } from '../../shared/stream/stream-log.ts';
import { type SimulatorOptions, startSimulator } from '../exchange-simulator/simulator.ts';
import { steadyClock } from './testing/steady-clock.ts';
import { trueCandles } from './testing/true-candles.ts';

const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

const told = (candles: readonly Candle[]): object =>
  Object.fromEntries(
    candles.map(({ symbol, open, high, low, close, volume }) => [symbol, { open, high, low, close, volume }]),
  );

const HOUR = 3_600_000;
const LEFT = 'XRP/KRW';

type Name = 'binance' | 'upbit' | 'bithumb';

/** A leader of these exchanges over the simulator, in fast minutes, and every candle that it publishes. */
async function startWorld(
  names: readonly Name[],
  instrumentsPerFeed: number,
  eventsPerSecond: number,
  heartbeat: Partial<Heartbeat> = {},
  timings: SimulatorOptions = {},
) {
  const clock = steadyClock(20);
  const { now } = clock;
  const quiet = { idleTimeoutMs: HOUR, statusIntervalMs: HOUR };
  const simulator = await startSimulator({ instruments: 40, eventsPerSecond, now, ...quiet, ...timings });
  stops.push(() => simulator.stop());
  const log = new StreamLog();
  const distributor = new Distributor({ log, clock, onHeartbeat: () => {} });
  const candles: Candle[] = [];
  /** When each of them was published. */
  const times: number[] = [];
  const states: string[] = [];
  /** Symbols that are not carried. */
  const left = new Set<string>();
  const trades: Trade[] = [];
  let next = 0;
  log.onChange(() => {
    for (; next < log.ring.end; next += 1) {
      for (const event of log.ring.at(next)?.batch.events ?? []) {
        if (event.type === 'trade') trades.push(event);
        if (event.type === 'candle') times[candles.push(event) - 1] = now();
      }
    }
  });
  distributor.begin({ epoch: 1_785_397_200, mayWrite: () => true }, []);
  const leader = new Leader({
    adapters: names.map(name => {
      const adapter = EXCHANGE_ADAPTERS[name];
      const limits = { ...adapter.limits, instrumentsPerFeed };
      return { ...adapter, limits, heartbeat: { ...adapter.heartbeat, ...heartbeat } };
    }),
    simulatorUrl: simulator.url,
    distributor,
    clock,
    logger: silentLogger,
    onInstruments: () => {},
    selects: ({ symbol }) => !left.has(symbol),
    onFeedState: (_, { state }) => states.push(state),
  });
  stops.push(() => leader.stop());
  leader.start();
  const isLive = () => {
    const feeds = leader.feeds();
    return feeds.every(({ state }) => state === 'live') && feeds.length >= names.length;
  };
  await expect.poll(isLive, { timeout: 10_000, interval: 10 }).toBe(true);
  return {
    simulator,
    leader,
    now,
    isLive,
    candles,
    times,
    trades,
    states,
    left,
    reach: (time: number) => expect.poll(now, { timeout: 60_000, interval: 5 }).toBeGreaterThan(time),
    closedOf: (name: Name, minute: number) =>
      candles.filter(({ exchange, openTime, closed }) => exchange === name && openTime === minute && closed),
    truthOf: (name: Name, minute: number) =>
      Object.fromEntries(
        [...trueCandles(simulator, name, minute)].map(([symbol, { quoteVolume: _, ...candle }]) => [symbol, candle]),
      ),
    expectEachClosedOnce: () => {
      const closed = candles.filter(candle => candle.closed);
      const keys = closed.map(({ exchange, symbol, openTime }) => `${exchange} ${symbol} ${openTime}`);
      expect(new Set(keys).size).toBe(closed.length);
    },
  };
}

it('a cut in the middle of a minute: every candle is closed as it truly was, what we build of what was read back', {
  timeout: 60_000,
}, async () => {
  const world = await startWorld(['upbit', 'bithumb'], 250, 60);
  const { simulator, now, isLive, candles, reach, closedOf, truthOf } = world;
  const cut = Math.ceil((now() + 3_000) / MINUTE_MS) * MINUTE_MS;
  const whole = cut + MINUTE_MS;
  await reach(cut + 25_000);
  const openOfBithumb = candles.filter(({ exchange, openTime }) => exchange === 'bithumb' && openTime === cut);
  expect(openOfBithumb.length).toBeGreaterThan(0);
  simulator.faults.inject({ fault: 'drop' });
  await expect.poll(isLive, { timeout: 5_000, interval: 2 }).toBe(false);
  await expect.poll(isLive, { timeout: 10_000, interval: 10 }).toBe(true);
  expect(now()).toBeLessThan(whole - 3_000);
  await reach(whole + MINUTE_MS + 6_000);

  for (const minute of [cut, whole]) {
    for (const name of ['upbit', 'bithumb'] as const) {
      expect(told(closedOf(name, minute)), `${name} ${minute}`).toEqual(truthOf(name, minute));
    }
  }
  world.expectEachClosedOnce();
});

it('one of two sockets dies in silence seconds before the minute ends: nothing wrong is closed, and nothing is missing', {
  timeout: 90_000,
}, async () => {
  const names = ['binance', 'upbit', 'bithumb'] as const;
  const world = await startWorld(names, 6, 120);
  const { simulator, leader, now, isLive, reach, closedOf, truthOf } = world;
  const perExchange = names.map(name => leader.feeds().filter(({ exchange }) => exchange === name).length);
  expect(Math.min(...perExchange)).toBeGreaterThan(1);
  const cut = Math.ceil((now() + 3_000) / MINUTE_MS) * MINUTE_MS;
  await reach(cut + 54_000);
  simulator.faults.inject({ fault: 'halfOpen', count: 1 });
  await reach(cut + MINUTE_MS + 6_000);
  const early = names.map(name => closedOf(name, cut).length);
  const traded = names.map(name => Object.keys(truthOf(name, cut)).length);
  await expect.poll(isLive, { timeout: 10_000, interval: 2 }).toBe(false);
  await expect.poll(isLive, { timeout: 10_000, interval: 10 }).toBe(true);
  await reach(cut + 4 * MINUTE_MS + 6_000);

  for (const [index, name] of names.entries()) {
    expect(early[index], `${name} on the living socket`).toBeGreaterThan(0);
    expect(early[index], `${name} on the dead socket`).toBeLessThan(traded[index]!);
    for (let minute = cut; minute <= cut + 3 * MINUTE_MS; minute += MINUTE_MS) {
      expect(told(closedOf(name, minute)), `${name} ${minute}`).toEqual(truthOf(name, minute));
    }
  }
  world.expectEachClosedOnce();
});

it('an outage over the ends of two minutes: every candle is closed as it truly was, those that were fetched in order', {
  timeout: 90_000,
}, async () => {
  const names = ['binance', 'upbit', 'bithumb'] as const;
  const world = await startWorld(names, 250, 60);
  const { simulator, leader, isLive, now, reach, candles, closedOf, truthOf } = world;
  const cut = Math.ceil((now() + 3_000) / MINUTE_MS) * MINUTE_MS;
  await reach(cut + 40_000);
  simulator.faults.inject({ fault: 'refuse', ms: 100_000 });
  simulator.faults.inject({ fault: 'drop' });
  await expect.poll(isLive, { timeout: 5_000, interval: 2 }).toBe(false);
  await reach(cut + 140_000);
  const before = candles.filter(({ closed, openTime }) => closed && openTime >= cut);
  expect(before, 'nobody knows these minutes yet').toEqual([]);
  await expect.poll(isLive, { timeout: 20_000, interval: 10 }).toBe(true);
  const last = now() - (now() % MINUTE_MS);
  await reach(last + MINUTE_MS + 8_000);
  const waiting = () => [...leader.missedCandles.counts(), ...leader.missedTrades.counts()].map(each => each.waiting);
  await expect.poll(() => Math.max(...waiting()), { timeout: 20_000 }).toBe(0);

  for (const name of names) {
    for (let minute = cut; minute <= last; minute += MINUTE_MS) {
      expect(told(closedOf(name, minute)), `${name} ${(minute - cut) / MINUTE_MS}`).toEqual(truthOf(name, minute));
    }
  }
  world.expectEachClosedOnce();
  const fetched = candles.filter(
    ({ closed, openTime }) => closed && (openTime === cut || openTime === cut + MINUTE_MS),
  );
  for (const ofOne of Map.groupBy(fetched, ({ exchange, symbol }) => `${exchange} ${symbol}`).values()) {
    const times = ofOne.map(({ openTime }) => openTime);
    expect(times).toEqual(times.toSorted((a, b) => a - b));
  }
  for (const counts of leader.missedCandles.counts()) {
    expect(counts.leftOutMinutes).toBe(0);
    expect(counts.backfilledCandles).toBeGreaterThan(0);
  }
});

it('quiet markets on quiet feeds are closed in time, by a sign of life', { timeout: 60_000 }, async () => {
  const world = await startWorld(['upbit', 'bithumb'], 2, 2, { controlPingEveryMs: null, silenceLimitMs: HOUR });
  const { simulator, now, reach, candles, times, truthOf, closedOf } = world;
  const minute = Math.ceil((now() + 3_000) / MINUTE_MS) * MINUTE_MS;
  await reach(minute + 3 * MINUTE_MS + 10_000);
  const waits = candles.flatMap(({ openTime, closed }, index) =>
    closed && openTime >= minute ? [times[index]! - openTime - MINUTE_MS] : [],
  );
  expect(waits.length).toBeGreaterThan(3);
  // 50 ms of this machine are a second here.
  expect(Math.max(...waits)).toBeLessThan(12_000);
  for (const name of ['upbit', 'bithumb'] as const) {
    for (const openTime of [minute, minute + MINUTE_MS, minute + 2 * MINUTE_MS]) {
      expect(told(closedOf(name, openTime)), `${name} ${openTime}`).toEqual(truthOf(name, openTime));
    }
  }
  expect(simulator.bans.total).toBe(0);
});

it('the way from the exchanges takes four seconds longer all of a sudden: nothing is closed before it is known', {
  timeout: 60_000,
}, async () => {
  const world = await startWorld(['upbit', 'bithumb'], 250, 60, {}, { statusIntervalMs: 50 });
  const { simulator, now, reach, states, truthOf, closedOf } = world;
  const minute = Math.ceil((now() + 3_000) / MINUTE_MS) * MINUTE_MS;
  await reach(minute + 56_000);
  const before = states.length;
  // 200 ms of this machine.
  expect(simulator.faults.inject({ fault: 'lateFrames', by: 200, ms: 60_000 }).struck).toBe(2);
  await reach(minute + 2 * MINUTE_MS + 16_000);
  expect(states.slice(before), 'nobody lost a connection').toEqual([]);
  for (const name of ['upbit', 'bithumb'] as const) {
    for (const openTime of [minute, minute + MINUTE_MS]) {
      expect(told(closedOf(name, openTime)), `${name} ${openTime}`).toEqual(truthOf(name, openTime));
    }
  }
  world.expectEachClosedOnce();
});

it('a socket that is dead when it is replaced by plan: what it did not bring is read back, and nothing wrong is closed', {
  timeout: 60_000,
}, async () => {
  const world = await startWorld(['upbit', 'bithumb'], 250, 20);
  const { simulator, leader, now, reach, states, left, trades, truthOf, closedOf } = world;
  const minute = Math.ceil((now() + 3_000) / MINUTE_MS) * MINUTE_MS;
  await reach(minute + 54_000);
  const before = states.length;
  expect(simulator.faults.inject({ fault: 'halfOpen' }).struck).toBe(2);
  await reach(minute + 57_000);
  left.add(LEFT);
  leader.replan();
  await reach(minute + 2 * MINUTE_MS + 8_000);
  expect(states.slice(before), 'nobody noticed').toEqual([]);
  for (const name of ['upbit', 'bithumb'] as const) {
    const known = new Set(trades.filter(({ exchange }) => exchange === name).map(contentOf));
    const missing = simulator.truth
      .trades(name)
      .filter(({ symbol }) => symbol !== LEFT)
      .filter(({ exchangeTime }) => exchangeTime >= minute && exchangeTime < minute + 2 * MINUTE_MS)
      .filter(trade => !known.has(contentOf(trade)));
    expect(missing, `${name} trades`).toEqual([]);
    for (const openTime of [minute, minute + MINUTE_MS]) {
      const closed = told(closedOf(name, openTime).filter(({ symbol }) => symbol !== LEFT));
      const { [LEFT]: _, ...truth } = truthOf(name, openTime);
      expect(closed, `${name} ${openTime}`).toEqual(truth);
    }
  }
  world.expectEachClosedOnce();
});

function contentOf(trade: Pick<Trade, 'symbol' | 'exchangeTime' | 'price' | 'size'>): string {
  return `${trade.symbol} ${trade.exchangeTime} ${trade.price} ${trade.size}`;
}

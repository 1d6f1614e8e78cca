import { afterEach, expect, it } from 'vitest';
import { Distributor } from '../../ingest-node/distribution/distributor.ts';
import { EXCHANGE_ADAPTERS } from '../../ingest-node/exchanges/registry.ts';
import { silentLogger } from '../../ingest-node/operations/logger.ts';
import { Leader } from '../../ingest-node/roles/leader.ts';
import type { Candle } from '../../shared/model/market-event.ts';
import { MINUTE_MS } from '../../shared/model/time.ts';
import { StreamLog } from '../../shared/stream/stream-log.ts';
import { startSimulator } from '../exchange-simulator/simulator.ts';
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

it('a cut in the middle of a minute: what is sent is closed as it truly was, what we build is not made', {
  timeout: 60_000,
}, async () => {
  const clock = steadyClock(20);
  const { now } = clock;
  const quiet = { idleTimeoutMs: 3_600_000, statusIntervalMs: 3_600_000 };
  const simulator = await startSimulator({ instruments: 40, eventsPerSecond: 60, now, ...quiet });
  stops.push(() => simulator.stop());
  const log = new StreamLog();
  const distributor = new Distributor({ log, clock, onHeartbeat: () => {} });
  const candles: Candle[] = [];
  let next = 0;
  log.onChange(() => {
    for (; next < log.ring.end; next += 1) {
      for (const event of log.ring.at(next)?.batch.events ?? []) if (event.type === 'candle') candles.push(event);
    }
  });
  distributor.begin({ epoch: 1_785_397_200, mayWrite: () => true }, []);
  const leader = new Leader({
    adapters: [EXCHANGE_ADAPTERS.upbit, EXCHANGE_ADAPTERS.bithumb],
    simulatorUrl: simulator.url,
    distributor,
    clock,
    logger: silentLogger,
    onInstruments: () => {},
  });
  stops.push(() => leader.stop());
  leader.start();
  const isLive = () => leader.feeds().every(({ state }) => state === 'live') && leader.feeds().length === 2;
  const reach = (time: number) => expect.poll(now, { timeout: 30_000, interval: 10 }).toBeGreaterThan(time);
  await expect.poll(isLive, { timeout: 10_000, interval: 10 }).toBe(true);

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

  const closedOf = (name: string, minute: number) =>
    candles.filter(({ exchange, openTime, closed }) => exchange === name && openTime === minute && closed);
  const truthOf = (exchange: 'upbit' | 'bithumb', minute: number) =>
    Object.fromEntries(
      [...trueCandles(simulator, exchange, minute)].map(([symbol, { quoteVolume: _, ...candle }]) => [symbol, candle]),
    );
  expect(told(closedOf('upbit', cut))).toEqual(truthOf('upbit', cut));
  expect(closedOf('bithumb', cut)).toEqual([]);
  expect(told(closedOf('upbit', whole))).toEqual(truthOf('upbit', whole));
  expect(told(closedOf('bithumb', whole))).toEqual(truthOf('bithumb', whole));
  const closed = candles.filter(candle => candle.closed);
  expect(new Set(closed.map(({ exchange, symbol, openTime }) => `${exchange} ${symbol} ${openTime}`)).size).toBe(
    closed.length,
  );
});

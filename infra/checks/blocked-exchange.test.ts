/**
 * Who is shut out by an exchange asks nothing more of what is shut, by REST as by socket, until the time it was told is
 * over; and goes on with what is not shut. The simulator serves all on one port, so only what the adapter knows of its
 * exchange tells the two apart.
 */
import { setImmediate } from 'node:timers/promises';
import { afterEach, expect, test } from 'vitest';
import { EXCHANGE_ADAPTERS } from '../../ingest-node/exchanges/registry.ts';
import { ExchangeFeeds } from '../../ingest-node/feeds/exchange-feeds.ts';
import { ManualClock } from '../../shared/base/testing/manual-clock.ts';
import type { ExchangeName } from '../../shared/model/exchange.ts';
import type { Fault } from '../exchange-simulator/control/fault.ts';
import { startSimulator } from '../exchange-simulator/simulator.ts';

const stops: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

const MINUTE_MS = 60_000;
const SOON = { timeout: 15_000, interval: 5 };

/** Both sides live by a clock that the test moves; what is on its way between them takes real time. */
async function start(exchange: ExchangeName) {
  const clock = new ManualClock();
  const simulator = await startSimulator({ instruments: 40, eventsPerSecond: 10, now: () => clock.now() });
  stops.push(() => simulator.stop());
  const adapter = EXCHANGE_ADAPTERS[exchange];
  const feeds = new ExchangeFeeds({
    adapter,
    simulatorUrl: simulator.url,
    clock,
    random: () => 0.5,
    refreshMarketsEveryMs: MINUTE_MS,
    onFrame: (bytes, receivedTime, instruments) => adapter.convert(bytes, receivedTime, instruments),
    onFeedState: () => {},
    onInstruments: () => {},
  });
  stops.push(() => feeds.stop());
  /** What was asked must have arrived before it may be judged. */
  const pass = async (ms: number) => {
    for (let passed = 0; passed < ms; passed += 1_000) {
      await clock.advanceAndSettle(1_000);
      for (let turn = 0; turn < 5; turn++) await setImmediate();
    }
  };
  const states = () => new Set(feeds.status().map(({ key, state }) => `${key.replace(/\d+$/, '')} ${state}`));
  /** Lets time pass for as long as this does not hold. */
  const until = <T>(look: () => T) =>
    expect.poll(async () => {
      await pass(1_000);
      return look();
    }, SOON);
  const live = () => until(() => [...states()]).toEqual([`${exchange}- live`]);
  feeds.start();
  await live();
  return { simulator, feeds, pass, until, live };
}

type Case = { exchange: ExchangeName; first: 'rest' | 'sockets'; minutes: number };

test.each<Case>([
  { exchange: 'upbit', first: 'sockets', minutes: 25 },
  { exchange: 'upbit', first: 'rest', minutes: 25 },
  { exchange: 'binance', first: 'sockets', minutes: 25 },
  { exchange: 'binance', first: 'rest', minutes: 25 },
  { exchange: 'bithumb', first: 'sockets', minutes: 10 },
  { exchange: 'bithumb', first: 'rest', minutes: 10 },
])('$exchange shuts our address out for $minutes min, met by $first first: nothing is asked', async world => {
  const { exchange, first, minutes } = world;
  const { simulator, feeds, pass, until, live } = await start(exchange);
  simulator.faults.inject({ fault: 'block', exchange, ms: minutes * MINUTE_MS });
  const drop: Fault = { fault: 'drop', exchange };
  if (first === 'sockets') simulator.faults.inject(drop);
  await until(() => feeds.connects.heldForMs).toBeGreaterThan((minutes - 1) * MINUTE_MS);
  if (first === 'rest') simulator.faults.inject(drop);
  await pass((minutes - 1.5) * MINUTE_MS);
  expect(feeds.status().every(({ state }) => state !== 'live')).toBe(true);
  expect(simulator.bans.total).toBe(0);
  await pass(2 * MINUTE_MS);
  await live();
  expect(simulator.bans.total).toBe(0);
});

test('binance: what its firewall refuses by REST does not stop the sockets', async () => {
  const { simulator, feeds, pass, until } = await start('binance');
  const states = () => feeds.status().map(({ state }) => state);
  simulator.faults.inject({ fault: 'block', exchange: 'binance', ms: 10 * MINUTE_MS, at: 'rest', status: 403 });
  await until(states).toEqual(['live', 'stale']);
  simulator.faults.inject({ fault: 'drop', exchange: 'binance' });
  await expect.poll(states, SOON).toEqual(['down', 'stale']);
  await until(states).toEqual(['live', 'stale']);
  await pass(8 * MINUTE_MS);
  expect(simulator.bans.total).toBe(0);
});

test.each(['upbit', 'bithumb'] as const)(
  '%s: too many messages end in a pause, though the close is polite',
  async exchange => {
    const { simulator, pass, live } = await start(exchange);
    const connects = () => simulator.stats().exchanges[exchange].connects;
    const before = connects();
    simulator.faults.inject({ fault: 'errorFrame', exchange, name: 'TOO_MANY_REQUEST' });
    const open = () => simulator.stats().exchanges[exchange].sockets.length;
    await expect.poll(open, SOON).toBe(0);
    await pass(50_000);
    expect(connects()).toBe(before);
    await pass(15_000);
    await live();
  },
);

test('binance: what another process spends behind our address holds us back until the next minute', async () => {
  const { simulator, feeds, pass } = await start('binance');
  await pass(MINUTE_MS - (simulator.clock.now() % MINUTE_MS));
  const others = `${simulator.url}/binance/api/v3/depth?symbol=BTCUSDT&limit=5000`;
  for (let count = 0; count < 20; count++) await (await fetch(others)).arrayBuffer();
  const { signal } = new AbortController();
  await feeds.rest.get(`${feeds.endpoints.restUrl}/api/v3/time`, signal, 'weight');
  let isGranted = false;
  void feeds.restBudget.acquire('weight', 250, signal).then(() => {
    isGranted = true;
  });
  await pass(30_000);
  expect(isGranted).toBe(false);
  await pass(35_000);
  expect(isGranted).toBe(true);
});

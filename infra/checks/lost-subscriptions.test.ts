/** A subscription that gets lost, or is refused, leaves no market behind: the real adapters and feeds, the simulator's word. */
import { afterEach, expect, test } from 'vitest';
import { EXCHANGE_ADAPTERS } from '../../ingest-node/exchanges/registry.ts';
import { ExchangeFeeds } from '../../ingest-node/feeds/exchange-feeds.ts';
import type { FeedReport } from '../../ingest-node/feeds/feed.ts';
import type { ExchangeName } from '../../shared/model/exchange.ts';
import type { Instrument } from '../../shared/model/instrument.ts';
import { steadyClock } from '../chaos/testing/steady-clock.ts';
import type { Fault } from '../exchange-simulator/control/fault.ts';
import { type Simulator, startSimulator } from '../exchange-simulator/simulator.ts';

const stops: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

const SPEED = 10;
const SOON = { timeout: 30_000, interval: 20 };

/** One exchange with 200 instruments, struck before it is asked. Both sides live ten times as fast. */
async function subscribe(exchange: ExchangeName, ...faults: readonly Fault[]) {
  const clock = steadyClock(SPEED);
  const others = { binance: 4, upbit: 4, bithumb: 4, coinone: 4 };
  const simulator = await startSimulator({
    instruments: { ...others, [exchange]: 120 },
    eventsPerSecond: 100,
    now: clock.now,
  });
  stops.push(() => simulator.stop());
  for (const fault of faults) simulator.faults.inject(fault);
  const adapter = EXCHANGE_ADAPTERS[exchange];
  const reports: FeedReport[] = [];
  const regained = new Set<string>();
  let listed: readonly Instrument[] = [];
  const feeds = new ExchangeFeeds({
    adapter,
    simulatorUrl: simulator.url,
    clock,
    onFrame: (bytes, receivedTime, instruments) => adapter.convert(bytes, receivedTime, instruments),
    onFeedState: report => reports.push(report),
    onCarried: (_, added) => {
      for (const { symbol } of added) regained.add(symbol);
    },
    onInstruments: instruments => {
      listed = instruments;
    },
  });
  stops.push(() => feeds.stop());
  feeds.start();
  await expect.poll(() => listed.length, SOON).toBeGreaterThan(100);
  return { simulator, feeds, reports, regained, listed };
}

function subscriptions(simulator: Simulator, exchange: ExchangeName): number {
  const { sockets } = simulator.stats().exchanges[exchange];
  return sockets.flatMap(socket => Object.values(socket.subscriptions)).reduce((sum, count) => sum + count, 0);
}

test.each(['binance', 'coinone'] as const)('%s: a lost subscription is asked again', async exchange => {
  const { simulator, feeds, reports, regained, listed } = await subscribe(exchange, {
    fault: 'failSubscribe',
    exchange,
    how: 'lose',
  });
  const all = listed.length * EXCHANGE_ADAPTERS[exchange].channels.length;
  await expect.poll(() => subscriptions(simulator, exchange), SOON).toBe(all);
  await expect.poll(() => feeds.status(), SOON).toMatchObject([{ state: 'live', reason: null }]);
  expect(reports.some(({ reason }) => reason?.includes('asked again'))).toBe(true);
  expect(regained.size).toBe(exchange === 'binance' ? 40 : 1);
  expect([simulator.stats().exchanges[exchange].connects, simulator.bans.total]).toEqual([1, 0]);
});

test('binance: one market that is refused for good is told, and takes none of its 39 neighbours with it', async () => {
  const { simulator, feeds, listed } = await subscribe('binance', {
    fault: 'failSubscribe',
    exchange: 'binance',
    how: 'refuse',
    code: 'ETHUSDT',
    count: 1_000,
  });
  const all = (listed.length - 1) * EXCHANGE_ADAPTERS.binance.channels.length;
  await expect.poll(() => subscriptions(simulator, 'binance'), SOON).toBe(all);
  await expect
    .poll(() => feeds.status(), SOON)
    .toMatchObject([
      { state: 'live', reason: expect.stringMatching(/^refused by the exchange: 2 .* \(ETHUSDT .* and 3 more\)$/) },
    ]);
  expect([simulator.stats().exchanges.binance.connects, simulator.bans.total]).toEqual([1, 0]);
});

test('a refused subscription that is one for all is asked on another socket', async () => {
  const fault: Fault = { fault: 'failSubscribe', exchange: 'upbit', how: 'refuse' };
  const { simulator, feeds, listed } = await subscribe('upbit', fault);
  await expect.poll(() => subscriptions(simulator, 'upbit'), SOON).toBe(listed.length * 4);
  await expect.poll(() => feeds.status(), SOON).toMatchObject([{ state: 'live', reason: null }]);
  expect(simulator.bans.total).toBe(0);
});

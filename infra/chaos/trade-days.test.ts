import { afterEach, expect, it } from 'vitest';
import { Distributor } from '../../ingest-node/distribution/distributor.ts';
import { EXCHANGE_ADAPTERS } from '../../ingest-node/exchanges/registry.ts';
import { silentLogger } from '../../ingest-node/operations/logger.ts';
import { Leader } from '../../ingest-node/roles/leader.ts';
import { type Clock, systemClock } from '../../shared/base/clock.ts';
import type { TradeGap } from '../../shared/model/market-event.ts';
import { StreamLog } from '../../shared/stream/stream-log.ts';
import { startSimulator } from '../exchange-simulator/simulator.ts';
import { TradeLedger } from './testing/trade-ledger.ts';

const KOREAN = ['upbit', 'bithumb'] as const;
const DAY_MS = 24 * 60 * 60_000;
const OUTAGE_PART_MS = 1_500;

const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

const passed = (ms: number) => new Promise<void>(resolve => setTimeout(resolve, ms));

/** A node that leads against exchanges whose days a test can turn. */
async function startWorld() {
  const seed = Number(process.env['SEED'] ?? Date.now() % 2 ** 31);
  console.log(`trades across days: SEED=${seed}`);
  const instruments = { binance: 1, upbit: 5, bithumb: 5, coinone: 1 };
  const simulator = await startSimulator({ instruments, eventsPerSecond: 200, seed });
  stops.push(() => simulator.stop());
  const clock: Clock = { ...systemClock, now: simulator.clock.now };
  const log = new StreamLog();
  const distributor = new Distributor({ log, clock, onHeartbeat: () => {} });
  distributor.begin({ epoch: 1_785_397_200, mayWrite: () => true }, []);
  const leader = new Leader({
    adapters: KOREAN.map(exchange => EXCHANGE_ADAPTERS[exchange]),
    simulatorUrl: simulator.url,
    distributor,
    clock,
    logger: silentLogger,
    onInstruments: () => {},
  });
  stops.push(() => leader.stop());
  leader.start();
  const isLive = () => leader.feeds().length > 1 && leader.feeds().every(({ state }) => state === 'live');
  await expect.poll(isLive, { timeout: 10_000 }).toBe(true);
  const unanchored = () => leader.missedTrades.counts().map(count => count.unanchored);
  await expect.poll(unanchored, { timeout: 15_000 }).toEqual([0, 0]);

  const ledger = new TradeLedger(simulator.clock.now());
  const gaps: TradeGap[] = [];
  let next = log.ring.end;
  log.onChange(() => {
    for (; next < log.ring.end; next++) {
      for (const event of log.ring.at(next)?.batch.events ?? []) {
        if (event.type === 'trade') ledger.came(event);
        if (event.type === 'gap') gaps.push(event);
      }
    }
  });

  /** Nothing can be reached for a while, in the middle of which days pass. */
  const outage = async (days: number): Promise<number> => {
    simulator.faults.inject({ fault: 'refuse', ms: 60_000 });
    simulator.faults.inject({ fault: 'drop' });
    await passed(OUTAGE_PART_MS);
    simulator.clock.shift(days * DAY_MS);
    const after = simulator.clock.now();
    await passed(OUTAGE_PART_MS);
    simulator.faults.inject({ fault: 'clear' });
    await expect.poll(isLive, { timeout: 20_000 }).toBe(true);
    return after;
  };
  let read = simulator.truth.lastIndex;
  /** What happened until now and did not come. */
  const missing = (): string[] => {
    for (const exchange of KOREAN) {
      for (const trade of simulator.truth.trades({ exchange, afterIndex: read })) ledger.happened(trade);
    }
    read = simulator.truth.lastIndex;
    return ledger.open(simulator.clock.now() - 1_000, 'missing');
  };
  const surplus = (): string[] => {
    missing();
    return ledger.open(Number.POSITIVE_INFINITY, 'surplus');
  };
  const settled = async () => {
    const waiting = () => leader.missedTrades.counts().map(count => count.waiting);
    await passed(2_000);
    await expect.poll(waiting, { timeout: 30_000 }).toEqual([0, 0]);
  };
  return { leader, gaps, outage, missing, surplus, settled };
}

it('[GAP1] what was missed over a midnight and a day without any trade is published once, and no gap is declared', async () => {
  const { leader, gaps, outage, missing, surplus, settled } = await startWorld();
  await outage(2);
  await expect.poll(missing, { timeout: 30_000, interval: 250 }).toEqual([]);
  await settled();
  expect(surplus()).toEqual([]);
  expect(gaps).toEqual([]);
  for (const { backfilledTrades } of leader.missedTrades.counts()) expect(backfilledTrades).toBeGreaterThan(0);
}, 60_000);

it('[GAP1] of an outage that is older than the oldest day to be had, the rest is published, and a gap tells of each market that lost a trade', async () => {
  const { gaps, outage, missing, surplus, settled } = await startWorld();
  const after = await outage(9);
  const tooOld = () => missing().filter(name => Number(name.match(/ (\d{13}(?:\.\d+)?) \(/)?.[1]) >= after);
  await expect.poll(tooOld, { timeout: 30_000, interval: 250 }).toEqual([]);
  await settled();
  expect(surplus()).toEqual([]);
  const marketOf = (name: string) => name.split(' ').slice(0, 2).join(' ');
  const declared = gaps.map(({ exchange, symbol }) => `${exchange} ${symbol}`);
  expect(new Set(declared).size).toBe(declared.length);
  const lost = missing();
  expect(lost.length).toBeGreaterThan(0);
  expect(declared).toEqual(expect.arrayContaining(lost.map(marketOf)));
  for (const { afterTime } of gaps) expect(afterTime).toBeLessThan(after - 8 * DAY_MS);
}, 60_000);

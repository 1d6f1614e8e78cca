import { afterEach, expect, it } from 'vitest';
import { Distributor } from '../../ingest-node/distribution/distributor.ts';
import { EXCHANGE_ADAPTERS } from '../../ingest-node/exchanges/registry.ts';
import { silentLogger } from '../../ingest-node/operations/logger.ts';
import { Leader } from '../../ingest-node/roles/leader.ts';
import { systemClock } from '../../shared/base/clock.ts';
import type { TradeGap } from '../../shared/model/market-event.ts';
import { StreamLog } from '../../shared/stream/stream-log.ts';
import { Prng } from '../exchange-simulator/market/prng.ts';
import { startSimulator } from '../exchange-simulator/simulator.ts';
import { TradeLedger } from './testing/trade-ledger.ts';

const STRUCK_FOR_MS = 60_000;
const STALL_MS = 3_000;

const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

/**
 * Markets that trade every few seconds, at an exchange whose REST has other ids than its frames: the last trade of a market
 * is what its next subscription is answered with, so a trade that was fetched comes again, and interruptions fall into the
 * search for what the one before swallowed.
 */
it('[TRD1] cuts and stalls in any order: each trade of hundreds of quiet markets is published once, and no gap is declared', async () => {
  const seed = Number(process.env['SEED'] ?? Date.now() % 2 ** 31);
  console.log(`quiet markets: SEED=${seed}`);
  const random = new Prng(seed);
  const instruments = { binance: 1, upbit: 1, bithumb: 300, coinone: 1 };
  const simulator = await startSimulator({ instruments, eventsPerSecond: 600, seed });
  stops.push(() => simulator.stop());
  const log = new StreamLog();
  const distributor = new Distributor({ log, clock: systemClock, onHeartbeat: () => {} });
  distributor.begin({ epoch: 1_785_397_200, mayWrite: () => true }, []);
  const leader = new Leader({
    adapters: [EXCHANGE_ADAPTERS.bithumb],
    simulatorUrl: simulator.url,
    distributor,
    clock: systemClock,
    logger: silentLogger,
    onInstruments: () => {},
  });
  stops.push(() => leader.stop());
  const isLive = () => leader.feeds().length > 0 && leader.feeds().every(({ state }) => state === 'live');
  const passed = (ms: number) => new Promise<void>(resolve => setTimeout(resolve, ms));
  leader.start();
  await expect.poll(isLive, { timeout: 10_000 }).toBe(true);
  await expect.poll(() => leader.missedTrades.counts()[0]?.unanchored, { timeout: 20_000 }).toBe(0);

  const ledger = new TradeLedger(Date.now());
  const from = simulator.truth.lastIndex;
  const gaps: TradeGap[] = [];
  let next = log.ring.end;
  const take = () => {
    for (; next < log.ring.end; next++) {
      for (const event of log.ring.at(next)?.batch.events ?? []) {
        if (event.type === 'trade') ledger.came(event);
        if (event.type === 'gap') gaps.push(event);
      }
    }
  };
  log.onChange(take);
  for (const end = performance.now() + STRUCK_FOR_MS; performance.now() < end; ) {
    const isCut = random.unit() < 0.5;
    simulator.faults.inject(
      isCut ? { fault: 'drop', exchange: 'bithumb' } : { fault: 'stall', exchange: 'bithumb', ms: STALL_MS },
    );
    await passed(STALL_MS + 500 + random.int(3_000));
  }
  await expect.poll(isLive, { timeout: 70_000 }).toBe(true);
  const until = Date.now();
  let read = from;
  const missing = () => {
    for (const trade of simulator.truth.trades({ exchange: 'bithumb', afterIndex: read })) {
      ledger.happened(trade);
      read = trade.index;
    }
    return ledger.open(until, 'missing');
  };
  await expect.poll(missing, { timeout: 60_000, interval: 500 }).toEqual([]);
  const settled = () => leader.missedTrades.counts()[0]?.waiting;
  await expect.poll(settled, { timeout: 60_000, interval: 500 }).toBe(0);
  missing();
  console.log(JSON.stringify(leader.missedTrades.counts()));
  expect(ledger.open(Date.now() - 1_000, 'surplus')).toEqual([]);
  expect(gaps).toEqual([]);
  expect(leader.missedTrades.counts()[0]?.backfilledTrades).toBeGreaterThan(0);
}, 300_000);

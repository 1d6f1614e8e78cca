import { afterEach, expect, it } from 'vitest';
import { Distributor } from '../../ingest-node/distribution/distributor.ts';
import { EXCHANGE_ADAPTERS } from '../../ingest-node/exchanges/registry.ts';
import { silentLogger } from '../../ingest-node/operations/logger.ts';
import { Leader } from '../../ingest-node/roles/leader.ts';
import { systemClock } from '../../shared/base/clock.ts';
import type { MarketEvent, Trade, TradeGap } from '../../shared/model/market-event.ts';
import { StreamLog } from '../../shared/stream/stream-log.ts';
import { Prng } from '../exchange-simulator/market/prng.ts';
import { type Simulator, startSimulator } from '../exchange-simulator/simulator.ts';

const EXCHANGES = ['binance', 'upbit', 'bithumb', 'coinone'] as const;
const FAULTS_FOR_MS = 7_000;
/** Shorter than one second is not noticed without contiguous ids: a real socket delivers late, it does not swallow. */
const STALL_MS = { least: 1_200, spread: 900 };

const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

/** Everything that the leading node's stream carries, sealed. */
class Stream {
  readonly trades: Trade[] = [];
  readonly gaps: TradeGap[] = [];
  readonly #log = new StreamLog();
  readonly distributor = new Distributor({ log: this.#log, clock: systemClock, onHeartbeat: () => {} });
  #next = 0;

  constructor() {
    this.#log.onChange(() => this.#read());
    this.distributor.begin({ epoch: 1_785_397_200, mayWrite: () => true }, []);
  }

  #read(): void {
    for (; this.#next < this.#log.ring.end; this.#next += 1) {
      for (const event of this.#log.ring.at(this.#next)?.batch.events ?? []) this.#take(event);
    }
  }

  #take(event: MarketEvent): void {
    if (event.type === 'trade') this.trades.push(event);
    if (event.type === 'gap') this.gaps.push(event);
  }
}

type Told = Pick<Trade, 'exchange' | 'symbol' | 'price' | 'size' | 'takerSide'> & { readonly id: string };

/** By id where REST and socket share it, else by what happened. */
function nameOf(trade: Told, time: number | null): string {
  const { exchange, symbol, id, price, size, takerSide } = trade;
  return exchange === 'bithumb' || exchange === 'coinone'
    ? `${exchange} ${symbol} ${time} ${price} ${size} ${takerSide}`
    : `${exchange} ${symbol} ${id}`;
}

function countNames(names: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return counts;
}

const truthNames = (simulator: Simulator, from: number, to: number) =>
  EXCHANGES.flatMap(exchange => simulator.truth.trades({ exchange, afterIndex: from }))
    .filter(({ index }) => index <= to)
    .map(trade => nameOf(trade, trade.exchangeTime));

it('[TRD1] what cuts and stalls made the feeds miss is published once, and no gap is declared that REST could fill', async () => {
  const seed = Date.now() % 2 ** 31;
  console.log(`trade backfill under faults: seed ${seed}`);
  const random = new Prng(seed);
  const simulator = await startSimulator({ instruments: 32, eventsPerSecond: 500, seed });
  stops.push(() => simulator.stop());
  const stream = new Stream();
  const leader = new Leader({
    adapters: EXCHANGES.map(exchange => EXCHANGE_ADAPTERS[exchange]),
    simulatorUrl: simulator.url,
    distributor: stream.distributor,
    clock: systemClock,
    logger: silentLogger,
    onInstruments: () => {},
  });
  stops.push(() => leader.stop());
  const passed = (ms: number) => new Promise<void>(resolve => setTimeout(resolve, ms));
  leader.start();
  await expect
    .poll(() => leader.feeds().map(({ state }) => state), { timeout: 5_000 })
    .toEqual(EXCHANGES.map(() => 'live'));
  const unanchored = () => leader.missedTrades.counts().map(count => count.unanchored);
  await expect.poll(unanchored, { timeout: 15_000 }).toEqual(EXCHANGES.map(() => 0));

  const from = simulator.truth.lastIndex;
  let faults = 0;
  let stalledUntil = 0;
  for (const end = systemClock.monotonic() + FAULTS_FOR_MS; systemClock.monotonic() < end; faults += 1) {
    const exchange = EXCHANGES[random.int(EXCHANGES.length)] ?? 'upbit';
    if (random.unit() < 0.5) simulator.faults.inject({ fault: 'drop', exchange });
    else {
      const ms = STALL_MS.least + random.int(STALL_MS.spread);
      simulator.faults.inject({ fault: 'stall', exchange, ms });
      stalledUntil = Math.max(stalledUntil, systemClock.monotonic() + ms);
    }
    await passed(200 + random.int(1_200));
  }
  // A stall that were cut short would be one that cannot be noticed.
  await passed(Math.max(0, stalledUntil - systemClock.monotonic()));
  const to = simulator.truth.lastIndex;

  const expected = truthNames(simulator, from, to);
  const wanted = countNames(expected);
  const missing = () => {
    const got = countNames(stream.trades.map(trade => nameOf(trade, trade.exchangeTime)));
    return [...wanted].filter(([name, count]) => (got.get(name) ?? 0) < count).map(([name]) => name);
  };
  await expect.poll(missing, { timeout: 25_000, interval: 250 }).toEqual([]);
  const settled = () => leader.missedTrades.counts().map(({ waiting }) => waiting);
  await expect.poll(settled, { timeout: 10_000 }).toEqual(EXCHANGES.map(() => 0));

  const counts = leader.missedTrades.counts();
  console.log(`${faults} faults, ${expected.length} trades; ${JSON.stringify(counts)}`);
  const happened = countNames(truthNames(simulator, -1, simulator.truth.lastIndex));
  const got = countNames(stream.trades.map(trade => nameOf(trade, trade.exchangeTime)));
  expect([...got].filter(([name, count]) => count > (happened.get(name) ?? 0))).toEqual([]);
  expect(stream.gaps).toEqual([]);
  expect(counts.reduce((sum, { backfilledTrades }) => sum + backfilledTrades, 0)).toBeGreaterThan(0);
}, 60_000);

/** While two sockets carry the same markets, of which the older one lags, nothing that is shown goes back. */
import { afterEach, expect, test } from 'vitest';
import { Distributor } from '../../ingest-node/distribution/distributor.ts';
import { EXCHANGE_ADAPTERS } from '../../ingest-node/exchanges/registry.ts';
import { silentLogger } from '../../ingest-node/operations/logger.ts';
import { Leader } from '../../ingest-node/roles/leader.ts';
import { systemClock } from '../../shared/base/clock.ts';
import type { MarketEvent } from '../../shared/model/market-event.ts';
import { StreamLog } from '../../shared/stream/stream-log.ts';
import { startSimulator } from '../exchange-simulator/simulator.ts';

const EXCHANGES = ['binance', 'upbit', 'bithumb'] as const;
const BUILT = ['BTC/USDT', 'ETH/USDT', 'SOL/USDT'];
const SOON = { timeout: 20_000, interval: 20 };
/** Less than a change of a built book waits for those before it. */
const LATE_MS = 250;

/** Writes down what went back: a state that is older than one that was published before. */
class Witness extends Distributor {
  readonly wentBack: string[] = [];
  readonly #newest = new Map<string, number>();

  override offer(events: readonly MarketEvent[]): void {
    for (const event of events) {
      if (event.type !== 'orderBook' && event.type !== 'quote' && event.type !== 'ticker') continue;
      const order = event.type === 'orderBook' ? Number(event.sequence ?? event.exchangeTime) : event.exchangeTime;
      if (order === null) continue;
      const name = `${event.type} ${event.exchange} ${event.symbol}`;
      const newest = this.#newest.get(name) ?? 0;
      if (order < newest) this.wentBack.push(`${name}: ${order} after ${newest}`);
      this.#newest.set(name, Math.max(order, newest));
    }
  }
}

let stop: () => Promise<unknown> = async () => {};
afterEach(() => stop());

test('books, quotes and tickers only go forward, and no book loses its place', { timeout: 60_000 }, async () => {
  const simulator = await startSimulator({
    instruments: { binance: 8, upbit: 8, bithumb: 8, coinone: 1 },
    eventsPerSecond: 600,
  });
  const witness = new Witness({ log: new StreamLog(), clock: systemClock, onHeartbeat: () => {} });
  const leader = new Leader({
    adapters: EXCHANGES.map(exchange => EXCHANGE_ADAPTERS[exchange]),
    simulatorUrl: simulator.url,
    distributor: witness,
    clock: systemClock,
    logger: silentLogger,
    onInstruments: () => {},
    deltaSymbols: { binance: new Set(BUILT) },
    refreshMarketsEveryMs: 1_000,
  });
  stop = () => Promise.all([leader.stop(), simulator.stop()]);
  leader.start();
  const books = () => leader.deltaBookCounts()[0]!;
  await expect.poll(() => [books().live, books().waiting], SOON).toEqual([BUILT.length, 0]);
  await expect.poll(() => leader.isWarm(new Set(EXCHANGES)), SOON).toBe(true);
  const refused = () =>
    EXCHANGES.map(exchange => leader.converter.counts().byExchange.find(counts => counts.exchange === exchange)!)
      .filter(({ outdatedStates }) => outdatedStates === 0)
      .map(({ exchange }) => exchange);

  simulator.faults.inject({ fault: 'lateFrames', by: LATE_MS, ms: 6_000 });
  for (const exchange of EXCHANGES) {
    const quote = exchange === 'binance' ? 'USDT' : 'KRW';
    expect(simulator.lifeCycle.apply({ change: 'list', exchange, symbol: `NEWCOIN/${quote}`, usd: 3 })).toBeNull();
  }
  await expect.poll(refused, SOON).toEqual([]);
  await expect
    .poll(() => EXCHANGES.map(exchange => simulator.stats().exchanges[exchange].sockets.length), SOON)
    .toEqual([1, 1, 1]);
  expect(witness.wentBack).toEqual([]);
  expect(books()).toMatchObject({ live: BUILT.length, waiting: 0, gaps: 0, crossed: 0 });
});

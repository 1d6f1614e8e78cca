import { expect } from 'vitest';
import type { DeltaBookCounts } from '../../../ingest-node/conversion/delta-books.ts';
import { findModelViolation } from '../../../ingest-node/conversion/validation.ts';
import { Distributor } from '../../../ingest-node/distribution/distributor.ts';
import { EXCHANGE_ADAPTERS } from '../../../ingest-node/exchanges/registry.ts';
import { silentLogger } from '../../../ingest-node/operations/logger.ts';
import { Leader } from '../../../ingest-node/roles/leader.ts';
import { systemClock } from '../../../shared/base/clock.ts';
import type { MarketEvent, OrderBook } from '../../../shared/model/market-event.ts';
import { StreamLog } from '../../../shared/stream/stream-log.ts';
import { type Simulator, type SimulatorOptions, startSimulator } from '../../exchange-simulator/simulator.ts';

export type BookWorld = {
  readonly simulator: Simulator;
  /** Whose books are built from changes. */
  readonly symbols: readonly string[];
  counts(): DeltaBookCounts;
  /** Symbols of which a book has been published that was the simulator's own at that moment, since the last `forget`. */
  agreed(): ReadonlySet<string>;
  forget(): void;
  /** Times since the last `forget` that each of these symbols had a book published. */
  published(symbol: string): number;
  /** Paths of what was asked by REST, as the answers came. */
  readonly asked: readonly string[];
  /** What the log was told of books. */
  readonly told: readonly { readonly symbol: string; readonly kind: string }[];
  stop(): Promise<void>;
};

/** A leader with `count` books of Binance built from changes; each book it publishes is judged as it leaves. */
export async function startBookWorld(count: number, options: SimulatorOptions): Promise<BookWorld> {
  const simulator = await startSimulator(options);
  const symbols = simulator.truth
    .books('binance', 1)
    .slice(0, count)
    .map(({ symbol }) => symbol);
  expect(symbols).toHaveLength(count);
  const built = new Set(symbols);
  const agreed = new Set<string>();
  const published = new Map<string, number>();
  const told: { symbol: string; kind: string }[] = [];

  const judge = (book: OrderBook): void => {
    const violation = findModelViolation(book);
    if (violation !== null) expect.fail(`${violation}: ${JSON.stringify(book)}`);
    published.set(book.symbol, (published.get(book.symbol) ?? 0) + 1);
    const truth = simulator.truth.book('binance', book.symbol, 15)!;
    if (String(truth.sequence) !== book.sequence) return;
    expect({ bids: book.bids, asks: book.asks }, book.symbol).toEqual({ bids: truth.bids, asks: truth.asks });
    agreed.add(book.symbol);
  };
  const faults: unknown[] = [];
  class Witness extends Distributor {
    override offer(events: readonly MarketEvent[]): void {
      for (const event of events) {
        if (event.type !== 'orderBook' || !built.has(event.symbol)) continue;
        try {
          judge(event);
        } catch (fault) {
          faults.push(fault);
        }
      }
    }
  }
  const asked: string[] = [];
  const note = (details: object): void => {
    if ('symbol' in details && 'kind' in details) told.push(details as { symbol: string; kind: string });
  };
  const leader = new Leader({
    adapters: [EXCHANGE_ADAPTERS.binance],
    simulatorUrl: simulator.url,
    distributor: new Witness({ log: new StreamLog(), clock: systemClock, onHeartbeat: () => {} }),
    clock: systemClock,
    logger: { ...silentLogger, info: note, warn: note },
    onInstruments: () => {},
    deltaSymbols: { binance: built },
    tap: {
      isOpen: true,
      take: ({ direction, url }) => {
        if (direction === 'http') asked.push(url.slice(simulator.url.length).split('?', 1)[0]!);
      },
    },
  });
  leader.start();
  return {
    simulator,
    symbols,
    told,
    asked,
    counts: () => {
      if (faults.length > 0) throw faults[0];
      return leader.deltaBookCounts()[0]!;
    },
    agreed: () => agreed,
    published: symbol => published.get(symbol) ?? 0,
    forget: () => {
      agreed.clear();
      published.clear();
    },
    stop: async () => {
      await leader.stop();
      await simulator.stop();
    },
  };
}

/**
 * What remembering delivered trades costs: 2,000,000 trades in batches of 100, at 1,000 a second, against only filtering
 * them; the same while 5,000 void trades may come again; and the memory of 200,000. Run by hand:
 * `npx node --expose-gc shared/stream/delivered-trades.bench.ts`.
 */
import { ManualClock } from '../base/testing/manual-clock.ts';
import type { MarketEvent } from '../model/market-event.ts';
import { trade } from '../model/testing/market-events.ts';
import { DeliveredTrades } from './delivered-trades.ts';

const TRADES = 2_000_000;
const PER_BATCH = 100;
const PER_SECOND = 1_000;
const VOID = 5_000;

type Batch = { readonly epoch: number; readonly events: readonly MarketEvent[] };

/** Nothing of one event is shared with another, as after decoding. */
function batchAt(first: number, epoch: number): Batch {
  const events = Array.from({ length: PER_BATCH }, (_, index) => ({
    ...trade(`C${index % 60}/KRW`, { backfilled: true }),
    offset: first + index,
  }));
  return { epoch, events: JSON.parse(JSON.stringify(events)) };
}

function nanosecondsPerTrade(deliver: (batch: Batch) => readonly MarketEvent[], epoch = 1): number {
  const clock = performance;
  let ms = 0;
  let kept = 0;
  // Made a few at a time, so that those that are forgotten can be collected.
  for (let first = 1; first <= TRADES; first += PER_BATCH) {
    const batch = batchAt(first, epoch);
    const started = clock.now();
    kept += deliver(batch).length;
    ms += clock.now() - started;
  }
  if (kept !== TRADES) throw new Error(`${TRADES - kept} trades were dropped that nobody had delivered`);
  return (ms * 1e6) / TRADES;
}

function heapMiB(): number {
  (globalThis as { gc?: () => void }).gc?.();
  const { process } = globalThis as unknown as { process: { memoryUsage(): { heapUsed: number } } };
  return process.memoryUsage().heapUsed / 2 ** 20;
}

/** A consumer at the present, whose time goes on with what comes. */
function consumer(): { readonly trades: DeliveredTrades; deliver(batch: Batch): MarketEvent[] } {
  const clock = new ManualClock();
  const trades = new DeliveredTrades({ clock });
  return {
    trades,
    deliver: batch => {
      clock.sleep((PER_BATCH / PER_SECOND) * 1_000);
      return trades.deliver(batch);
    },
  };
}

const isWanted = () => true;
const { trades, deliver } = consumer();
for (const round of ['first', 'second']) {
  console.info(`${round} round`);
  console.info(
    `  filter only          ${nanosecondsPerTrade(({ events }) => events.filter(isWanted)).toFixed(0)} ns a trade`,
  );
  console.info(`  remember             ${nanosecondsPerTrade(deliver).toFixed(0)} ns a trade`);
  const diverged = new DeliveredTrades({ clock: new ManualClock() });
  for (let first = 1; first <= VOID; first += PER_BATCH) diverged.deliver(batchAt(first, 1));
  const started = performance.now();
  diverged.beginAnew([{ epoch: 1, end: 0 }]);
  console.info(`  ${VOID} become void     ${(performance.now() - started).toFixed(1)} ms`);
  console.info(
    `  remember and compare ${nanosecondsPerTrade(batch => diverged.deliver(batch), 2).toFixed(0)} ns a trade`,
  );
}
console.info(`remembered after two minutes at ${PER_SECOND} a second: ${trades.remembered}`);
const before = heapMiB();
const full = new DeliveredTrades({ clock: new ManualClock() });
for (let first = 1; first <= TRADES / 8; first += PER_BATCH) full.deliver(batchAt(first, 1));
console.info(`${full.remembered} remembered trades keep ${(heapMiB() - before).toFixed(0)} MiB`);

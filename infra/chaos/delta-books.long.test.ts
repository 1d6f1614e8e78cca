import { expect, test } from 'vitest';
import { binanceDeltaBooks } from '../../ingest-node/exchanges/binance-book.ts';
import { startBookWorld } from './testing/book-world.ts';

const BOOKS = 50;
const WINDOW_MS = 60_000;
/** Half of what Binance allows an address in a minute. */
const WEIGHT = 3_000;

test('fifty books that lost their place together are all back, within half of the weight, while missed trades are fetched out of the same half', async () => {
  const world = await startBookWorld(BOOKS, { instruments: 240, eventsPerSecond: 3_000 });
  const attempts: { at: number; count: number }[] = [];
  const { counts, agreed, forget, simulator } = world;
  const standing = () => {
    attempts.push({ at: performance.now(), count: counts().snapshots.attempts });
    return [counts().live, agreed().size];
  };
  try {
    const begun = performance.now();
    await expect.poll(standing, { timeout: 200_000, interval: 100 }).toEqual([BOOKS, BOOKS]);
    const built = performance.now();
    forget();
    const { gaps } = counts();
    // Away for long enough that every book changes meanwhile.
    simulator.faults.inject({ fault: 'refuse', exchange: 'binance', ms: 3_000 });
    simulator.faults.inject({ fault: 'drop', exchange: 'binance' });
    await expect
      .poll(() => [standing(), counts().gaps - gaps >= BOOKS], { timeout: 200_000, interval: 100 })
      .toEqual([[BOOKS, BOOKS], true]);
    const back = performance.now();
    const used = attempts.map(({ at, count }) => {
      const until = attempts.findLast(later => later.at < at + WINDOW_MS)!;
      return (until.count - count) * binanceDeltaBooks.snapshot.weight;
    });
    const seconds = (ms: number) => (ms / 1_000).toFixed(1);
    console.log(
      `built in ${seconds(built - begun)} s, back ${seconds(back - built)} s after the drop, ` +
        `at most ${Math.max(...used)} weight in a minute; ${JSON.stringify(counts())}`,
    );
    expect(Math.max(...used)).toBeLessThanOrEqual(WEIGHT);
    expect(counts().crossed).toBe(0);
  } finally {
    await world.stop();
  }
}, 420_000);

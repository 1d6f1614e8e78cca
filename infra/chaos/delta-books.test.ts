/** Books built from Binance's changes against the simulator: what is lost on the way, and what becomes of it. */
import { afterEach, expect, test } from 'vitest';
import { type BookWorld, startBookWorld } from './testing/book-world.ts';

const SOON = { timeout: 30_000, interval: 20 };
const BOOKS = 4;

let world: BookWorld | null = null;
afterEach(() => world?.stop());

async function settled({ counts, agreed }: BookWorld): Promise<void> {
  await expect.poll(() => [counts().live, counts().waiting, agreed().size], SOON).toEqual([BOOKS, 0, BOOKS]);
}

test('lost changes cost one book its place, a cut all of them; each comes back true, one after the other', {
  timeout: 90_000,
}, async () => {
  world = await startBookWorld(BOOKS, { instruments: 24, eventsPerSecond: 800 });
  const { simulator, counts, forget, published, symbols, told } = world;
  await settled(world);
  expect(counts()).toMatchObject({ gaps: 0, crossed: 0 });
  expect(told.filter(({ kind }) => kind === 'built')).toHaveLength(BOOKS);
  const { sockets } = simulator.stats().exchanges.binance;
  expect(sockets[0]!.subscriptions['depth']).toBe(BOOKS);

  for (let loss = 1; loss <= 2; loss++) {
    const before = counts();
    forget();
    simulator.faults.inject({ fault: 'skipFrames', exchange: 'binance', channel: 'depth', count: 1 });
    await expect.poll(() => counts().gaps, SOON).toBe(before.gaps + 1);
    const lost = told.findLast(({ kind }) => kind === 'lost')!.symbol;
    expect(counts()).toMatchObject({ live: BOOKS - 1, waiting: 1 });
    // Of the one that waits comes at most the last good book, which the pacer may still hold; the others go on.
    const said = published(lost);
    const others = symbols.filter(symbol => symbol !== lost);
    await expect.poll(() => counts().waiting === 0 || others.every(symbol => published(symbol) > 0), SOON).toBe(true);
    if (counts().waiting > 0) expect(published(lost) - said).toBeLessThanOrEqual(1);
    await settled(world);
    expect(counts().snapshots.aligned).toBe(before.snapshots.aligned + 1);
  }

  forget();
  const before = counts();
  // Away for long enough that every book changes meanwhile.
  simulator.faults.inject({ fault: 'refuse', exchange: 'binance', ms: 1_500 });
  simulator.faults.inject({ fault: 'drop', exchange: 'binance' });
  await expect.poll(() => counts().gaps, SOON).toBe(before.gaps + BOOKS);
  await settled(world);
  expect(counts().snapshots.aligned).toBe(before.snapshots.aligned + BOOKS);
  expect(counts().crossed).toBe(0);
});

test('a leader asks for the newest trades of all markets before most of its books: until then it cannot know what it misses', {
  timeout: 60_000,
}, async () => {
  const books = 20;
  world = await startBookWorld(books, { instruments: 80, eventsPerSecond: 100 });
  const { asked } = world;
  const newest = '/binance/api/v3/ticker/24hr';
  await expect.poll(() => asked, SOON).toContain(newest);
  const before = asked.slice(0, asked.indexOf(newest)).filter(path => path === '/binance/api/v3/depth');
  // One burst of the budget pays for five. Twenty take more than a quarter of a minute.
  expect(before.length).toBeLessThan(books / 2);
});

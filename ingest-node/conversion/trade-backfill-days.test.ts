import { describe, expect, it } from 'vitest';
import { TradeWorld } from './testing/trade-world.ts';

const HOUR_MS = 60 * 60_000;
const DAY_MS = 24 * HOUR_MS;
const DAYS = { earlier: 7, turnsMs: [0] };
const SYMBOLS = ['BTC/KRW', 'ETH/KRW'];

/** ETH is what else trades at the exchange. */
const worldOf = (ids: 'unordered' | 'separate') => new TradeWorld(ids, SYMBOLS, { days: DAYS });
const btcPaths = ({ paths }: TradeWorld) => paths.filter(path => path.startsWith('BTC'));
const daysAgo = (days: number) => (days === 0 ? 'BTC/KRW newest' : `BTC/KRW newest, ${days} days ago`);
const times = ({ published }: TradeWorld) =>
  published
    .filter(({ symbol }) => symbol === 'BTC/KRW')
    .map(event => (event.type === 'gap' ? 'gap' : event.exchangeTime));

/** The feed is down while it happens, and time passes at once. */
async function interrupted(world: TradeWorld, during: () => void): Promise<void> {
  world.feed('down');
  during();
  world.feed('live');
  await world.pass(20_000);
}

/** When the trade of this id happened. */
const timeOf = ({ market }: TradeWorld, id: number) => market.find(one => one.id === String(id))?.exchangeTime;

describe.each(['unordered', 'separate'] as const)('[GAP1] where pages end with the day, with %s ids', ids => {
  it('reads back across midnight, each day once', async () => {
    const world = worldOf(ids);
    world.trade(1);
    await interrupted(world, () => {
      world.trade(2, 'misses');
      world.clock.sleep(DAY_MS);
      world.trade(3, 'misses');
    });
    expect(btcPaths(world)).toEqual([daysAgo(0), daysAgo(1)]);
    expect(times(world)).toEqual([timeOf(world, 2), timeOf(world, 3)]);
  });

  it('reads on over days on which nobody traded', async () => {
    const world = worldOf(ids);
    world.trade(1);
    await interrupted(world, () => {
      world.trade(2, 'misses');
      world.clock.sleep(5 * DAY_MS);
    });
    expect(btcPaths(world)).toEqual([0, 1, 2, 3, 4, 5].map(daysAgo));
    expect(times(world)).toEqual([timeOf(world, 2)]);
  });

  it('reads one page where the last known trade is of today, or of long ago', async () => {
    for (const agoMs of [HOUR_MS, 3 * DAY_MS, 30 * DAY_MS]) {
      const world = worldOf(ids);
      world.trade(1);
      world.clock.sleep(agoMs);
      world.trade(2, 'sees', 'ETH/KRW');
      await interrupted(world, () => world.trade(3, 'misses'));
      await interrupted(world, () => {});
      expect(btcPaths(world)).toEqual([daysAgo(0), daysAgo(0)]);
      expect(times(world)).toEqual([timeOf(world, 3)]);
    }
  });

  it('declares a gap only for what is older than the oldest day, and publishes the rest', async () => {
    const world = worldOf(ids);
    world.trade(1);
    await interrupted(world, () => {
      world.trade(2, 'misses');
      world.clock.sleep(9 * DAY_MS);
      for (const id of [3, 4]) {
        world.trade(id, 'misses');
        world.clock.sleep(HOUR_MS);
      }
    });
    expect(btcPaths(world)).toEqual([0, 1, 2, 3, 4, 5, 6, 7].map(daysAgo));
    expect(times(world)).toEqual([timeOf(world, 3), timeOf(world, 4), 'gap']);
    const bounds = { afterTime: timeOf(world, 1), untilTime: timeOf(world, 3) };
    expect(world.published.find(({ type }) => type === 'gap')).toMatchObject(bounds);
  });

  it('takes a market for never traded after all days were asked for, and then needs one page', async () => {
    const world = worldOf(ids);
    world.trade(1, 'sees', 'ETH/KRW');
    world.feed('live');
    await world.pass(20_000);
    expect(btcPaths(world)).toEqual([0, 1, 2, 3, 4, 5, 6, 7].map(daysAgo));
    world.paths.length = 0;
    await interrupted(world, () => {});
    await interrupted(world, () => world.trade(2, 'misses'));
    expect(btcPaths(world)).toEqual([daysAgo(0), daysAgo(0)]);
    expect(times(world)).toEqual([timeOf(world, 2)]);
  });

  it('measures by the last trade of a market, however many days ago it was', async () => {
    const world = worldOf(ids);
    world.trade(1, 'misses');
    world.clock.sleep(3 * DAY_MS);
    world.trade(2, 'sees', 'ETH/KRW');
    world.feed('live');
    await world.pass(20_000);
    expect(btcPaths(world)).toEqual([0, 1, 2, 3].map(daysAgo));
    await interrupted(world, () => world.trade(3, 'misses'));
    expect(times(world)).toEqual([timeOf(world, 3)]);
  });

  it('does not believe that a market was quiet when a page shows otherwise', async () => {
    const world = worldOf(ids);
    world.trade(1);
    world.clock.sleep(DAY_MS);
    for (const id of [2, 3]) {
      world.trade(id, 'misses');
      world.clock.sleep(2 * HOUR_MS);
    }
    world.trade(4, 'sees', 'ETH/KRW');
    await interrupted(world, () => {});
    expect(btcPaths(world)).toEqual([daysAgo(0), daysAgo(1)]);
    expect(times(world)).toEqual([timeOf(world, 2), timeOf(world, 3)]);
  });

  it('waits for REST to show the first trade that a market ever had', async () => {
    const world = worldOf(ids);
    world.answer = path => (path.startsWith('BTC') ? { ok: true, body: Buffer.from('0 0') } : world.page(path));
    world.trade(1);
    world.feed('down');
    world.trade(2, 'misses');
    world.feed('live');
    await world.pass(2_000);
    world.answer = path => world.page(path);
    await world.pass(20_000);
    expect(times(world)).toEqual([timeOf(world, 2)]);
  });
});

it.each([
  ['HTTP', { ok: false, reason: 'Code not found', status: 404, pauseMs: 0 }],
  ['a body that came with HTTP 200', { ok: true, body: Buffer.from('gone') }],
] as const)('asks no more for a market that is gone, as %s says', async (_name, answer) => {
  const world = worldOf('separate');
  world.trade(1);
  world.answer = () => answer;
  await interrupted(world, () => {});
  expect([btcPaths(world).length, times(world)]).toEqual([1, ['gap']]);
});

it('publishes all of the last trades where no others can be had, and calls lost what lies before them', async () => {
  const world = new TradeWorld('separate', ['BTC/KRW'], { mostTrades: 100 });
  world.trade(1000);
  await interrupted(world, () => {
    for (let id = 1001; id <= 1150; id += 1) {
      world.clock.sleep(2_000);
      world.trade(id, 'misses');
    }
  });
  expect(world.paths).toHaveLength(1);
  const newest = Array.from({ length: 100 }, (_, index) => timeOf(world, 1051 + index));
  expect(times(world)).toEqual([...newest, 'gap']);
  expect(world.published.at(-1)).toMatchObject({ afterTime: timeOf(world, 1000), untilTime: timeOf(world, 1051) });
});

import { describe, expect, it } from 'vitest';
import type { InstrumentStatus } from '../../shared/model/instrument.ts';
import { testInstrument } from '../../shared/model/testing/instruments.ts';
import type { TradeHistory } from '../exchanges/exchange-adapter.ts';
import { TradeWorld } from './testing/trade-world.ts';

const FEED = 'feed-0';
const LISTED_EVERY_MS = 60_000;
const NEW = 'NEW/KRW';
const DAYS = { earlier: 7, turnsMs: [0] };

/** A market list that names an old market and this new one, unless it is `absent`. */
function list({ backfill }: TradeWorld, status: InstrumentStatus | 'absent'): void {
  const old = testInstrument('upbit', 'BTC/KRW', 'BTC', 'KRW');
  const young = { ...testInstrument('upbit', NEW, 'NEW', 'KRW'), status: status as InstrumentStatus };
  backfill.setInstruments(status === 'absent' ? [old] : [old, young]);
}

/** The list is followed by sockets that carry the new market too. */
function carry({ backfill }: TradeWorld): void {
  backfill.interruptions.onFeedState(FEED, 'connecting', [NEW], 0);
  backfill.interruptions.onFeedState(FEED, 'live', ['BTC/KRW', NEW], 0);
}

function createWorld(ids: TradeHistory['ids']): TradeWorld {
  let since = 0;
  const runs: NonNullable<TradeHistory['runs']> = {
    weight: 1,
    path: ({ symbol }, from) => {
      since = from;
      return `${symbol} runs`;
    },
    parse: (_, { symbol }) => ({
      ok: true,
      runs: world.market
        .filter(one => one.symbol === symbol && (one.exchangeTime ?? 0) >= since)
        .map(one => ({ first: BigInt(one.id), last: BigInt(one.id), trade: one })),
    }),
  };
  const world = new TradeWorld(ids, ['BTC/KRW'], ids === 'contiguous' ? { runs } : { days: DAYS });
  world.trade(1_000_000);
  return world;
}

describe.each(['contiguous', 'unordered', 'separate'] as const)('with %s ids', ids => {
  const timesTold = (world: TradeWorld) =>
    world.published.map(event => (event.type === 'gap' ? 'gap' : event.exchangeTime));
  const timesOf = (world: TradeWorld, wanted: readonly number[]) =>
    wanted.map(id => world.market.find(one => one.id === String(id))?.exchangeTime);
  /** A market with trades 70 and 71 from long ago, of which this node knows nothing; then the lists, 72 and 73, and the feed. */
  async function live(statuses: readonly (InstrumentStatus | 'absent')[], hasPast: boolean): Promise<TradeWorld> {
    const world = createWorld(ids);
    if (hasPast) {
      for (const id of [70, 71]) {
        world.trade(id, 'misses', NEW);
        await world.pass(1_000);
      }
      await world.pass(3_600_000);
    }
    for (const status of statuses) {
      await world.pass(LISTED_EVERY_MS);
      list(world, status);
    }
    for (const id of [72, 73]) {
      await world.pass(LISTED_EVERY_MS / 4);
      world.trade(id, 'misses', NEW);
    }
    await world.pass(LISTED_EVERY_MS / 2);
    list(world, 'trading');
    carry(world);
    return world;
  }

  it('a market that was not listed before begins with its first trade, once', async () => {
    const world = await live(['absent'], false);
    await world.pass(500);
    world.trade(74, 'sees', NEW);
    await world.pass(10_000);
    expect(timesTold(world)).toEqual(timesOf(world, [72, 73]));
    expect(world.backfill.counts()).toMatchObject({ unanchored: 0, declaredGaps: 0, waiting: 0 });
    expect(world.backfill.isSettled).toBe(true);
    carry(world);
    await world.pass(20_000);
    expect(timesTold(world)).toEqual(timesOf(world, [72, 73]));
  });

  it('one that trades no more after its subscription does so, too', async () => {
    const world = await live(['absent'], false);
    await world.pass(10_000);
    expect(timesTold(world)).toEqual(timesOf(world, [72, 73]));
  });

  it.each([
    ['was suspended', 'halted'],
    ['returns under its old name', 'delisted'],
  ] as const)(
    'one that %s begins with its first trade since, not with those of its earlier life',
    async (_, before) => {
      const world = await live([before, before], true);
      world.trade(74, 'sees', NEW);
      await world.pass(20_000);
      expect(timesTold(world)).toEqual(timesOf(world, [72, 73]));
    },
  );

  it('one that was not wanted until now is not read back', async () => {
    const world = await live(['absent', 'trading'], true);
    world.backfill.forget([NEW]);
    world.trade(74, 'sees', NEW);
    await world.pass(20_000);
    expect(timesTold(world)).toEqual([]);
  });

  it('nor is one that is in the first list since this node leads', async () => {
    const world = createWorld(ids);
    world.backfill.stop();
    world.backfill.start();
    world.trade(72, 'misses', NEW);
    list(world, 'trading');
    carry(world);
    await world.pass(20_000);
    expect(timesTold(world)).toEqual([]);
  });

  it('what cannot be read is declared', async () => {
    const world = await live(['absent'], false);
    world.answer = () => ({ ok: false, reason: 'Code not found', status: 404, pauseMs: 0 });
    world.trade(74, 'sees', NEW);
    await world.pass(20_000);
    expect(world.published).toMatchObject([{ type: 'gap', symbol: NEW, afterId: '0', untilId: '74', provable: false }]);
  });
});

describe('a market that was delisted and trades again', () => {
  /** One whose trades 1 to 5 were seen is gone from the lists for so long, and is back. */
  async function relist(isAnew: boolean): Promise<TradeWorld> {
    const world = createWorld('contiguous');
    list(world, 'trading');
    carry(world);
    for (const id of [1, 2, 3, 4, 5]) {
      await world.pass(1_000);
      world.trade(id, 'sees', NEW);
    }
    await world.pass(LISTED_EVERY_MS);
    list(world, 'delisted');
    if (isAnew) world.vanish(NEW);
    return world;
  }

  it('and numbers its trades from the beginning is not taken for the one before', async () => {
    const world = await relist(true);
    for (const id of [1, 2]) {
      await world.pass(LISTED_EVERY_MS / 4);
      world.trade(id, 'misses', NEW);
    }
    await world.pass(LISTED_EVERY_MS / 2);
    list(world, 'trading');
    carry(world);
    await world.pass(20_000);
    const timesOf = (ids: readonly number[]) =>
      ids.map(id => world.market.find(one => one.id === String(id) && one.symbol === NEW)?.exchangeTime);
    world.trade(3, 'misses', NEW);
    const third = world.market.at(-1)!;
    expect(world.see(third), 'it is published').toBe(true);
    expect(world.see(third), 'once').toBe(false);
    await world.pass(20_000);
    expect(world.published.map(({ exchangeTime }) => exchangeTime)).toEqual(timesOf([1, 2]));
    world.trade(4, 'misses', NEW);
    world.trade(5, 'sees', NEW);
    await world.pass(20_000);
    expect(world.told).toEqual(['1', '2', '4']);
    expect(world.backfill.counts()).toMatchObject({ declaredGaps: 0, waiting: 0 });
  });

  it('and goes on where it was loses and repeats nothing', async () => {
    const world = await relist(false);
    await world.pass(LISTED_EVERY_MS);
    list(world, 'trading');
    world.trade(6, 'misses', NEW);
    carry(world);
    world.trade(7, 'sees', NEW);
    await world.pass(20_000);
    world.trade(8, 'sees', NEW);
    await world.pass(20_000);
    expect(world.told).toEqual(['6']);
  });

  it('while another node leads is noticed by its trades', async () => {
    const world = createWorld('contiguous');
    for (const id of [1, 2, 3, 4, 5]) world.trade(id, 'sees');
    world.backfill.stop();
    world.vanish('BTC/KRW');
    await world.pass(3_600_000);
    for (const id of [1, 2]) world.hear(id);
    world.backfill.start();
    world.feed('live');
    await world.pass(5_000);
    world.trade(3, 'misses');
    world.trade(4, 'sees');
    await world.pass(20_000);
    expect(world.told).toEqual(['3']);
  });
});

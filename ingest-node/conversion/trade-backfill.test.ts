import { describe, expect, it } from 'vitest';
import type { Trade } from '../../shared/model/market-event.ts';
import { trade } from '../../shared/model/testing/market-events.ts';
import { FEED, TradeWorld } from './testing/trade-world.ts';
import type { HistoryAnswer } from './trade-fetcher.ts';

describe('with contiguous ids', () => {
  it('fetches a jump once, in order', async () => {
    const world = new TradeWorld('contiguous');
    world.trade(1);
    for (const id of [2, 3]) world.trade(id, 'misses');
    world.trade(4);
    await world.pass(2_000);
    expect([world.paths, world.told]).toEqual([['BTC/KRW 2'], ['2', '3']]);
    expect(world.backfill.counts()).toMatchObject({ suspected: 1, backfilledTrades: 2, declaredGaps: 0, waiting: 0 });
  });

  it('fills several jumps of an instrument from one page', async () => {
    const world = new TradeWorld('contiguous');
    for (const id of [1, 2, 3, 4, 5, 6, 7]) world.trade(id, id % 3 === 1 ? 'sees' : 'misses');
    await world.pass(2_000);
    expect([world.paths, world.told]).toEqual([['BTC/KRW 2'], ['2', '3', '5', '6']]);
  });

  it('asks nothing when the missing ones come late by themselves', async () => {
    const world = new TradeWorld('contiguous');
    for (const id of [1, 3, 2]) world.trade(id);
    await world.pass(5_000);
    expect([world.paths, world.told]).toEqual([[], []]);
  });

  it('finds the last trades of a market that fell silent during an interruption', async () => {
    const world = new TradeWorld('contiguous');
    world.trade(1);
    world.feed('down');
    world.trade(2, 'misses');
    world.feed('live');
    await world.pass(5_000);
    expect([world.paths, world.told]).toEqual([['newest', 'BTC/KRW 2'], ['2']]);
  });

  it('asks for the newest at once where nothing is known, so that a market loses nothing before its first trade', async () => {
    const world = new TradeWorld('contiguous');
    world.market.push(trade('BTC/KRW', { id: '7', exchangeTime: 0 }));
    world.feed('live');
    expect(world.backfill.counts().unanchored).toBe(1);
    await world.pass(1);
    expect(world.backfill.counts().unanchored).toBe(0);
    world.trade(8, 'misses');
    world.feed('down');
    world.feed('live');
    await world.pass(10_000);
    expect(world.told).toEqual(['8']);
  });

  it('declares a provable gap for what REST does not hold, after having looked again', async () => {
    const world = new TradeWorld('contiguous');
    for (const id of [1, 4]) world.trade(id);
    await world.pass(120_000);
    expect(world.paths).toHaveLength(3);
    const gap = { type: 'gap', symbol: 'BTC/KRW', afterId: '1', untilId: '4', provable: true };
    expect(world.published).toMatchObject([gap]);
  });

  it('continues at the first connection where another node left off, and fills what that one left open', async () => {
    const world = new TradeWorld('contiguous');
    world.backfill.stop();
    for (const id of [1, 2, 3, 4, 5]) world.trade(id, 'misses');
    for (const known of world.market.filter(({ id }) => id !== '2' && id < '4')) world.backfill.remember(known);
    world.backfill.start();
    world.feed('down');
    world.feed('live');
    await world.pass(10_000);
    expect(world.told).toEqual(['2', '4', '5']);
  });

  it('goes on after a stop with what was open', async () => {
    const world = new TradeWorld('contiguous');
    world.trade(1);
    world.trade(2, 'misses');
    world.trade(3);
    world.backfill.stop();
    await world.pass(60_000);
    expect([world.paths, world.told, world.clock.pending]).toEqual([[], [], 0]);
    world.backfill.start();
    await world.pass(1_000);
    expect(world.told).toEqual(['2']);
  });
});

describe('with ids that prove nothing', () => {
  it.each([
    ['had no time to: all since then', 10_000, ['2', '4']],
    ['had the time to: what came after it', 410_000, ['4']],
  ])('reads back what a leader lost at its beginning, if that one %s', async (_name, ledForMs, told) => {
    const world = new TradeWorld('unordered');
    world.backfill.stop();
    world.hear(1);
    world.backfill.doubt();
    world.trade(2, 'misses');
    await world.pass(ledForMs);
    world.hear(3);
    // That leader is gone, too, and this node leads.
    world.backfill.start();
    world.trade(4, 'misses');
    world.feed('down');
    world.feed('live');
    world.trade(5, 'snapshot');
    await world.pass(5_000);
    expect(world.told).toEqual(told);
  });

  it('believes the last trade that a subscription is answered with: a quiet market costs no request', async () => {
    const world = new TradeWorld('unordered');
    world.trade(1);
    world.feed('down');
    world.feed('live');
    const [one] = world.market;
    if (one !== undefined) world.see(one, true);
    await world.pass(60_000);
    expect([world.paths, world.told]).toEqual([[], []]);
  });

  it('reads back to what is known when that trade is a new one', async () => {
    const world = new TradeWorld('unordered');
    world.trade(1);
    world.feed('down');
    for (const id of [2, 3]) world.trade(id, 'misses');
    world.feed('live');
    world.trade(4, 'snapshot');
    await world.pass(5_000);
    expect([world.paths, world.told]).toEqual([['BTC/KRW newest'], ['2', '3']]);
  });

  it('looks when frames pause on a socket that stays open, beyond the pace of the feed', async () => {
    const world = new TradeWorld('unordered');
    world.trade(1);
    for (let frame = 0; frame < 200; frame += 1) {
      world.backfill.interruptions.beforeFrame(FEED, () => ['BTC/KRW']);
      await world.pass(10);
    }
    world.trade(2, 'misses');
    await world.pass(1_100);
    world.backfill.interruptions.beforeFrame(FEED, () => ['BTC/KRW']);
    await world.pass(5_000);
    expect(world.told).toEqual(['2']);
  });

  it('takes its own sleep for no pause of the exchange', async () => {
    const world = new TradeWorld('unordered');
    world.trade(1);
    const beat = () => world.backfill.interruptions.beforeFrame(FEED, () => ['BTC/KRW']);
    beat();
    await world.pass(10);
    beat();
    world.clock.sleep(30_000);
    beat();
    await world.pass(5_000);
    expect([world.paths, world.backfill.counts().suspected]).toEqual([[], 0]);
  });

  it('notices a pause that it slept through by what the exchange says, and no pause of its own', async () => {
    const world = new TradeWorld('unordered');
    const beat = () => {
      world.backfill.interruptions.beforeFrame(FEED, () => ['BTC/KRW']);
      const told = trade('ETH/KRW', { exchangeTime: world.clock.now() });
      world.backfill.interruptions.beforeEvents(FEED, () => ['BTC/KRW'], [told]);
    };
    world.trade(1);
    beat();
    for (let frame = 0; frame < 200; frame += 1) {
      await world.pass(10);
      beat();
    }
    world.trade(2, 'misses');
    world.clock.sleep(1_100);
    // What came while it slept was sent at its time.
    world.backfill.interruptions.beforeFrame(FEED, () => ['BTC/KRW']);
    expect(world.backfill.isSettled).toBe(true);
    beat();
    await world.pass(5_000);
    expect(world.told).toEqual(['2']);
  });

  it('notices a second pause that begins with the frame that ended the first', async () => {
    const world = new TradeWorld('unordered');
    world.trade(1);
    const beat = () => world.backfill.interruptions.beforeFrame(FEED, () => ['BTC/KRW']);
    beat();
    await world.pass(1_100);
    beat();
    await world.pass(5_000);
    world.trade(2, 'misses');
    await world.pass(1_100);
    beat();
    await world.pass(5_000);
    expect(world.told).toEqual(['2']);
  });

  it.each([
    ['that had never been traded', []],
    ['that was quiet', [1]],
  ])('measures the first loss of a market %s by what REST said of it', async (_name, past) => {
    const world = new TradeWorld('unordered');
    for (const id of past) world.trade(id, 'misses');
    world.feed('live');
    expect(world.backfill.counts().unanchored).toBe(1);
    await world.pass(5_000);
    expect([world.paths, world.told]).toEqual([['BTC/KRW newest'], []]);
    expect(world.backfill.counts()).toMatchObject({ unanchored: 0, suspected: 0, waiting: 0 });
    world.feed('down');
    for (const id of [2, 3]) world.trade(id, 'misses');
    world.feed('live');
    await world.pass(5_000);
    expect(world.told).toEqual(['2', '3']);
  });

  it('compares the first snapshot with what another node published', async () => {
    const world = new TradeWorld('unordered');
    for (const id of [1, 2]) world.trade(id, 'misses');
    const [one] = world.market;
    if (one !== undefined) world.backfill.remember(one);
    world.feed('down');
    world.feed('live');
    world.trade(3, 'snapshot');
    await world.pass(5_000);
    expect(world.told).toEqual(['2']);
  });

  it('reads anew when a second interruption comes while a page is on its way', async () => {
    const world = new TradeWorld('unordered');
    world.trade(1);
    world.feed('down');
    world.trade(2, 'misses');
    world.feed('live');
    const held = Promise.withResolvers<HistoryAnswer>();
    world.answer = () => held.promise;
    await world.pass(2_000);
    const early = world.page();
    world.feed('down');
    world.trade(3, 'misses');
    world.feed('live');
    await world.pass(2_000);
    world.answer = () => world.page();
    held.resolve(early);
    await world.pass(10_000);
    expect(world.told).toEqual(['2', '3']);
    expect(world.backfill.counts()).toMatchObject({ requests: 2, waiting: 0 });
  });

  it('asks first for the instruments that trade most', async () => {
    const world = new TradeWorld('unordered', ['A/KRW', 'B/KRW', 'C/KRW']);
    const trades: Record<string, number> = { 'A/KRW': 1, 'B/KRW': 9, 'C/KRW': 4 };
    let id = 0;
    for (const [symbol, count] of Object.entries(trades)) {
      for (let one = 0; one < count; one += 1) world.trade(++id, 'sees', symbol);
    }
    world.feed('down');
    world.feed('live');
    await world.pass(2_000);
    expect(world.paths).toEqual(['B/KRW newest', 'C/KRW newest', 'A/KRW newest']);
  });

  it('asks again with patience, keeps away as long as it is told to, and declares a gap at the end', async () => {
    const world = new TradeWorld('unordered');
    world.trade(1);
    world.feed('down');
    world.feed('live');
    world.answer = () => ({ ok: false, reason: 'blocked', status: 418, pauseMs: 600_000 });
    await world.pass(599_000);
    expect([world.paths.length, world.told]).toEqual([1, []]);
    await world.pass(1_300_000);
    expect(world.told).toEqual(['gap 1-null']);
    expect(world.published).toMatchObject([{ provable: false }]);
  });

  it('gives up at once what the exchange does not have', async () => {
    const world = new TradeWorld('unordered');
    world.trade(1);
    world.feed('down');
    world.feed('live');
    world.answer = () => ({ ok: false, reason: 'Code not found', status: 404, pauseMs: 0 });
    await world.pass(2_000);
    expect([world.paths.length, world.told]).toEqual([1, ['gap 1-null']]);
  });

  it('ends a request and all timers with a stop', async () => {
    const world = new TradeWorld('unordered');
    world.trade(1);
    world.feed('down');
    world.trade(2, 'misses');
    world.feed('live');
    const held = Promise.withResolvers<HistoryAnswer>();
    world.answer = () => held.promise;
    await world.pass(2_000);
    world.backfill.stop();
    held.resolve(world.page());
    await world.pass(60_000);
    expect([world.paths.length, world.told, world.clock.pending]).toEqual([1, [], 0]);
  });
});

describe('with ids of their own', () => {
  it('reads back what a leader that was gone too soon had not, and nothing that it had published in any way', async () => {
    const world = new TradeWorld('separate');
    world.backfill.stop();
    world.hear(1);
    await world.pass(1_000);
    world.backfill.doubt();
    for (const id of [2, 3, 4]) {
      world.trade(id, 'misses');
      await world.pass(1_000);
    }
    world.isTold(4, { backfilled: true });
    world.hear(5);
    await world.pass(1_000);
    const [, second] = world.market;
    world.isTold(2, { backfilled: true, id: `${second?.exchangeTime}00000000` });
    // That leader is gone before it has fetched all that it missed.
    world.backfill.start();
    world.feed('down');
    world.trade(6, 'misses');
    await world.pass(1_000);
    world.feed('live');
    world.trade(7, 'snapshot');
    await world.pass(1_000);
    world.trade(8);
    await world.pass(20_000);
    const times = world.published.map(event => (event.type === 'gap' ? 'gap' : event.exchangeTime));
    expect(times).toEqual([3, 6].map(id => world.market[id - 1]?.exchangeTime));
  });

  const frames = (world: TradeWorld) => world.backfill.interruptions.beforeFrame(FEED, () => ['BTC/KRW']);
  const told = (world: TradeWorld) => world.published.map(event => (event.type === 'gap' ? 'gap' : event.price));

  /** Trades are told apart by their prices: the ids of those that were fetched are ours. */
  async function happen(world: TradeWorld, price: number, sees: 'sees' | 'misses' | 'snapshot'): Promise<Trade> {
    await world.pass(10);
    const one = trade('BTC/KRW', {
      id: `10799532103717${price}`,
      exchangeTime: world.clock.now(),
      price: String(price),
    });
    world.market.push(one);
    if (sees !== 'misses') world.see(one, sees === 'snapshot');
    return one;
  }

  /** Frames stayed away for so long that what happened meanwhile may have been swallowed. */
  async function stall(world: TradeWorld, during: () => Promise<unknown>): Promise<void> {
    frames(world);
    await world.pass(10);
    frames(world);
    await during();
    await world.pass(1_100);
    frames(world);
  }

  it('takes the answer to a subscription for the trade that was fetched: the market was quiet', async () => {
    const world = new TradeWorld('separate');
    await happen(world, 1, 'sees');
    let last: Trade | undefined;
    await stall(world, async () => {
      last = await happen(world, 2, 'misses');
    });
    await world.pass(30_000);
    expect(told(world)).toEqual(['2']);
    const asked = world.paths.length;
    for (let round = 0; round < 2; round++) {
      world.feed('down');
      world.feed('live');
      world.see(last!, true);
      await world.pass(30_000);
    }
    expect([told(world), world.paths.length]).toEqual([['2'], asked]);
  });

  it('asks again while REST lags behind the frames, and says how far it came if it stays behind', async () => {
    for (const staysBehind of [false, true]) {
      const world = new TradeWorld('separate');
      await happen(world, 1, 'sees');
      world.feed('down');
      const second = await happen(world, 2, 'misses');
      const late = world.page();
      await happen(world, 3, 'misses');
      world.feed('live');
      const fourth = await happen(world, 4, 'snapshot');
      world.answer = () => late;
      await world.pass(1_600);
      expect(told(world)).toEqual(['2']);
      if (!staysBehind) world.answer = () => world.page();
      await world.pass(60_000);
      expect(told(world)).toEqual(['2', staysBehind ? 'gap' : '3']);
      const times = { afterTime: second.exchangeTime, untilTime: fourth.exchangeTime };
      if (staysBehind) expect(world.published[1]).toMatchObject(times);
    }
  });

  it('publishes once what REST shows before a frame brings it', async () => {
    const world = new TradeWorld('separate');
    await happen(world, 1, 'sees');
    world.feed('down');
    world.feed('live');
    const late = await happen(world, 2, 'misses');
    await world.pass(3_000);
    expect(told(world)).toEqual(['2']);
    expect(world.see(late)).toBe(false);
    expect(world.see({ ...late, id: '1079953210371799' })).toBe(true);
  });

  it('gives up the search when a second interruption turns out to have begun and ended in quiet', async () => {
    const world = new TradeWorld('separate');
    const first = await happen(world, 1, 'sees');
    world.feed('down');
    world.feed('live');
    // The exchange does not answer, so the search lasts.
    world.answer = () => ({ ok: false, reason: 'HTTP 502', status: 502, pauseMs: 0 });
    await world.pass(3_000);
    expect(world.backfill.counts().waiting).toBe(1);
    world.feed('down');
    world.feed('live');
    world.see(first, true);
    await world.pass(3_000);
    world.answer = () => world.page();
    await happen(world, 2, 'sees');
    await world.pass(60_000);
    expect([told(world), world.backfill.counts().waiting]).toEqual([[], 0]);
  });

  it('finds what a second interruption swallowed behind the first trade after the first one', async () => {
    const world = new TradeWorld('separate');
    await happen(world, 1, 'sees');
    world.feed('down');
    await happen(world, 2, 'misses');
    world.feed('live');
    await happen(world, 3, 'snapshot');
    await stall(world, async () => {
      // What the first one swallowed has been searched.
      await world.pass(1_600);
      expect(world.backfill.counts()).toMatchObject({ requests: 1, waiting: 0 });
      await happen(world, 4, 'misses');
    });
    await world.pass(60_000);
    expect(told(world).sort()).toEqual(['2', '4']);
  });
});

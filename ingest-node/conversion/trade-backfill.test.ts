import { describe, expect, it } from 'vitest';
import { ManualClock } from '../../shared/base/testing/manual-clock.ts';
import type { Trade, TradeGap } from '../../shared/model/market-event.ts';
import { testInstrument } from '../../shared/model/testing/instruments.ts';
import { trade } from '../../shared/model/testing/market-events.ts';
import type { TradeHistory } from '../exchanges/exchange-adapter.ts';
import { TradeBackfill } from './trade-backfill.ts';
import type { HistoryAnswer } from './trade-fetcher.ts';
import { TradeMemory } from './trade-memory.ts';

const FEED = 'feed-0';

/** An exchange whose REST answers what a test puts there, and a backfill that asks it. */
class World {
  readonly clock = new ManualClock();
  readonly paths: string[] = [];
  readonly published: (Trade | TradeGap)[] = [];
  readonly backfill: TradeBackfill;
  /** Newest last, as they happened. */
  readonly market: Trade[] = [];
  answer: (path: string) => HistoryAnswer | Promise<HistoryAnswer> = () => this.page();
  readonly #memory: TradeMemory;
  readonly #symbols: readonly string[];

  /** Bithumb's way: REST has other ids than the frames, one for each millisecond. */
  constructor(ids: TradeHistory['ids'], symbols: readonly string[] = ['BTC/KRW']) {
    this.#symbols = symbols;
    this.#memory = new TradeMemory({ separateIds: new Set(ids === 'separate' ? ['upbit'] : []) });
    const history: TradeHistory = {
      ids,
      limit: { group: 'trade', weight: 1 },
      pageSize: 100,
      path: ({ symbol }, from) => `${symbol} ${from ?? 'newest'}`,
      parse: (body, { symbol }) => {
        const known = this.market.slice(0, Number(Buffer.from(body).toString()));
        const trades = known
          .filter(one => one.symbol === symbol)
          .map(one =>
            ids === 'separate' ? { ...one, id: `${one.exchangeTime}0000`, backfilled: true as const } : one,
          );
        return { ok: true, trades: ids === 'contiguous' ? trades : trades.reverse() };
      },
      ...(ids === 'contiguous'
        ? {
            newest: {
              path: 'newest',
              weight: 1,
              parse: () => new Map(this.market.map(({ symbol, id }) => [symbol, id])),
            },
          }
        : {}),
    };
    this.backfill = new TradeBackfill({
      exchange: 'upbit',
      history,
      clock: this.clock,
      random: () => 0.5,
      acquire: async (_group, _weight, signal) => signal.throwIfAborted(),
      get: async path => {
        this.paths.push(path);
        return this.answer(path);
      },
      unpublished: (past, others) => this.#memory.unpublished(past, others),
      publish: events => {
        const fresh = events.filter(event => event.type === 'gap' || this.#memory.admit(event, this.clock.now()));
        this.published.push(...fresh);
        return fresh.length;
      },
    });
    this.backfill.setInstruments(
      symbols.map(symbol => testInstrument('upbit', symbol, symbol.split('/')[0] ?? '', 'KRW')),
    );
    this.backfill.start();
  }

  /** What REST says at this moment: how many trades there have been. */
  page(): HistoryAnswer {
    return { ok: true, body: Buffer.from(String(this.market.length)) };
  }

  /** A trade happens; `sees` whether a frame tells of it, and whether as the answer to a subscription. */
  trade(id: number, sees: 'sees' | 'misses' | 'snapshot' = 'sees', symbol = 'BTC/KRW'): void {
    const one = trade(symbol, { id: String(id), exchangeTime: this.clock.now() });
    this.market.push(one);
    if (sees !== 'misses') this.see(one, sees === 'snapshot');
  }

  /** Whether it is published. */
  see(one: Trade, isSnapshot = false): boolean {
    const told = isSnapshot ? { ...one, backfilled: true as const } : one;
    const isNew = this.#memory.admit(told, this.clock.now());
    this.backfill.observe([told]);
    return isNew;
  }

  /** A trade happens while another node leads, which publishes it. */
  hear(id: number): void {
    this.trade(id, 'misses');
    this.isTold(id, {});
  }

  /** That node publishes what this one has not seen. */
  isTold(id: number, more: Partial<Trade>): void {
    const one = { ...this.market.find(other => other.id === String(id))!, ...more };
    this.#memory.remember(one, this.clock.now());
    this.backfill.remember(one);
  }

  feed(state: 'live' | 'down'): void {
    this.backfill.onFeedState(FEED, state, this.#symbols, 0);
  }

  async pass(ms: number): Promise<void> {
    await this.clock.advanceAndSettle(ms);
  }

  get told(): string[] {
    return this.published.map(event => (event.type === 'gap' ? `gap ${event.afterId}-${event.untilId}` : event.id));
  }
}

describe('with contiguous ids', () => {
  it('fetches a jump once, in order', async () => {
    const world = new World('contiguous');
    world.trade(1);
    for (const id of [2, 3]) world.trade(id, 'misses');
    world.trade(4);
    await world.pass(2_000);
    expect([world.paths, world.told]).toEqual([['BTC/KRW 2'], ['2', '3']]);
    expect(world.backfill.counts()).toMatchObject({ suspected: 1, backfilledTrades: 2, declaredGaps: 0, waiting: 0 });
  });

  it('fills several jumps of an instrument from one page', async () => {
    const world = new World('contiguous');
    for (const id of [1, 2, 3, 4, 5, 6, 7]) world.trade(id, id % 3 === 1 ? 'sees' : 'misses');
    await world.pass(2_000);
    expect([world.paths, world.told]).toEqual([['BTC/KRW 2'], ['2', '3', '5', '6']]);
  });

  it('asks nothing when the missing ones come late by themselves', async () => {
    const world = new World('contiguous');
    for (const id of [1, 3, 2]) world.trade(id);
    await world.pass(5_000);
    expect([world.paths, world.told]).toEqual([[], []]);
  });

  it('finds the last trades of a market that fell silent during an interruption', async () => {
    const world = new World('contiguous');
    world.trade(1);
    world.feed('down');
    world.trade(2, 'misses');
    world.feed('live');
    await world.pass(5_000);
    expect([world.paths, world.told]).toEqual([['newest', 'BTC/KRW 2'], ['2']]);
  });

  it('asks for the newest at once where nothing is known, so that a market loses nothing before its first trade', async () => {
    const world = new World('contiguous');
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
    const world = new World('contiguous');
    for (const id of [1, 4]) world.trade(id);
    await world.pass(120_000);
    expect(world.paths).toHaveLength(3);
    const gap = { type: 'gap', symbol: 'BTC/KRW', afterId: '1', untilId: '4', provable: true };
    expect(world.published).toMatchObject([gap]);
  });

  it('continues at the first connection where another node left off, and fills what that one left open', async () => {
    const world = new World('contiguous');
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
    const world = new World('contiguous');
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
    ['had the time to: what came after it', 310_000, ['4']],
  ])('reads back what a leader lost at its beginning, if that one %s', async (_name, ledForMs, told) => {
    const world = new World('unordered');
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
    const world = new World('unordered');
    world.trade(1);
    world.feed('down');
    world.feed('live');
    const [one] = world.market;
    if (one !== undefined) world.see(one, true);
    await world.pass(60_000);
    expect([world.paths, world.told]).toEqual([[], []]);
  });

  it('reads back to what is known when that trade is a new one', async () => {
    const world = new World('unordered');
    world.trade(1);
    world.feed('down');
    for (const id of [2, 3]) world.trade(id, 'misses');
    world.feed('live');
    world.trade(4, 'snapshot');
    await world.pass(5_000);
    expect([world.paths, world.told]).toEqual([['BTC/KRW newest'], ['2', '3']]);
  });

  it('looks when frames pause on a socket that stays open, beyond the pace of the feed', async () => {
    const world = new World('unordered');
    world.trade(1);
    for (let frame = 0; frame < 200; frame += 1) {
      world.backfill.beforeFrame(FEED, () => ['BTC/KRW']);
      await world.pass(10);
    }
    world.trade(2, 'misses');
    await world.pass(1_100);
    world.backfill.beforeFrame(FEED, () => ['BTC/KRW']);
    await world.pass(5_000);
    expect(world.told).toEqual(['2']);
  });

  it('takes its own sleep for no pause of the exchange', async () => {
    const world = new World('unordered');
    world.trade(1);
    const beat = () => world.backfill.beforeFrame(FEED, () => ['BTC/KRW']);
    beat();
    await world.pass(10);
    beat();
    world.clock.sleep(30_000);
    beat();
    await world.pass(5_000);
    expect([world.paths, world.backfill.counts().suspected]).toEqual([[], 0]);
  });

  it('notices a pause that it slept through by what the exchange says, and no pause of its own', async () => {
    const world = new World('unordered');
    const beat = () => {
      world.backfill.beforeFrame(FEED, () => ['BTC/KRW']);
      const told = trade('ETH/KRW', { exchangeTime: world.clock.now() });
      world.backfill.beforeEvents(FEED, () => ['BTC/KRW'], [told]);
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
    world.backfill.beforeFrame(FEED, () => ['BTC/KRW']);
    expect(world.backfill.isSettled).toBe(true);
    beat();
    await world.pass(5_000);
    expect(world.told).toEqual(['2']);
  });

  it('notices a second pause that begins with the frame that ended the first', async () => {
    const world = new World('unordered');
    world.trade(1);
    const beat = () => world.backfill.beforeFrame(FEED, () => ['BTC/KRW']);
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
    const world = new World('unordered');
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
    const world = new World('unordered');
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
    const world = new World('unordered');
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
    const world = new World('unordered', ['A/KRW', 'B/KRW', 'C/KRW']);
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
    const world = new World('unordered');
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
    const world = new World('unordered');
    world.trade(1);
    world.feed('down');
    world.feed('live');
    world.answer = () => ({ ok: false, reason: 'Code not found', status: 404, pauseMs: 0 });
    await world.pass(2_000);
    expect([world.paths.length, world.told]).toEqual([1, ['gap 1-null']]);
  });

  it('ends a request and all timers with a stop', async () => {
    const world = new World('unordered');
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
    const world = new World('separate');
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

  const frames = (world: World) => world.backfill.beforeFrame(FEED, () => ['BTC/KRW']);
  const told = (world: World) => world.published.map(event => (event.type === 'gap' ? 'gap' : event.price));

  /** Trades are told apart by their prices: the ids of those that were fetched are ours. */
  async function happen(world: World, price: number, sees: 'sees' | 'misses' | 'snapshot'): Promise<Trade> {
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
  async function stall(world: World, during: () => Promise<unknown>): Promise<void> {
    frames(world);
    await world.pass(10);
    frames(world);
    await during();
    await world.pass(1_100);
    frames(world);
  }

  it('takes the answer to a subscription for the trade that was fetched: the market was quiet', async () => {
    const world = new World('separate');
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
      const world = new World('separate');
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
    const world = new World('separate');
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
    const world = new World('separate');
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
    const world = new World('separate');
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

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Trade } from '../../shared/model/market-event.ts';
import { trade } from '../../shared/model/testing/market-events.ts';
import { bithumbTradeHistory, upbitTradeHistory } from '../exchanges/korean-trade-history.ts';
import { BackwardReading } from './backward-reading.ts';
import { TradeContinuity } from './trade-continuity.ts';
import { TradeMemory } from './trade-memory.ts';

const seed = Number(process.env['FUZZ_SEED'] ?? Date.now() % 2 ** 31);
console.log(`days of trades are drawn with FUZZ_SEED=${seed}`);

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
/** 2026-07-30T00:00:00Z */
const START = 1_785_369_600_000;

/** How an exchange may count its days. */
type Calendar = { readonly turnMs: number; readonly countsFrom: 'today' | 'lastTrade' };

const CALENDARS: readonly (readonly ['unordered' | 'separate', Calendar])[] = [
  ['unordered', { turnMs: 0, countsFrom: 'today' }],
  ['unordered', { turnMs: 0, countsFrom: 'lastTrade' }],
  ['separate', { turnMs: 0, countsFrom: 'today' }],
  ['separate', { turnMs: 0, countsFrom: 'lastTrade' }],
  ['separate', { turnMs: 15 * HOUR_MS, countsFrom: 'today' }],
  ['separate', { turnMs: 15 * HOUR_MS, countsFrom: 'lastTrade' }],
];

type Part = 'before' | 'missed' | 'after';
type Happened = { readonly trade: Trade; readonly part: Part };

/** From one trade to the next: often at once, sometimes over days. */
const steps = fc.oneof(
  { weight: 6, arbitrary: fc.nat({ max: 2 }) },
  { weight: 3, arbitrary: fc.integer({ min: 1_000, max: 3 * HOUR_MS }) },
  { weight: 1, arbitrary: fc.integer({ min: HOUR_MS, max: 4 * DAY_MS }) },
);

const worlds = fc
  .record({
    ofDayMs: fc.nat({ max: DAY_MS }),
    drawn: fc.array(fc.record({ step: steps, price: fc.nat({ max: 2 }) }), { minLength: 3, maxLength: 60 }),
    known: fc.nat({ max: 40 }),
    missed: fc.nat({ max: 40 }),
    pageSize: fc.integer({ min: 4, max: 40 }),
    /** When the reading begins, after the first trade that was seen again; and how long each page takes. */
    readAfterMs: fc.oneof(fc.nat({ max: MINUTE_MS }), fc.nat({ max: DAY_MS })),
    pageTakesMs: fc.oneof(fc.nat({ max: 100 }), fc.nat({ max: HOUR_MS })),
    noticedAfterMs: fc.nat({ max: 9 * MINUTE_MS }),
    ourClockIsBehindMs: fc.nat({ max: MINUTE_MS }),
  })
  .map(({ ofDayMs, drawn, known, missed, ...rest }) => {
    let time = START + ofDayMs;
    const first = Math.min(known, drawn.length - 2);
    const happened = drawn.map(({ step, price }, index): Happened => {
      time += step;
      const part = index < first ? 'before' : index < first + missed && index < drawn.length - 1 ? 'missed' : 'after';
      const id = `${time}${String(index).padStart(4, '0')}`;
      return { part, trade: trade('BTC/KRW', { exchangeTime: time, price: String(100 + price), id }) };
    });
    return { happened, ...rest };
  });

type World = typeof worlds extends fc.Arbitrary<infer Drawn> ? Drawn : never;

const timeOf = ({ exchangeTime }: Trade): number => exchangeTime ?? 0;
const dayOf = (time: number, { turnMs }: Calendar) => Math.floor((time - turnMs) / DAY_MS) * DAY_MS + turnMs;

/** Reads pages as an exchange serves them, while time passes, until the reading is over. */
function readAll(world: World, ids: 'unordered' | 'separate', calendar: Calendar) {
  const { happened, pageSize, readAfterMs, pageTakesMs, noticedAfterMs, ourClockIsBehindMs } = world;
  const told = (one: Trade): Trade => (ids === 'separate' ? { ...one, id: `9${one.id}` } : one);
  const row = (one: Trade): Trade => (ids === 'separate' ? { ...one, id: `${one.exchangeTime}0000` } : one);
  const continuity = new TradeContinuity(ids);
  const memory = new TradeMemory({ separateIds: new Set(ids === 'separate' ? ['upbit'] : []) });
  const tell = (part: Part) => {
    for (const one of happened) {
      if (one.part !== part) continue;
      memory.admit(told(one.trade), START);
      continuity.observe(told(one.trade));
    }
  };
  tell('before');
  if (!continuity.isAnchored('BTC/KRW')) continuity.anchor('BTC/KRW', []);
  const resumed = happened.find(({ part }) => part === 'after')!.trade;
  const firstUnseen = happened.find(({ part }) => part !== 'before')!.trade;
  continuity.observe(trade('ETH/KRW', { exchangeTime: timeOf(firstUnseen) + noticedAfterMs }));
  continuity.interrupt(['BTC/KRW']);
  tell('after');
  const [miss] = continuity.settle(['BTC/KRW']);
  if (miss === undefined) throw new Error('nothing is suspected');

  let now = timeOf(resumed) + readAfterMs;
  const { days } = ids === 'separate' ? bithumbTradeHistory : upbitTradeHistory;
  const history = { ids, pageSize, ...(days === undefined ? {} : { days }) };
  const reading = new BackwardReading(miss, history, () => now - ourClockIsBehindMs);
  for (let requests = 1; requests < 300; requests += 1) {
    const { wanted } = reading;
    if (wanted.kind !== 'trades') throw new Error('no page of trades is wanted');
    const { from, daysAgo = 0 } = wanted;
    if (daysAgo > 7) throw new Error('that day may not be asked for');
    const visible = happened.filter(one => timeOf(one.trade) <= now).map(one => one.trade);
    const newest = calendar.countsFrom === 'today' ? now : timeOf(visible.at(-1)!);
    const day = dayOf(newest, calendar) - daysAgo * DAY_MS;
    const page = visible
      .filter(one => dayOf(timeOf(one), calendar) === day)
      .map(row)
      .filter(({ id }) => from === null || BigInt(id) < BigInt(from))
      .reverse()
      .slice(0, pageSize);
    const finding = reading.take(page);
    if (finding.next !== 'more') {
      const oldestDay = dayOf(now, calendar) - 7 * DAY_MS;
      return { next: finding.next, oldestDay, missed: memory.unpublished(finding.found, miss.before) };
    }
    now += pageTakesMs;
  }
  throw new Error('the reading does not end');
}

/** Pages that hold less than a millisecond's trades cannot be walked with ids that all of them share. */
function isReadable({ happened, pageSize }: World, ids: 'unordered' | 'separate'): boolean {
  const byTime = Object.values(Object.groupBy(happened, one => timeOf(one.trade)));
  return ids === 'unordered' || pageSize > Math.max(...byTime.map(list => list?.length ?? 0));
}

const contentOf = (one: Trade) => `${one.exchangeTime} ${one.price}`;

describe('[GAP1] where pages end with the day', () => {
  it.each(CALENDARS)('finds all that any day still has, and calls nothing else lost (%s ids, %o)', (ids, calendar) => {
    fc.assert(
      fc.property(worlds, world => {
        fc.pre(isReadable(world, ids));
        const { missed, next, oldestDay } = readAll(world, ids, calendar);
        const wanted = world.happened.filter(({ part }) => part === 'missed').map(one => one.trade);
        const had = wanted.filter(one => timeOf(one) >= oldestDay);
        const found = missed.map(contentOf);
        if (next === 'done') expect(found.sort()).toEqual(wanted.map(contentOf).sort());
        else {
          expect(next).toBe('lost');
          expect(wanted.map(contentOf)).toEqual(expect.arrayContaining(found));
          expect(found).toEqual(expect.arrayContaining(had.map(contentOf)));
          // Otherwise the last known trade would be among the rows.
          const before = world.happened.filter(({ part }) => part === 'before').at(-1);
          expect(before === undefined ? 0 : timeOf(before.trade)).toBeLessThan(oldestDay + 1_000);
        }
        expect(missed.map(timeOf)).toEqual(missed.map(timeOf).toSorted((some, other) => some - other));
        expect(new Set(missed.map(({ id }) => id)).size).toBe(missed.length);
      }),
      { seed, numRuns: 400 },
    );
  });

  it('needs no second page where the days are counted from the last trade, and it stands next to a known one', () => {
    const [known, missed] = [1, 2].map(id => trade('BTC/KRW', { exchangeTime: START + id * HOUR_MS, id: String(id) }));
    const continuity = new TradeContinuity('unordered');
    continuity.observe(known!);
    continuity.interrupt(['BTC/KRW']);
    const [miss] = continuity.settle(['BTC/KRW']);
    const reading = new BackwardReading(miss!, upbitTradeHistory, () => START + 3 * DAY_MS);
    expect(reading.take([missed!, known!])).toMatchObject({ next: 'done', found: [{ id: '1' }, { id: '2' }] });
  });
});

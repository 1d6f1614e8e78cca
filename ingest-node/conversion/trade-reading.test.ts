import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Trade } from '../../shared/model/market-event.ts';
import { trade } from '../../shared/model/testing/market-events.ts';
import { binanceTradeHistory } from '../exchanges/binance-trade-history.ts';
import { BackwardReading } from './backward-reading.ts';
import { type Jump, TradeContinuity } from './trade-continuity.ts';
import { TradeMemory } from './trade-memory.ts';
import { UpwardReading } from './upward-reading.ts';

const seed = Number(process.env['FUZZ_SEED'] ?? Date.now() % 2 ** 31);
console.log(`missed trades are drawn with FUZZ_SEED=${seed}`);
const START = 1_785_395_000_000;

type Happened = { readonly time: number; readonly price: string; readonly size: string; readonly part: Part };
type Part = 'before' | 'missed' | 'after';

/** A market of a few prices and sizes in which several trades of a millisecond are equal in all but their ids. */
const markets = fc
  .tuple(
    fc.array(fc.record({ step: fc.nat({ max: 2 }), price: fc.nat({ max: 2 }), size: fc.nat({ max: 1 }) }), {
      minLength: 6,
      maxLength: 120,
    }),
    fc.integer({ min: 1, max: 60 }),
    fc.nat({ max: 60 }),
    fc.integer({ min: 2, max: 40 }),
  )
  .map(([drawn, known, missed, pageSize]) => {
    let time = START;
    const first = Math.min(known, drawn.length - 1);
    const happened = drawn.map(({ step, price, size }, index): Happened => {
      time += step;
      const part = index < first ? 'before' : index < first + missed && index < drawn.length - 1 ? 'missed' : 'after';
      return { time, price: String(100 + price), size: String(1 + size), part };
    });
    return { happened, pageSize };
  });

/** Reads pages as an exchange serves them until the reading is over. */
function readAll(
  all: readonly Trade[],
  happened: readonly Happened[],
  pageSize: number,
  ids: 'unordered' | 'separate',
) {
  const socketId = (trade: Trade) => (ids === 'separate' ? `9${trade.id}` : trade.id);
  const restId = (trade: Trade) => (ids === 'separate' ? `${trade.exchangeTime}0000` : trade.id);
  const continuity = new TradeContinuity(ids);
  const memory = new TradeMemory({ separateIds: new Set(ids === 'separate' ? ['upbit'] : []) });
  const tell = (part: Part) =>
    all.forEach((one, index) => {
      if (happened[index]?.part !== part) return;
      memory.admit({ ...one, id: socketId(one) }, START);
      continuity.observe({ ...one, id: socketId(one) });
    });
  tell('before');
  continuity.interrupt(['BTC/KRW']);
  tell('after');
  const [miss] = continuity.settle(['BTC/KRW']);
  if (miss === undefined) throw new Error('nothing is suspected');
  const reading = new BackwardReading(miss, { ids, pageSize }, () => START);
  const rows = all.map(one => ({ ...one, id: restId(one), backfilled: true as const })).reverse();
  for (let turn = 0; turn < 300; turn += 1) {
    const from = reading.wanted.kind === 'trades' ? reading.wanted.from : null;
    const older = from === null ? rows : rows.filter(({ id }) => BigInt(id) < BigInt(from));
    const finding = reading.take(older.slice(0, pageSize));
    if (finding.next !== 'more') return { ...finding, missed: memory.unpublished(finding.found, miss.before) };
  }
  throw new Error('the reading does not end');
}

const timeOf = ({ exchangeTime }: Trade) => exchangeTime;
const contentOf = ({ exchangeTime, price, size }: Trade) => `${exchangeTime} ${price} ${size}`;

describe('trades that were missed', () => {
  it.each(['unordered', 'separate'] as const)('are found exactly, oldest first, with %s ids', ids => {
    fc.assert(
      fc.property(markets, ({ happened, pageSize }) => {
        const all = happened.map(({ time, price, size }, index) =>
          trade('BTC/KRW', { exchangeTime: time, price, size, id: String(17_000_000_000_000_000n + BigInt(index)) }),
        );
        // Pages that hold less than a millisecond's trades cannot be walked with ids that all of them share.
        const busiest = Math.max(
          ...Object.values(Object.groupBy(happened, ({ time }) => time)).map(list => list?.length ?? 0),
        );
        if (ids === 'separate' && pageSize <= busiest) return;
        const wanted = all.filter((_, index) => happened[index]?.part === 'missed');
        const { missed, next } = readAll(all, happened, pageSize, ids);
        expect(next).toBe('done');
        if (ids === 'unordered') expect(missed.map(({ id }) => id)).toEqual(wanted.map(({ id }) => id));
        // Which of two that say the same within a millisecond is the missed one nobody can tell.
        expect(missed.map(contentOf).sort()).toEqual(wanted.map(contentOf).sort());
        expect(missed.map(timeOf)).toEqual(wanted.map(timeOf));
        expect(new Set(missed.map(({ id }) => id)).size).toBe(missed.length);
      }),
      { seed, numRuns: 400 },
    );
  });

  it('are not believed where REST counts executions differently', () => {
    const at = (time: number, size: string) => trade('BTC/KRW', { exchangeTime: START + time, size });
    const [one, two, three] = [at(0, '1'), at(10, '2'), at(20, '3')];
    const continuity = new TradeContinuity('separate');
    for (const known of [one, two]) continuity.observe(known);
    continuity.interrupt(['BTC/KRW']);
    continuity.observe(three);
    const [miss] = continuity.settle(['BTC/KRW']);
    if (miss === undefined) throw new Error('nothing is suspected');
    const reading = new BackwardReading(miss, { ids: 'separate', pageSize: 500 }, () => START);
    // What the socket told as one trade of size 2 is two of size 1 here.
    expect(reading.take([three, at(10, '1'), at(10, '1'), one])).toEqual({ found: [], next: 'absent' });
  });
});

describe('contiguous ids', () => {
  const numbered = (id: number) => trade('BTC/USDT', { exchange: 'binance', id: String(id) });
  const jumpTo = (continuity: TradeContinuity, id: number): Jump => {
    const miss = continuity.observe(numbered(id));
    if (miss === null || !('until' in miss)) throw new Error('no jump');
    return miss;
  };

  it('prove a loss by a jump, and heal when the jump comes late', () => {
    const continuity = new TradeContinuity('contiguous');
    expect([5, 6, 6, 7].map(id => continuity.observe(numbered(id)))).toEqual([null, null, null, null]);
    const miss = jumpTo(continuity, 10);
    expect([miss.from, miss.until]).toEqual([8n, 10n]);
    const reading = new UpwardReading(miss, { pageSize: 1000 });
    continuity.observe(numbered(9));
    expect(reading.isHealed).toBe(false);
    continuity.observe(numbered(8));
    expect(reading.isHealed).toBe(true);
  });

  it('name what no page holds', () => {
    const continuity = new TradeContinuity('contiguous');
    continuity.observe(numbered(5));
    const miss = jumpTo(continuity, 12);
    const reading = new UpwardReading(miss, { pageSize: 3 });
    expect(reading.wanted).toEqual({ kind: 'trades', from: '6' });
    expect(reading.take([6, 7, 10].map(numbered))).toMatchObject({
      next: 'more',
      found: [6, 7, 10].map(id => ({ id: `${id}` })),
    });
    expect(reading.take([11, 12].map(numbered)).next).toBe('absent');
    expect(reading.remains()).toMatchObject({ afterId: '7', untilId: '10' });
    reading.rewind();
    expect(reading.wanted).toEqual({ kind: 'trades', from: '8' });
    expect(reading.take([8, 9, 10].map(numbered))).toMatchObject({ next: 'more' });
    expect(reading.take([11, 12].map(numbered)).next).toBe('done');
  });

  it('count from what REST names where no trade came yet', () => {
    const continuity = new TradeContinuity('contiguous');
    expect(continuity.newestIs('BTC/USDT', '100', START)).toBeNull();
    expect(continuity.observe(numbered(101))).toBeNull();
    expect(continuity.observe(numbered(104))).toMatchObject({ from: 102n, until: 104n });
    expect(continuity.newestIs('BTC/USDT', '106', START)).toMatchObject({ from: 105n, until: 107n });
    expect(continuity.newestIs('BTC/USDT', '106', START)).toBeNull();
  });

  describe('read from runs, where trades of one order may stand together', () => {
    const PAGE = { pageSize: 1000, runs: binanceTradeHistory.runs! };
    const missed = (from: number, until: number) => {
      const continuity = new TradeContinuity('contiguous');
      continuity.observe({ ...numbered(from - 1), exchangeTime: START });
      const miss = jumpTo(continuity, until);
      return { continuity, reading: new UpwardReading(miss, PAGE) };
    };
    const alone = (id: number) => ({ first: BigInt(id), last: BigInt(id), trade: numbered(id) });
    const together = (first: number, last: number) => ({ first: BigInt(first), last: BigInt(last), trade: null });

    it('are whole when each stands alone', () => {
      const { reading } = missed(6, 9);
      expect(reading.wanted).toEqual({ kind: 'runs', since: START });
      const finding = reading.takeRuns([together(4, 5), alone(6), alone(7), alone(8), together(9, 11)]);
      expect(finding).toMatchObject({ next: 'done', found: [6, 7, 8].map(id => ({ id: `${id}` })) });
    });

    it.each([
      ['stand together', [alone(5), alone(6), together(7, 8), alone(9)]],
      ['are older than the page', [alone(7), alone(8), alone(9)]],
      ['are newer than the page', [alone(5), alone(6), alone(7)]],
      ['are not in the page', []],
    ])('are asked for one by one when some %s', (_name, runs) => {
      const { reading } = missed(6, 9);
      expect(reading.takeRuns(runs)).toEqual({ found: [], next: 'more' });
      expect(reading.wanted).toEqual({ kind: 'trades', from: '6' });
    });

    it('need no second page for those of a run that came late by themselves', () => {
      const { continuity, reading } = missed(6, 9);
      for (const id of [7, 8]) continuity.observe(numbered(id));
      const finding = reading.takeRuns([alone(6), together(7, 8)]);
      expect(finding).toMatchObject({ next: 'done', found: [{ id: '6' }] });
    });

    it('are not looked for there when they are many, or when nothing tells since when', () => {
      expect(missed(6, 60).reading.wanted).toEqual({ kind: 'trades', from: '6' });
      const continuity = new TradeContinuity('contiguous');
      continuity.observe({ ...numbered(5), exchangeTime: null });
      expect(new UpwardReading(jumpTo(continuity, 8), PAGE).wanted).toEqual({ kind: 'trades', from: '6' });
    });
  });
});

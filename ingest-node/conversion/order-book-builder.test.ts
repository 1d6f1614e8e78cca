import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { binanceDeltaBooks } from '../exchanges/binance-book.ts';
import type { BookDelta, BookSnapshot } from '../exchanges/exchange-adapter.ts';
import { BookLevels, MAX_LEVELS } from './book-levels.ts';
import { OrderBookBuilder } from './order-book-builder.ts';
import { ChangingMarket } from './testing/changing-market.ts';

const { judge } = binanceDeltaBooks;
const seed = Number(process.env['FUZZ_SEED'] ?? Date.now() % 2 ** 31);
console.log(`books are made with FUZZ_SEED=${seed}`);

function delta(first: number, last: number, bids: BookDelta['bids'] = [], asks: BookDelta['asks'] = []): BookDelta {
  return { symbol: 'BTC/USDT', nativeCode: 'BTCUSDT', exchangeTime: last, first, last, bids, asks };
}

/** `99 1, 97 3`: prices and sizes. */
function bidsOf(text: string): string[][] {
  return text.split(', ').map(level => level.split(' '));
}

const snapshot: BookSnapshot = { sequence: 10, bids: [['99', '1']], asks: [['101', '1']] };

describe('the numbered rule of a local book', () => {
  const builder = () => new OrderBookBuilder({ judge, snapshotLevels: 1000 });

  test('step 2: a snapshot older than the first event kept is not taken, a later one is', () => {
    const book = builder();
    expect(book.add(delta(13, 14, [['98', '2']]))).toBe('kept');
    expect(book.align(snapshot)).toBe('tooOld');
    expect(book.top()).toBeNull();
    expect(book.align({ ...snapshot, sequence: 12 })).toBe('aligned');
    expect(book.top()).toMatchObject({
      sequence: 14,
      bids: [
        ['99', '1'],
        ['98', '2'],
      ],
      exchangeTime: 14,
    });
    expect(book.wantsSnapshot).toBe(false);
  });

  test('step 3: events up to the snapshot are dropped, the first one left overlaps it or follows it at once', () => {
    for (const [first, last] of [
      [9, 12],
      [10, 11],
      [11, 12],
    ] as const) {
      const book = builder();
      book.add(delta(5, first - 1, [['99', '7']]));
      book.add(delta(first, last, [['99', '3']]));
      expect(book.align(snapshot)).toBe('aligned');
      expect(book.top()).toMatchObject({ sequence: last, bids: [['99', '3']] });
    }
  });

  test('step 4: repeated events are ignored, size 0 removes, a hole ends the book until a snapshot after it', () => {
    const book = builder();
    book.align(snapshot);
    expect(
      book.add(
        delta(11, 12, [
          ['99', '0'],
          ['97', '0'],
          ['98', '5'],
        ]),
      ),
    ).toBe('applied');
    expect(book.add(delta(11, 12, [['99', '8']]))).toBe('ignored');
    expect(book.top()).toMatchObject({ sequence: 12, bids: [['98', '5']] });
    expect(book.add(delta(14, 14, [['98', '9']]))).toBe('early');
    expect(book.giveUp()).toBe(true);
    expect([book.top(), book.wantsSnapshot]).toEqual([null, true]);
    expect(book.add(delta(15, 15, [['96', '1']]))).toBe('kept');
    expect(book.align({ ...snapshot, sequence: 13 })).toBe('aligned');
    expect(book.top()).toMatchObject({
      sequence: 15,
      bids: [
        ['99', '1'],
        ['98', '9'],
        ['96', '1'],
      ],
    });
  });

  test('step 4: events that are ahead of others wait for them, in whatever order they come', () => {
    const book = builder();
    book.align(snapshot);
    expect([book.add(delta(13, 13, [['98', '3']])), book.isAhead]).toEqual(['early', true]);
    expect(book.add(delta(12, 12, [['98', '2']]))).toBe('early');
    expect(book.add(delta(13, 13, [['98', '3']]))).toBe('early');
    expect(book.top()).toMatchObject({ sequence: 10 });
    expect([book.add(delta(11, 11)), book.isAhead]).toEqual(['applied', false]);
    expect(book.top()).toMatchObject({ sequence: 13 });
    expect(book.top()?.bids).toEqual(bidsOf('99 1, 98 3'));
    expect([book.giveUp(), book.wantsSnapshot]).toEqual([false, false]);
  });

  test('step 4: no more of them than a socket can be behind, and a crossed book takes none of them', () => {
    const book = builder();
    book.align(snapshot);
    const outcomes = Array.from({ length: 26 }, (_, index) => book.add(delta(12 + index, 12 + index)));
    expect([outcomes.at(-2), outcomes.at(-1), book.isLive]).toEqual(['early', 'gap', false]);
    expect(book.align({ ...snapshot, sequence: 11 })).toBe('aligned');
    expect(book.top()).toMatchObject({ sequence: 37 });
    book.add(delta(39, 39));
    expect(book.add(delta(38, 38, [['101', '1']]))).toBe('crossed');
    expect(book.align({ ...snapshot, sequence: 38 })).toBe('aligned');
    expect(book.top()).toMatchObject({ sequence: 39 });
  });

  test('step 4: a hole among the events kept makes those before it useless', () => {
    const book = builder();
    book.add(delta(5, 11));
    expect(book.add(delta(13, 13))).toBe('gap');
    expect(book.align(snapshot)).toBe('tooOld');
    expect(book.align({ ...snapshot, sequence: 12 })).toBe('aligned');
  });

  test('step 5: what lies behind the snapshot is unknown, so it is not shown between levels that are', () => {
    const book = new OrderBookBuilder({ judge, snapshotLevels: 2, renewBelow: 2 });
    book.align({
      sequence: 10,
      bids: [
        ['99', '1'],
        ['98', '1'],
      ],
      asks: [['101', '1']],
    });
    book.add(delta(11, 11, [['95', '4']], [['110', '4']]));
    expect(book.top()).toMatchObject({
      bids: [
        ['99', '1'],
        ['98', '1'],
      ],
      asks: [
        ['101', '1'],
        ['110', '4'],
      ],
    });
    expect(book.wantsSnapshot).toBe(false);
    expect(book.add(delta(12, 12, [['99', '0']]))).toBe('applied');
    expect([book.top()?.bids, book.wantsSnapshot]).toEqual([[['98', '1']], true]);
    expect(book.add(delta(13, 13, [['94', '1']]))).toBe('applied');
    expect(
      book.align({
        sequence: 12,
        bids: [
          ['98', '1'],
          ['95', '4'],
        ],
        asks: [],
      }),
    ).toBe('aligned');
    expect(book.top()).toMatchObject({
      sequence: 13,
      bids: [
        ['98', '1'],
        ['95', '4'],
      ],
    });
  });

  test('a book that is renewed stays, and no snapshot sets it back', () => {
    const book = builder();
    book.align(snapshot);
    book.add(delta(11, 12, [['98', '2']]));
    book.renew();
    expect(book.align(snapshot)).toBe('tooOld');
    expect(book.top()?.sequence).toBe(12);
    expect(book.add(delta(13, 13, [['97', '3']]))).toBe('applied');
    expect(book.align({ ...snapshot, sequence: 12 })).toBe('aligned');
    expect(book.top()).toMatchObject({ sequence: 13 });
    expect(book.top()?.bids).toEqual(bidsOf('99 1, 97 3'));
  });

  test('a crossed book is never shown', () => {
    const book = builder();
    book.align(snapshot);
    expect(book.add(delta(11, 11, [['101', '1']]))).toBe('crossed');
    expect([book.top(), book.wantsSnapshot]).toEqual([null, true]);
    expect(book.align({ sequence: 11, bids: [['101', '1']], asks: [['101', '2']] })).toBe('crossed');
    expect(book.isLive).toBe(false);
  });
});

test('a side keeps its order to the last digit, where doubles cannot tell prices apart, and its bound', () => {
  const near = ['0.10000000000000000001', '0.1', '0.10000000000000000002'];
  const asks = new BookLevels('ask', [], false);
  for (const price of near) asks.set([price, '1']);
  expect(asks.top(3).map(([price]) => price)).toEqual([near[1], near[0], near[2]]);
  asks.set([near[0]!, '0']);
  expect(asks.top(3).map(([price]) => price)).toEqual([near[1], near[2]]);
  const bids = new BookLevels('bid', [], false);
  for (let price = 1; price <= MAX_LEVELS + 10; price++) bids.set([String(price), '1']);
  expect([bids.length, bids.best, bids.horizon]).toEqual([MAX_LEVELS, String(MAX_LEVELS + 10), '11']);
});

test('whatever is lost, repeated or swapped: every book shown is a true one, and in the end it is the newest', () => {
  const change = fc.record({
    tick: fc.integer({ min: 70, max: 130 }),
    size: fc.integer({ min: 0, max: 5 }),
    isBid: fc.boolean(),
  });
  const step = fc.record({
    changes: fc.array(change, { maxLength: 8 }),
    fate: fc.constantFrom('delivered', 'delivered', 'delivered', 'dropped', 'twice', 'late', 'again'),
    /** How many states the snapshot is behind; `null` when none is fetched in this step. */
    lag: fc.option(fc.nat({ max: 12 })),
    /** What is missing is given up before. */
    isOver: fc.boolean(),
  });
  let shown = 0;
  fc.assert(
    fc.property(fc.array(step, { minLength: 20, maxLength: 80 }), fc.integer({ min: 3, max: 40 }), (steps, levels) => {
      const market = new ChangingMarket(77_000_000_000);
      for (let tick = 71; tick < 130; tick++) market.change({ tick, size: 1, isBid: tick < 100 });
      market.takeDelta();
      const start = market.sequence;
      const builder = new OrderBookBuilder({ judge, snapshotLevels: levels, renewBelow: Math.min(levels, 15) });
      const check = (): void => {
        const top = builder.top();
        if (top === null) return;
        shown += 1;
        const truth = market.at(top.sequence);
        for (const side of ['bids', 'asks'] as const) {
          const expected = truth[side].slice(0, builder.wantsSnapshot || levels < 15 ? top[side].length : 15);
          expect(top[side]).toEqual(expected);
        }
        for (const [bid] of top.bids.slice(0, 1))
          for (const [ask] of top.asks.slice(0, 1)) {
            expect(Number(bid)).toBeLessThan(Number(ask));
          }
      };
      const deliver = (sent: BookDelta): void => {
        builder.add(sent);
        check();
      };
      const align = (lag: number): void => {
        if (builder.wantsSnapshot) builder.align(market.snapshotAt(Math.max(start, market.sequence - lag), levels));
        check();
      };
      let late: BookDelta | null = null;
      const past: BookDelta[] = [];
      for (const { changes, fate, lag, isOver } of steps) {
        for (const one of changes) market.change(one);
        const sent = market.takeDelta();
        if (sent !== null && fate !== 'dropped' && fate !== 'late') deliver(sent);
        if (sent !== null && fate === 'twice') deliver(sent);
        if (fate === 'again' && past.length > 0) deliver(past[past.length >> 1]!);
        if (late !== null) deliver(late);
        late = fate === 'late' ? sent : null;
        if (sent !== null) past.push(sent);
        if (isOver) builder.giveUp();
        if (lag !== null) align(lag);
      }
      market.change({ tick: 1, size: 3, isBid: true });
      deliver(market.takeDelta()!);
      builder.giveUp();
      align(0);
      expect(builder.isLive).toBe(true);
      expect(builder.top()?.sequence).toBe(market.sequence);
    }),
    { seed, numRuns: 300 },
  );
  expect(shown).toBeGreaterThan(5_000);
});

import { expect, test } from 'vitest';
import { ManualClock } from '../../shared/base/testing/manual-clock.ts';
import type { OrderBook } from '../../shared/model/market-event.ts';
import { testInstrument } from '../../shared/model/testing/instruments.ts';
import { binanceDeltaBooks } from '../exchanges/binance-book.ts';
import type { BookDelta, BookSnapshot } from '../exchanges/exchange-adapter.ts';
import { type DeltaBookReport, DeltaBooks } from './delta-books.ts';

const instruments = [
  testInstrument('binance', 'BTCUSDT', 'BTC', 'USDT'),
  testInstrument('binance', 'ETHBTC', 'ETH', 'BTC'),
];

function delta(at: 0 | 1, first: number, last: number, bids: BookDelta['bids']): BookDelta {
  const { symbol, nativeCode } = instruments[at]!;
  return { symbol, nativeCode, exchangeTime: last, first, last, bids, asks: [] };
}

/** Two books; a snapshot is what `snapshots` holds for the code when it is asked for. */
function world() {
  const clock = new ManualClock();
  const snapshots: Record<string, BookSnapshot> = {};
  const asked: string[] = [];
  const found: OrderBook[] = [];
  const reports: DeltaBookReport[] = [];
  const books = new DeltaBooks({
    exchange: 'binance',
    rules: binanceDeltaBooks,
    symbols: new Set(instruments.map(({ symbol }) => symbol)),
    fetch: async code => {
      asked.push(code);
      const snapshot = snapshots[code];
      return snapshot === undefined ? { ok: false, reason: 'HTTP 503', pauseMs: 0 } : { ok: true, snapshot };
    },
    onBook: book => found.push(book),
    onReport: report => reports.push(report),
    clock,
    random: () => 0.5,
  });
  return { clock, snapshots, asked, found, reports, books };
}

test('a book that is lost says nothing until it is found, its neighbour goes on, and the wait is told', async () => {
  const { clock, snapshots, found, reports, books } = world();
  for (const code of ['BTCUSDT', 'ETHBTC']) snapshots[code] = { sequence: 10, bids: [['9', '1']], asks: [['11', '1']] };
  expect(books.apply([delta(0, 11, 11, [['8', '1']]), delta(1, 11, 11, [])], clock.now())).toEqual([]);
  await clock.advanceAndSettle(300);
  expect(found.map(({ symbol, sequence }) => [symbol, sequence])).toEqual([
    ['BTC/USDT', '11'],
    ['ETH/BTC', '11'],
  ]);
  delete snapshots['BTCUSDT'];
  expect(books.apply([delta(0, 13, 13, [['7', '1']])], clock.now())).toEqual([]);
  await clock.advanceAndSettle(2_000);
  expect(books.apply([delta(0, 14, 14, [])], clock.now())).toEqual([]);
  expect(books.apply([delta(1, 12, 12, [['8', '2']])], clock.now())).toMatchObject([
    {
      type: 'orderBook',
      symbol: 'ETH/BTC',
      sequence: '12',
      exchangeTime: 12,
      bids: [
        ['9', '1'],
        ['8', '2'],
      ],
    },
  ]);
  expect(books.counts()).toMatchObject({ live: 1, waiting: 1, longestWaitMs: 1_500, gaps: 1, crossed: 0 });
  snapshots['BTCUSDT'] = { sequence: 12, bids: [['9', '1']], asks: [['11', '1']] };
  await clock.advanceAndSettle(10_000);
  expect(found.at(-1)).toMatchObject({
    symbol: 'BTC/USDT',
    sequence: '14',
    bids: [
      ['9', '1'],
      ['7', '1'],
    ],
  });
  expect(books.counts()).toMatchObject({ live: 2, waiting: 0, longestWaitMs: 0 });
  expect(reports.slice(2)).toEqual([
    { exchange: 'binance', symbol: 'BTC/USDT', kind: 'lost', reason: 'gap' },
    { exchange: 'binance', symbol: 'BTC/USDT', kind: 'retrying', reason: 'HTTP 503' },
    { exchange: 'binance', symbol: 'BTC/USDT', kind: 'built', waitedMs: 2_100 },
  ]);
});

test('changes of books that nobody asked for are counted and left', () => {
  const { clock, books } = world();
  const other = { ...delta(0, 1, 1, []), symbol: 'DOGE/USDT', nativeCode: 'DOGEUSDT' };
  expect(books.apply([other], clock.now())).toEqual([]);
  expect(books.counts()).toMatchObject({ deltas: 1, unwantedDeltas: 1, waiting: 0 });
});

test('a quiet market is asked for its book when its feed delivers, and again when the feed comes back', async () => {
  const { clock, snapshots, asked, found, books } = world();
  for (const code of ['BTCUSDT', 'ETHBTC']) snapshots[code] = { sequence: 10, bids: [['9', '1']], asks: [['11', '1']] };
  books.onFeedLive(instruments, 600);
  books.apply([delta(0, 11, 11, [])], clock.now());
  await clock.advanceAndSettle(7_000);
  expect(asked).toEqual(['BTCUSDT', 'ETHBTC']);
  expect(found.at(-1)).toMatchObject({ symbol: 'ETH/BTC', sequence: '10', exchangeTime: null });
  // While we were away it changed once, and never again; the other one goes on by its numbers.
  snapshots['ETHBTC'] = { sequence: 11, bids: [['9', '2']], asks: [['11', '1']] };
  books.onFeedLive(instruments, 600);
  books.apply([delta(0, 12, 12, [])], clock.now());
  await clock.advanceAndSettle(8_000);
  expect(asked).toEqual(['BTCUSDT', 'ETHBTC', 'ETHBTC']);
  expect(found.at(-1)).toMatchObject({ symbol: 'ETH/BTC', sequence: '11', bids: [['9', '2']] });
  expect(books.apply([delta(1, 12, 12, [['9', '3']])], clock.now())).toMatchObject([{ sequence: '12' }]);
  // Asked for once more, it changes before the answer, which does not know of it yet.
  snapshots['ETHBTC'] = { sequence: 12, bids: [['9', '3']], asks: [['11', '1']] };
  await clock.advanceAndSettle(60_000);
  books.onFeedLive(instruments, 600);
  books.apply([delta(0, 13, 13, [])], clock.now());
  await clock.advanceAndSettle(5_700);
  expect(books.apply([delta(1, 13, 13, [['9', '4']])], clock.now())).toMatchObject([{ sequence: '13' }]);
  await clock.advanceAndSettle(1_000);
  expect(found.at(-1)).toMatchObject({ symbol: 'ETH/BTC', sequence: '13', bids: [['9', '4']] });
  expect(books.counts()).toMatchObject({ live: 2, gaps: 0, snapshots: { attempts: 4, aligned: 4, tooOld: 0 } });
});

test('two sockets that overlap cost no book, whichever is ahead, as long as the one behind comes soon', async () => {
  const { clock, snapshots, asked, books } = world();
  snapshots['BTCUSDT'] = { sequence: 10, bids: [['9', '1']], asks: [['11', '1']] };
  books.apply([delta(0, 11, 11, [])], clock.now());
  await clock.advanceAndSettle(300);
  const sequences = (first: number) => books.apply([delta(0, first, first, [])], clock.now()).map(one => one.sequence);
  for (let last = 12; last < 24; last += 2) {
    expect(sequences(last + 1)).toEqual([]);
    await clock.advanceAndSettle(400);
    expect([sequences(last), sequences(last + 1)]).toEqual([[String(last + 1)], []]);
    await clock.advanceAndSettle(50);
  }
  expect([asked.length, books.counts()]).toMatchObject([1, { live: 1, gaps: 0 }]);
  expect(sequences(25)).toEqual([]);
  await clock.advanceAndSettle(499);
  expect(books.counts()).toMatchObject({ live: 1, gaps: 0 });
  await clock.advanceAndSettle(1);
  expect(books.counts()).toMatchObject({ live: 0, gaps: 1, waiting: 1 });
});

test('a stop forgets everything and leaves no timer', async () => {
  const { clock, snapshots, asked, books } = world();
  books.onFeedLive(instruments, 600);
  snapshots['BTCUSDT'] = { sequence: 10, bids: [['9', '1']], asks: [['11', '1']] };
  books.apply([delta(0, 11, 11, [])], clock.now());
  await clock.advanceAndSettle(300);
  books.apply([delta(0, 13, 13, [])], clock.now());
  asked.length = 0;
  books.stop();
  expect(clock.pending).toBe(0);
  await clock.advanceAndSettle(60_000);
  expect([asked, books.counts().waiting, books.counts().live]).toEqual([[], 0, 0]);
});

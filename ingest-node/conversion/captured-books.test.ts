/**
 * Books of one captured session of Binance.com and one of Binance.US, four markets each: changes and snapshots as they
 * came, through the adapter and the builder, and beside it a rebuild by dumb means. Skipped where no collection of
 * captures lies next to the repository.
 */
import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { ManualClock } from '../../shared/base/testing/manual-clock.ts';
import type { OrderBook } from '../../shared/model/market-event.ts';
import { testInstrument } from '../../shared/model/testing/instruments.ts';
import { binance } from '../exchanges/binance.ts';
import { binanceDeltaBooks } from '../exchanges/binance-book.ts';
import { type DeltaBookReport, DeltaBooks } from './delta-books.ts';
import { findModelViolation } from './validation.ts';

const frames = new URL('../../../shared/data/frames/', import.meta.url);

const MARKETS = {
  binance: { NKNUSDT: 'NKN/USDT', BLZETH: 'BLZ/ETH', LRCBTC: 'LRC/BTC', RUNEEUR: 'RUNE/EUR' },
  'binance-us': { COMPUSDT: 'COMP/USDT', OMGBUSD: 'OMG/BUSD', CRVUSDT: 'CRV/USDT', ZRXUSDT: 'ZRX/USDT' },
} as const;

type Capture = { readonly raw: string; readonly ts: number | null; readonly url: string };
type Rows = [string, string][];
type Update = { readonly s: string; readonly U: number; readonly u: number; readonly b: Rows; readonly a: Rows };

function capturesOf(session: string, channel: string): Capture[] {
  const lines = readFileSync(new URL(`${session}/${channel}.ndjson`, frames), 'utf8')
    .trim()
    .split('\n');
  return lines.map(line => JSON.parse(line) as Capture).filter(({ ts }) => ts !== null);
}

/** Top 15 of both sides after every update, by sequence: two maps, and a sort by the digits of eight decimals. */
function rebuild(snapshot: string, updates: readonly Update[]): Map<string, { bids: Rows; asks: Rows }> {
  const { lastUpdateId, bids, asks } = JSON.parse(snapshot) as { lastUpdateId: number; bids: Rows; asks: Rows };
  const sides = { bids: new Map(bids), asks: new Map(asks) };
  const plain = (text: string) => text.replace(/0+$/, '').replace(/\.$/, '');
  const top = (side: Map<string, string>, order: 1 | -1): Rows =>
    [...side]
      .filter(([, size]) => Number(size) > 0)
      .sort(([a], [b]) => order * Number(BigInt(a.replace('.', '')) - BigInt(b.replace('.', ''))))
      .slice(0, 15)
      .map(([price, size]) => [plain(price), plain(size)]);
  const states = new Map<string, { bids: Rows; asks: Rows }>();
  const note = (id: number) => states.set(String(id), { bids: top(sides.bids, -1), asks: top(sides.asks, 1) });
  note(lastUpdateId);
  for (const { u, b, a } of updates.filter(update => update.u > lastUpdateId)) {
    for (const [price, size] of b) sides.bids.set(price, size);
    for (const [price, size] of a) sides.asks.set(price, size);
    note(u);
  }
  return states;
}

describe.skipIf(!existsSync(frames))('captured books (skipped where no collection lies next to the repository)', () => {
  test.each(Object.entries(MARKETS))(
    '%s: no gap, never crossed, equal to an independent rebuild',
    async (session, symbols) => {
      const instruments = new Map(
        Object.entries(symbols).map(([code, symbol]) => {
          const [base = '', quote = ''] = symbol.split('/');
          return [code, testInstrument('binance', code, base, quote)];
        }),
      );
      const captures = capturesOf(session, 'depthUpdate');
      const updateOf = ({ raw }: Capture) => (JSON.parse(raw) as { data: Update }).data;
      const snapshots = new Map(
        capturesOf(session, 'rest_depth').map(({ url, raw }) => [new URL(url).searchParams.get('symbol') ?? '', raw]),
      );

      const clock = new ManualClock();
      const books: OrderBook[] = [];
      const reports: DeltaBookReport[] = [];
      const builder = new DeltaBooks({
        exchange: 'binance',
        rules: binanceDeltaBooks,
        symbols: new Set<string>(Object.values(symbols)),
        fetch: async code => {
          const parsed = binanceDeltaBooks.snapshot.parse(Buffer.from(snapshots.get(code) ?? ''));
          return parsed.ok ? parsed : { ...parsed, pauseMs: 0 };
        },
        onBook: book => books.push(book),
        onReport: report => reports.push(report),
        clock,
        random: () => 0,
      });
      const start = captures[0]!.ts!;
      for (const { raw, ts } of captures) {
        await clock.advanceAndSettle(Math.max(0, ts! - start - clock.monotonic()));
        const conversion = binance.convert(Buffer.from(raw), ts!, instruments);
        if (conversion.kind !== 'events') expect.fail(`${conversion.kind}: ${raw}`);
        books.push(...builder.apply(conversion.bookDeltas ?? [], ts!));
      }
      await clock.advanceAndSettle(1_000);

      expect(reports.map(({ kind }) => kind)).toEqual(['built', 'built', 'built', 'built']);
      expect(builder.counts()).toMatchObject({ live: 4, waiting: 0, deltas: captures.length, gaps: 0, crossed: 0 });
      expect(books.length).toBeGreaterThan(captures.length / 2);
      for (const [code, symbol] of Object.entries(symbols)) {
        const updates = captures.map(updateOf).filter(({ s }) => s === code);
        const states = rebuild(snapshots.get(code)!, updates);
        const shown = books.filter(book => book.symbol === symbol);
        for (const book of shown) {
          expect(findModelViolation(book)).toBeNull();
          expect({ bids: book.bids, asks: book.asks }, `${symbol} ${book.sequence}`).toEqual(
            states.get(book.sequence!),
          );
        }
        expect(shown.at(-1)?.sequence).toBe(String(updates.at(-1)!.u));
      }
    },
  );
});

import { expect, test } from 'vitest';
import { ManualClock } from '../../shared/base/testing/manual-clock.ts';
import { binance } from '../exchanges/binance.ts';
import { binanceDeltaBooks } from '../exchanges/binance-book.ts';
import type { BookSnapshot } from '../exchanges/exchange-adapter.ts';
import { fetchBookSnapshot } from '../feeds/book-snapshot.ts';
import { RestBudget } from '../feeds/rest-budget.ts';
import { BookResync, type FetchedSnapshot, type FetchSnapshot } from './book-resync.ts';
import type { AlignOutcome } from './order-book-builder.ts';

const snapshot: BookSnapshot = { sequence: 1, bids: [], asks: [] };

/** A line of requests, answered by hand. */
function line(align: (nativeCode: string) => AlignOutcome = () => 'aligned') {
  const clock = new ManualClock();
  const asked: { nativeCode: string; at: number; signal: AbortSignal; answer: (answer: FetchedSnapshot) => void }[] =
    [];
  const failures: string[] = [];
  const fetch: FetchSnapshot = (nativeCode, signal) =>
    new Promise(answer => asked.push({ nativeCode, at: clock.monotonic(), signal, answer }));
  const resync = new BookResync({
    fetch,
    onSnapshot: align,
    onFailure: (nativeCode, reason) => failures.push(`${nativeCode}: ${reason}`),
    clock,
    random: () => 0.5,
  });
  return { clock, asked, failures, resync };
}

test('one at a time, each book once in line, first come first served', async () => {
  const { clock, asked, resync } = line();
  for (const code of ['A', 'B', 'A', 'C']) resync.request(code);
  expect(asked).toEqual([]);
  await clock.advanceAndSettle(1_000);
  expect(asked.map(({ nativeCode, at }) => [nativeCode, at])).toEqual([['A', 300]]);
  expect(resync.waiting()).toEqual({ count: 3, longestMs: 1_000 });
  resync.request('D');
  await clock.advanceAndSettle(1_000);
  expect(asked).toHaveLength(1);
  for (const at of [0, 1, 2, 3]) {
    asked[at]!.answer({ ok: true, snapshot });
    await clock.advanceAndSettle(0);
  }
  expect(asked.map(({ nativeCode }) => nativeCode)).toEqual(['A', 'B', 'C', 'D']);
  expect(resync.waiting()).toEqual({ count: 0, longestMs: 0 });
  expect(resync.counts()).toEqual({ attempts: 4, aligned: 4, tooOld: 0, failures: 0 });
  expect(clock.pending).toBe(0);
});

test('a book whose snapshot does not fit waits longer each time, and nobody waits for it', async () => {
  const { clock, asked, failures, resync } = line(code => (code === 'A' ? 'tooOld' : 'aligned'));
  resync.request('A');
  resync.request('B');
  await clock.advanceAndSettle(300);
  asked[0]!.answer({ ok: true, snapshot });
  await clock.advanceAndSettle(0);
  expect(asked.map(({ nativeCode }) => nativeCode)).toEqual(['A', 'B']);
  asked[1]!.answer({ ok: true, snapshot });
  await clock.advanceAndSettle(800);
  asked[2]!.answer({ ok: true, snapshot });
  await clock.advanceAndSettle(5_000);
  expect(asked.slice(2).map(({ nativeCode, at }) => [nativeCode, at])).toEqual([
    ['A', 1_100],
    ['A', 2_400],
  ]);
  expect(failures).toEqual(['A: tooOld', 'A: tooOld']);
});

test('a book that is lost again and again waits longer each time, one that was well for a minute does not', async () => {
  const { clock, asked, resync } = line();
  const waits: number[] = [];
  const lose = async () => {
    const lostAt = clock.monotonic();
    resync.request('A');
    const count = asked.length;
    while (asked.length === count) await clock.advanceAndSettle(100);
    waits.push(clock.monotonic() - lostAt);
    asked.at(-1)!.answer({ ok: true, snapshot });
    await clock.advanceAndSettle(0);
  };
  for (let loss = 0; loss < 4; loss++) await lose();
  await clock.advanceAndSettle(60_000);
  await lose();
  expect(waits).toEqual([300, 800, 1_300, 2_300, 300]);
});

test('a pause that the exchange asks for holds everyone', async () => {
  const { clock, asked, resync } = line();
  resync.request('A');
  resync.request('B');
  await clock.advanceAndSettle(300);
  asked[0]!.answer({ ok: false, reason: 'HTTP 429', pauseMs: 60_000 });
  await clock.advanceAndSettle(59_999);
  expect(asked).toHaveLength(1);
  await clock.advanceAndSettle(1);
  expect(asked.map(({ nativeCode }) => nativeCode)).toEqual(['A', 'B']);
});

test('after a stop nothing is asked and no late answer is taken', async () => {
  let aligned = 0;
  const { clock, asked, resync } = line(() => {
    aligned += 1;
    return 'aligned';
  });
  resync.request('A');
  resync.request('B');
  await clock.advanceAndSettle(300);
  resync.stop();
  expect(asked[0]!.signal.aborted).toBe(true);
  asked[0]!.answer({ ok: true, snapshot });
  await clock.advanceAndSettle(60_000);
  expect([asked.length, aligned, clock.pending]).toEqual([1, 0, 0]);
  resync.request('C');
  await clock.advanceAndSettle(300);
  expect(asked[1]).toMatchObject({ nativeCode: 'C' });
});

test('fifty books are back within a minute, and no minute costs more than half of what Binance allows', async () => {
  const clock = new ManualClock();
  const { rest: limits } = binance.limits;
  const budget = new RestBudget({ limits, clock });
  const spent: number[] = [];
  const get = async (url: string) => {
    expect(url).toMatch(/^http:\/\/exchange\/api\/v3\/depth\?symbol=S\d+&limit=1000$/);
    spent.push(clock.monotonic());
    return { ok: true as const, body: Buffer.from('{"lastUpdateId":1,"bids":[],"asks":[]}') };
  };
  const { snapshot: rules } = binanceDeltaBooks;
  const resync = new BookResync({
    fetch: (code, signal) =>
      fetchBookSnapshot({ restUrl: 'http://exchange', rest: { get }, budget, rules }, code, signal),
    onSnapshot: () => 'aligned',
    onFailure: (_, reason) => expect.fail(reason),
    clock,
    random: () => 0.5,
  });
  // Lost three times over: as after three drops of everything within minutes.
  for (const loss of [0, 1, 2]) {
    for (let book = 0; book < 50; book++) resync.request(`S${book}`);
    for (let step = 0; step < 900; step++) await clock.advanceAndSettle(100);
    expect(resync.counts().aligned).toBe(50 * (loss + 1));
  }
  expect(spent[49]).toBeLessThan(60_000);
  const weightOfMinute = (from: number) => spent.filter(at => at >= from && at < from + 60_000).length * rules.weight;
  const most = Math.max(...spent.map(weightOfMinute));
  console.log(`fifty books back after ${spent[49]! / 1000} s; at most ${most} of 6000 weight in any minute`);
  expect(most).toBeLessThanOrEqual(limits['weight']!.weight / 2);
});

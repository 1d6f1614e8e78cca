import { beforeEach, describe, expect, it } from 'vitest';
import { ManualClock } from '../../shared/base/testing/manual-clock.ts';
import type { Candle } from '../../shared/model/market-event.ts';
import { testInstrument } from '../../shared/model/testing/instruments.ts';
import { candle } from '../../shared/model/testing/market-events.ts';
import { MINUTE_MS } from '../../shared/model/time.ts';
import type { CandleHistory } from '../exchanges/exchange-adapter.ts';
import { CandleBackfill, MOST_MISSING_MINUTES } from './candle-backfill.ts';
import type { MissingMinutes } from './missing-candles.ts';
import type { HistoryAnswer } from './trade-fetcher.ts';

const history: CandleHistory = {
  limit: { group: 'candle', weight: 1 },
  pageSize: 200,
  path: ({ nativeCode }, from, until) => `${nativeCode} ${minuteOf(from)}-${minuteOf(until)}`,
  parse: body => {
    const text = new TextDecoder().decode(body);
    if (text === '') return { ok: false, reason: 'no list' };
    const candles = text
      .split(',')
      .map(minute => candle('BTC/KRW', { openTime: (first + Number(minute)) * MINUTE_MS }));
    return { ok: true, candles };
  },
};

let clock: ManualClock;
/** The minute that it is at first. */
let first: number;
let asked: string[];
let settled: string[];
let leftOut: string[];
let answer: (path: string) => HistoryAnswer | Promise<HistoryAnswer>;
let missing: Map<string, MissingMinutes>;
let backfill: CandleBackfill;

const minuteOf = (time: number) => time / MINUTE_MS - first;
const body = (text: string): HistoryAnswer => ({ ok: true, body: new TextEncoder().encode(text) });
const failure = (status: number | null, pauseMs = 0): HistoryAnswer => ({
  ok: false,
  reason: 'broken',
  status,
  pauseMs,
});
const miss = (symbol: string, from: number, until: number) =>
  missing.set(symbol, {
    ...{ exchange: 'upbit', symbol },
    ...{ from: (first + from) * MINUTE_MS, until: (first + until) * MINUTE_MS },
  });

beforeEach(() => {
  clock = new ManualClock();
  clock.advance(MINUTE_MS - (clock.now() % MINUTE_MS) + 30_000);
  first = Math.floor(clock.now() / MINUTE_MS);
  [asked, settled, leftOut, missing] = [[], [], [], new Map()];
  answer = () => body('-1');
  backfill = new CandleBackfill({
    exchange: 'upbit',
    history,
    clock,
    random: () => 0.5,
    acquire: async () => {},
    get: async path => {
      asked.push(path);
      return answer(path);
    },
    missingOf: symbol => missing.get(symbol) ?? null,
    settle: ({ symbol }, past: readonly Candle[]) => {
      settled.push(`${symbol} ${past.map(({ openTime }) => minuteOf(openTime)).join()}`);
      return past.length;
    },
    onLeftOut: ({ symbol, from, until }, reason) =>
      leftOut.push(`${symbol} ${minuteOf(from)}-${minuteOf(until)} ${reason}`),
  });
  backfill.setInstruments([
    testInstrument('upbit', 'KRW-BTC', 'BTC', 'KRW'),
    testInstrument('upbit', 'KRW-ETH', 'ETH', 'KRW'),
  ]);
  backfill.start();
});

describe('candle backfill', () => {
  it('asks once for what an instrument missed, and for nothing of one that missed nothing', async () => {
    miss('BTC/KRW', -2, 0);
    answer = () => body('-2,-1');
    backfill.ask(['BTC/KRW', 'ETH/KRW']);
    await clock.advanceAndSettle(0);
    expect(asked).toEqual(['KRW-BTC -2-0']);
    expect(settled).toEqual(['BTC/KRW -2,-1']);
    expect(backfill.counts()).toEqual({
      ...{ exchange: 'upbit', requests: 1, failedRequests: 0 },
      ...{ backfilledCandles: 2, leftOutMinutes: 0, waiting: 0 },
    });
  });

  it('waits until the exchange has made the candle of a minute that has just ended', async () => {
    await clock.advanceAndSettle(30_000);
    miss('BTC/KRW', 0, 1);
    backfill.ask(['BTC/KRW']);
    await clock.advanceAndSettle(4_999);
    expect(asked).toEqual([]);
    await clock.advanceAndSettle(1);
    expect(asked).toEqual(['KRW-BTC 0-1']);
  });

  it('has one request under way at a time', async () => {
    const { promise, resolve } = Promise.withResolvers<HistoryAnswer>();
    answer = () => promise;
    miss('BTC/KRW', -1, 0);
    miss('ETH/KRW', -1, 0);
    backfill.ask(['BTC/KRW', 'ETH/KRW']);
    await clock.advanceAndSettle(60_000);
    expect(asked).toEqual(['KRW-BTC -1-0']);
    resolve(body('-1'));
    await clock.advanceAndSettle(0);
    expect(settled).toEqual(['BTC/KRW -1', 'ETH/KRW -1']);
  });

  it('asks again after a failure, not before the exchange wants it, and goes on with the others meanwhile', async () => {
    miss('BTC/KRW', -1, 0);
    miss('ETH/KRW', -1, 0);
    answer = () => (asked.length === 1 ? failure(429, 20_000) : body('-1'));
    backfill.ask(['BTC/KRW', 'ETH/KRW']);
    await clock.advanceAndSettle(19_999);
    expect(settled).toEqual(['ETH/KRW -1']);
    await clock.advanceAndSettle(1);
    expect(settled).toEqual(['ETH/KRW -1', 'BTC/KRW -1']);
    expect(backfill.counts()).toMatchObject({ requests: 3, failedRequests: 1, leftOutMinutes: 0 });
  });

  it.each([
    ['an instrument that the exchange does not have', () => failure(404), 'broken', 1],
    ['a body that is never understood', () => body(''), 'no list', 30],
    ['an exchange that is never reached', () => failure(null), 'broken', 30],
  ])('leaves out and tells what cannot be had: %s', async (_, given, reason, least) => {
    answer = given;
    miss('BTC/KRW', -3, 0);
    backfill.ask(['BTC/KRW']);
    await clock.advanceAndSettle(20 * 60_000);
    expect(leftOut).toEqual([`BTC/KRW -3-0 ${reason}`]);
    expect(settled).toEqual(['BTC/KRW ']);
    expect(asked.length).toBeGreaterThanOrEqual(least);
    expect(backfill.counts()).toMatchObject({ leftOutMinutes: 3, waiting: 0 });
    expect(clock.pending).toBe(0);
  });

  it('of a long outage fetches the newest minutes, and tells that the others are left out', async () => {
    miss('BTC/KRW', -100, 0);
    backfill.ask(['BTC/KRW']);
    await clock.advanceAndSettle(0);
    expect(asked).toEqual([`KRW-BTC ${-MOST_MISSING_MINUTES}-0`]);
    expect(leftOut).toEqual([`BTC/KRW -100-${-MOST_MISSING_MINUTES} the outage was too long`]);
    expect(settled).toEqual(['BTC/KRW -1']);
  });

  it('what was asked for before a second outage is answered, and the rest asked for after it', async () => {
    const { promise, resolve } = Promise.withResolvers<HistoryAnswer>();
    answer = path => (path === 'KRW-BTC -2--1' ? promise : body('-1'));
    miss('BTC/KRW', -2, -1);
    backfill.ask(['BTC/KRW']);
    await clock.advanceAndSettle(0);
    miss('BTC/KRW', -2, 0);
    backfill.ask(['BTC/KRW']);
    resolve(body('-2'));
    await clock.advanceAndSettle(0);
    expect(asked).toEqual(['KRW-BTC -2--1', 'KRW-BTC -2-0']);
    expect(settled).toEqual(['BTC/KRW -2', 'BTC/KRW -1']);
  });

  it('asks and tells nothing when it is stopped', async () => {
    const { promise, resolve } = Promise.withResolvers<HistoryAnswer>();
    answer = () => promise;
    miss('BTC/KRW', -1, 0);
    miss('ETH/KRW', -1, 0);
    backfill.ask(['BTC/KRW', 'ETH/KRW']);
    await clock.advanceAndSettle(0);
    backfill.stop();
    resolve(body('-1'));
    backfill.ask(['BTC/KRW']);
    await clock.advanceAndSettle(60_000);
    expect([asked.length, settled, clock.pending]).toEqual([1, [], 0]);
    backfill.start();
    backfill.ask(['ETH/KRW']);
    await clock.advanceAndSettle(0);
    expect(settled).toEqual(['ETH/KRW -1']);
  });
});

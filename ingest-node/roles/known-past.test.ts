import { expect, test } from 'vitest';
import type { MarketEvent } from '../../shared/model/market-event.ts';
import { gap, trade } from '../../shared/model/testing/market-events.ts';
import { backfillFeed } from './backfill-feed.ts';
import { KnownPast } from './known-past.ts';

const at = (exchangeTime: number, fields: Parameters<typeof trade>[1] = {}) =>
  trade('BTC/KRW', { exchangeTime, receivedTime: exchangeTime, ...fields });
const lost = (afterTime: number | null, untilTime: number | null, afterId = '1') =>
  gap('BTC/KRW', { afterTime, untilTime, afterId, untilId: '9', receivedTime: 20_000 });

const batch = (...events: MarketEvent[]) => ({ first: 7, events });

/** Joined at 9 s by its own clock, and has heard live what happened from 5 s on: a second is for sockets that lag. */
function joined() {
  const known = new KnownPast();
  known.begin(9_000, []);
  known.heard(batch(at(5_000)));
  known.heard(batch(at(4_000)));
  return known;
}

test('[TRD1] what went by before a node joined may have been published', () => {
  const known = joined();
  expect([at(5_999), at(6_000)].map(one => known.isBefore(one))).toEqual([true, false]);
  const gaps = [lost(5_999, 9_000), lost(6_000, 9_000), lost(null, 5_999), lost(null, null)];
  expect(gaps.map(one => known.isBefore(one))).toEqual([true, false, true, false]);
  known.begin(30_000, []);
  known.heard(batch(at(27_000)));
  expect(known.isBefore(at(27_999))).toBe(true);
});

test('[TRD1] a fetched trade is old, and no sign; each exchange has its own clock, and where nothing was heard it is ours', () => {
  const known = new KnownPast();
  known.begin(9_000, []);
  known.heard(batch(at(1_000, { backfilled: true, receivedTime: 8_000 })));
  known.heard(batch(at(5_000, { exchange: 'binance' })));
  expect([at(7_999), at(8_000)].map(one => known.isBefore(one))).toEqual([true, false]);
  expect(known.isBefore(at(6_000, { exchange: 'binance' }))).toBe(false);
});

test('a node that has published from the beginning knows all', () => {
  const known = new KnownPast();
  known.heard(batch(at(5_000)));
  expect(known.isBefore(at(1_000))).toBe(false);
});

test('[GAP1] nobody answers for what was not read back, unless a leader says that all is, or declares it', () => {
  const known = joined();
  expect(known.isAnsweredFor(at(4_000))).toBe(false);
  known.heard(batch(lost(3_000, 5_000)));
  expect([at(2_999), at(3_000), at(5_001)].map(one => known.isAnsweredFor(one))).toEqual([false, true, false]);
  const gaps = [lost(3_000, 5_000), lost(3_500, 4_000, '5'), lost(2_000, 4_000, '5'), lost(4_000, 7_000, '5')];
  expect(gaps.map(one => known.isAnsweredFor(one))).toEqual([true, true, false, false]);
  known.account('upbit');
  expect(known.isAnsweredFor(at(2_000))).toBe(true);
  // Its end is known here: nobody has answered for that.
  expect([lost(2_000, 5_000, '5'), lost(2_000, 7_000, '5')].map(one => known.isAnsweredFor(one))).toEqual([
    true,
    false,
  ]);
  known.begin(30_000, []);
  expect(known.isAnsweredFor(at(2_000))).toBe(false);
  known.begin(30_000, [backfillFeed('upbit', false, 3_000), backfillFeed('binance', true, 3_000)]);
  const trades = [at(2_000), at(2_000, { exchange: 'binance' })];
  expect(trades.map(one => known.isAnsweredFor(one))).toEqual([true, false]);
});

test('who hears the first term from its beginning knows all', () => {
  const known = new KnownPast();
  known.begin(9_000, []);
  known.heard({ first: 1, lineage: [], events: [at(5_000)] });
  expect(known.isBefore(at(1_000))).toBe(false);
  expect(known.mayLackUntil('upbit')).toBeNull();
});

test('[GAP1] what a leader was reading back when a node joined may be lost, until somebody says that it is done', () => {
  const [known, state] = [new KnownPast(), [backfillFeed('upbit', true, 3_000), backfillFeed('binance', false, 3_000)]];
  known.begin(9_000, state);
  expect([known.mayLackUntil('upbit'), known.mayLackUntil('binance')]).toEqual([9_000, null]);
  known.heard(batch(at(5_000)));
  expect(known.mayLackUntil('upbit')).toBe(6_000);
  known.heard(batch(lost(3_000, 5_000)));
  expect([known.isNamed('upbit', 'BTC/KRW'), known.isNamed('upbit', 'ETH/KRW')]).toEqual([true, false]);
  known.account('upbit');
  expect(known.mayLackUntil('upbit')).toBeNull();
});

test('[GAP1] nothing may be lost where history reaches back to before the leader began to read', () => {
  const known = new KnownPast();
  known.begin(9_000, [backfillFeed('upbit', true, 6_000)]);
  known.heard(batch(at(5_000)));
  expect(known.mayLackUntil('upbit')).toBeNull();
});

test('[GAP1] a leader with which history begins had something to read back', () => {
  const known = new KnownPast();
  known.begin(9_000, []);
  known.heard({ first: 1, lineage: [{ epoch: 5, end: 17 }], events: [at(5_000)] });
  expect(known.mayLackUntil('upbit')).toBe(6_000);
});

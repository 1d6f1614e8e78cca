import { expect, test } from 'vitest';
import type { TradeGap } from '../../shared/model/market-event.ts';
import { trade } from '../../shared/model/testing/market-events.ts';
import { TradeHorizon } from './trade-horizon.ts';

const at = (exchangeTime: number, fields: Parameters<typeof trade>[1] = {}) =>
  trade('BTC/KRW', { exchangeTime, ...fields });

function gap(afterTime: number | null): TradeGap {
  const between = { afterId: '1', untilId: '9', afterTime, untilTime: 9_000, provable: true } as const;
  const common = { offset: 0, exchange: 'upbit', symbol: 'BTC/KRW', exchangeTime: 9_000, receivedTime: 9_001 } as const;
  return { type: 'gap', ...common, ...between };
}

test('[TRD1] what went by before a node joined may have been published', () => {
  const horizon = new TradeHorizon();
  horizon.begin();
  horizon.heard(at(5_000));
  horizon.heard(at(4_000));
  expect([at(4_999), at(5_000)].map(one => horizon.isBeyond(one))).toEqual([true, false]);
  expect([gap(4_999), gap(5_000), gap(null)].map(one => horizon.isBeyond(one))).toEqual([true, false, false]);
  horizon.begin();
  expect(horizon.isBeyond(at(4_999))).toBe(false);
  horizon.heard(at(7_000));
  expect(horizon.isBeyond(at(6_999))).toBe(true);
});

test('[TRD1] a fetched trade is old, and no sign; each exchange has its own clock', () => {
  const horizon = new TradeHorizon();
  horizon.begin();
  horizon.heard(at(1_000, { backfilled: true }));
  horizon.heard(at(5_000, { exchange: 'binance' }));
  expect(horizon.isBeyond(at(4_000))).toBe(false);
  expect(horizon.isBeyond(at(4_000, { exchange: 'binance' }))).toBe(true);
});

test('a node that has published from the beginning knows all', () => {
  const horizon = new TradeHorizon();
  horizon.heard(at(5_000));
  expect(horizon.isBeyond(at(1_000))).toBe(false);
});

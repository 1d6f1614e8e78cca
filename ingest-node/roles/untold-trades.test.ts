import { expect, test } from 'vitest';
import { trade } from '../../shared/model/testing/market-events.ts';
import { gapsOf } from './untold-trades.ts';

const now = 20_000;
const one = (id: number) => trade('BTC/KRW', { id: String(id), exchangeTime: id * 100 });
const many = (...ids: number[]) => ids.map(one);
const spans = (untold: number[], past: number[], isContiguous: boolean) =>
  gapsOf(many(...untold), { past: many(...past), isContiguous, now }).map(gap => [
    gap.afterId,
    gap.untilId,
    gap.afterTime,
    gap.untilTime,
  ]);

test('[GAP1] exact numbers where the exchange counts, whether their neighbours are known or not', () => {
  expect(spans([11, 12, 13, 16], [10, 11, 12, 13, 16], true)).toEqual([
    ['10', '14', 1_000, 1_300],
    ['15', '17', 1_600, 1_600],
  ]);
});

test('[GAP1] without numbers from the trade before to the trade behind, as far as they are known', () => {
  expect(spans([11, 13, 20], [11, 13, 20, 24, 10, 15], false)).toEqual([
    ['10', '15', 1_000, 1_500],
    ['15', '24', 1_500, 2_400],
  ]);
  expect(spans([11], [11], false)).toEqual([[null, null, 1_100, 1_100]]);
});

test('numbers prove that these trades happened, not that the stream lacks them', () => {
  expect(gapsOf(many(11), { past: [], isContiguous: true, now })).toMatchObject([
    { type: 'gap', exchange: 'upbit', symbol: 'BTC/KRW', provable: false, receivedTime: now },
  ]);
});

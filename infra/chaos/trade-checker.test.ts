import { describe, expect, test } from 'vitest';
import type { Trade } from '../../shared/model/market-event.ts';
import { gap, trade } from '../../shared/model/testing/market-events.ts';
import type { TruthTrade } from '../exchange-simulator/truth-log.ts';
import type { Delivery } from './stream-delivery.ts';
import { checkTrades } from './trade-checker.ts';

const EARLIER = truth(1, { exchangeTime: 50 });
const TRUTH = [EARLIER, truth(2, { exchangeTime: 200 }), truth(3, { exchangeTime: 300 })];

function truth(index: number, more: Partial<TruthTrade> = {}): TruthTrade {
  const rest = { nativeCode: 'KRW-BTC', restId: '', aggregateId: null, exchangeTimeMicroseconds: 0, deliveries: 1 };
  const said = { exchange: 'upbit', symbol: 'BTC/KRW', id: `${index}`, price: `${index}`, size: '1' } as const;
  return { index, ...said, takerSide: 'buy', exchangeTime: 100 * index, ...rest, ...more };
}

function told(
  { exchange, symbol, id, price, size, takerSide, exchangeTime }: TruthTrade,
  more: Partial<Trade> = {},
): Trade {
  return { ...trade(symbol), exchange, id, price, size, takerSide, exchangeTime, ...more } as Trade;
}

function check(events: (Trade | ReturnType<typeof gap>)[], trades: readonly TruthTrade[] = TRUTH) {
  const deliveries: Delivery[] = [{ kind: 'batch', writer: 5, epoch: 5, first: 1, next: events.length + 1, events }];
  return checkTrades({ truth: trades, deliveries, from: 100, until: 1_000 });
}

describe('trades against what happened', () => {
  const nothing = { missing: [], twice: [], invented: [], excused: 0, unanchored: 0 };
  const [second, third] = [TRUTH[1]!, TRUTH[2]!];

  test('all there, whatever ids the fetched ones have', () => {
    expect(check([told(second), told(third, { id: 'fetched', backfilled: true })])).toMatchObject({
      ...nothing,
      judged: 2,
      backfilled: 1,
    });
  });

  test('one is missing', () => {
    const { missing } = check([told(second)]);
    expect(missing).toEqual([expect.stringContaining('upbit BTC/KRW 3 1 buy 300')]);
  });

  test('one is missing within a gap that was declared', () => {
    const declared = { ...gap('BTC/KRW'), afterTime: 200, untilTime: 400, provable: false };
    expect(check([told(second), declared])).toMatchObject({ ...nothing, excused: 1, gaps: [declared] });
    expect(check([told(second), { ...declared, provable: true }]).missing).toEqual([
      expect.stringContaining('a provable gap was declared'),
    ]);
    expect(check([told(second), { ...declared, symbol: 'ETH/KRW' }]).missing).toHaveLength(1);
  });

  test('one is missing of a market of which nobody had known a trade', () => {
    expect(check([], [{ ...second, deliveries: 0 }])).toMatchObject({ ...nothing, unanchored: 1 });
  });

  test('one came twice under two ids, but two that look alike may', () => {
    const again = told(second, { id: 'fetched', backfilled: true });
    expect(check([told(second), again, told(third)]).twice).toHaveLength(1);
    const alike = { ...second, id: 'other' };
    expect(check([told(second), again, told(third)], [...TRUTH, alike])).toMatchObject({ ...nothing, judged: 3 });
  });

  test('one never happened so', () => {
    expect(check([told(second), told(third), told(third, { size: '2' })]).invented).toHaveLength(1);
  });
});

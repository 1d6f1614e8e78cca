import { describe, expect, it } from 'vitest';
import { Market } from './market/market.ts';
import { TruthLog } from './truth-log.ts';

const START_MS = 1_790_134_742_000;

describe('the truth log', () => {
  it('holds as many trades as it may and forgets the oldest', () => {
    const market = new Market({ seed: 2, instruments: 12, eventsPerSecond: 1_000, startMs: START_MS });
    const truth = new TruthLog(market.states, 100);
    market.listener = { traded: (_, fills) => truth.record(fills), bookChanged: () => undefined };
    market.advance(START_MS + 5_000);
    const held = truth.trades();
    expect(held.length).toBeGreaterThanOrEqual(100);
    expect(held.length).toBeLessThanOrEqual(115);
    expect(held.at(-1)!.index).toBe(truth.lastIndex);
    expect(truth.trades({ afterIndex: truth.lastIndex - 3 })).toHaveLength(3);
    expect(truth.trades({ afterIndex: 0 })).toHaveLength(held.length);
  });

  it('shows Bithumb books as far as their four decimals go', () => {
    const market = new Market({ seed: 2, instruments: 12, eventsPerSecond: 1_000, startMs: START_MS });
    const truth = new TruthLog(market.states, 100);
    market.advance(START_MS + 1_000);
    const book = truth.book('bithumb', 'BTC/KRW')!;
    for (const [, size] of [...book.bids, ...book.asks]) expect(size).toMatch(/^\d+(\.\d{1,4})?$/);
    expect(Number(book.bids[0]![0])).toBeLessThan(Number(book.asks[0]![0]));
    expect(truth.book('upbit', 'NOPE/KRW')).toBeNull();
    expect(truth.ticker('upbit', 'BTC/KRW')).toMatchObject({ symbol: 'BTC/KRW', nativeCode: 'KRW-BTC' });
  });
});

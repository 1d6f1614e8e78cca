import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { trade } from '../../shared/model/testing/market-events.ts';
import { fetchedId } from './fetched-trade.ts';
import { TradeMemory } from './trade-memory.ts';

const minute = 60_000;
const start = Date.UTC(2026, 10, 22);

describe('[TRD1] trade memory', () => {
  it('admits a trade once, per exchange and symbol', () => {
    const memory = new TradeMemory();
    expect(memory.admit('upbit', 'BTC/KRW', '17953000001230001', start)).toBe(true);
    expect(memory.admit('upbit', 'BTC/KRW', '17953000001230001', start + 1)).toBe(false);
    expect(memory.admit('upbit', 'BTC/KRW', '17953000001230000', start + 1)).toBe(true);
    expect(memory.admit('bithumb', 'BTC/KRW', '17953000001230001', start + 2)).toBe(true);
    expect(memory.admit('upbit', 'ETH/KRW', '17953000001230001', start + 2)).toBe(true);
  });

  it('knows an id for ten minutes, whenever it came, and forgets it after twenty', () => {
    for (const offset of [0, 1, 9 * minute, 10 * minute - 1]) {
      const memory = new TradeMemory();
      memory.admit('binance', 'BTC/USDT', 'first', start);
      memory.admit('binance', 'BTC/USDT', 'watched', start + offset);
      for (let elapsed = 0; elapsed <= 10 * minute; elapsed += minute / 2) {
        const now = start + offset + elapsed;
        memory.admit('binance', 'BTC/USDT', `other ${elapsed}`, now);
        expect(memory.admit('binance', 'BTC/USDT', 'watched', now)).toBe(false);
      }
      for (let elapsed = 10 * minute; elapsed <= 40 * minute; elapsed += minute) {
        memory.admit('binance', 'BTC/USDT', `later ${elapsed}`, start + offset + elapsed);
      }
      expect(memory.admit('binance', 'BTC/USDT', 'watched', start + offset + 40 * minute)).toBe(true);
    }
  });

  it('never forgets the last trades of a quiet market, which every reconnect delivers again', () => {
    const memory = new TradeMemory();
    memory.admit('upbit', 'QUIET/BTC', 'older', start);
    memory.admit('upbit', 'QUIET/BTC', 'last', start + 1);
    for (let hour = 0; hour < 72; hour += 1) {
      memory.admit('upbit', 'BTC/KRW', `busy ${hour}`, start + hour * 60 * minute);
      expect(memory.admit('upbit', 'QUIET/BTC', 'last', start + hour * 60 * minute)).toBe(false);
    }
    memory.admit('upbit', 'QUIET/BTC', 'a backfilled one', start + 73 * 60 * minute);
    for (let hour = 74; hour < 80; hour += 1) {
      memory.admit('upbit', 'BTC/KRW', `busy ${hour}`, start + hour * 60 * minute);
      expect(memory.admit('upbit', 'QUIET/BTC', 'last', start + hour * 60 * minute)).toBe(false);
      expect(memory.admit('upbit', 'QUIET/BTC', 'a backfilled one', start + hour * 60 * minute)).toBe(false);
    }
  });

  it('knows a fetched trade in the answer to a subscription, where the exchange gives it another id', () => {
    const memory = new TradeMemory();
    const fill = { exchangeTime: start, price: '100', size: '2', takerSide: 'buy', backfilled: true } as const;
    const fetched = trade('QUIET/KRW', { ...fill, id: fetchedId(`${start}0000`, 0) });
    const answer = trade('QUIET/KRW', { ...fill, id: '1079953210371770901' });
    const other = trade('QUIET/KRW', { ...fill, id: '1079953210371770902', price: '101' });
    const live = trade('QUIET/KRW', { id: '1079953210371770903', exchangeTime: start, price: '100', size: '2' });
    expect(memory.admitTrade(fetched, start)).toBe(true);
    expect(memory.admitTrade(answer, start + 1)).toBe(false);
    expect(memory.admitTrade(answer, start + 60 * minute)).toBe(false);
    // What the stream brings by itself is another one, though it say the same.
    expect([other, live].map(one => memory.admitTrade(one, start + 1))).toEqual([true, true]);
    expect(new TradeMemory().admitTrade(answer, start)).toBe(true);
  });

  it('is bounded: a full generation ages early, and that is counted', () => {
    const memory = new TradeMemory({ maxIds: 100 });
    for (let id = 0; id < 10_000; id += 1) {
      expect(memory.admit('binance', 'BTC/USDT', String(id), start)).toBe(true);
      expect(memory.size).toBeLessThanOrEqual(200);
    }
    expect(memory.earlyRotations).toBe(99);
    expect(memory.admit('binance', 'BTC/USDT', '9999', start)).toBe(false);
    expect(memory.admit('binance', 'BTC/USDT', '9900', start)).toBe(false);
  });

  it('outlives a clock that is set back', () => {
    const memory = new TradeMemory();
    memory.admit('binance', 'BTC/USDT', '1', start);
    expect(memory.admit('binance', 'BTC/USDT', '1', start - 24 * 60 * minute)).toBe(false);
    expect(memory.admit('binance', 'BTC/USDT', '2', start - 24 * 60 * minute)).toBe(true);
    expect(memory.admit('binance', 'BTC/USDT', '1', start - 24 * 60 * minute + minute)).toBe(false);
  });

  it('agrees with a memory that forgets nothing, for everything within ten minutes', () => {
    const arrivals = fc.array(fc.record({ id: fc.nat({ max: 30 }), waitMs: fc.nat({ max: 3 * minute }) }), {
      maxLength: 200,
    });
    fc.assert(
      fc.property(arrivals, list => {
        const memory = new TradeMemory();
        const admittedAt = new Map<number, number>();
        let now = start;
        for (const { id, waitMs } of list) {
          now += waitMs;
          const isNew = memory.admit('binance', 'BTC/USDT', String(id), now);
          const before = admittedAt.get(id);
          if (before === undefined) expect(isNew).toBe(true);
          else if (now - before < 10 * minute) expect(isNew).toBe(false);
          if (isNew) admittedAt.set(id, now);
        }
      }),
    );
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ExchangeName } from '../../shared/model/exchange.ts';
import type { Trade } from '../../shared/model/market-event.ts';
import { trade } from '../../shared/model/testing/market-events.ts';
import { fetchedId, hasFetchedId } from './fetched-trade.ts';
import { TradeMemory } from './trade-memory.ts';

const minute = 60_000;
const start = Date.UTC(2026, 10, 22);

const idOf = (exchange: ExchangeName, symbol: string, id: string) => trade(symbol, { exchange, id });

describe('[TRD1] trade memory', () => {
  it('admits a trade once, per exchange and symbol', () => {
    const memory = new TradeMemory();
    expect(memory.admit(idOf('upbit', 'BTC/KRW', '17953000001230001'), start)).toBe(true);
    expect(memory.admit(idOf('upbit', 'BTC/KRW', '17953000001230001'), start + 1)).toBe(false);
    expect(memory.admit(idOf('upbit', 'BTC/KRW', '17953000001230000'), start + 1)).toBe(true);
    expect(memory.admit(idOf('bithumb', 'BTC/KRW', '17953000001230001'), start + 2)).toBe(true);
    expect(memory.admit(idOf('upbit', 'ETH/KRW', '17953000001230001'), start + 2)).toBe(true);
  });

  it('knows an id for ten minutes, whenever it came, and forgets it after twenty', () => {
    for (const offset of [0, 1, 9 * minute, 10 * minute - 1]) {
      const memory = new TradeMemory();
      memory.admit(idOf('binance', 'BTC/USDT', 'first'), start);
      memory.admit(idOf('binance', 'BTC/USDT', 'watched'), start + offset);
      for (let elapsed = 0; elapsed <= 10 * minute; elapsed += minute / 2) {
        const now = start + offset + elapsed;
        memory.admit(idOf('binance', 'BTC/USDT', `other ${elapsed}`), now);
        expect(memory.admit(idOf('binance', 'BTC/USDT', 'watched'), now)).toBe(false);
      }
      for (let elapsed = 10 * minute; elapsed <= 40 * minute; elapsed += minute) {
        memory.admit(idOf('binance', 'BTC/USDT', `later ${elapsed}`), start + offset + elapsed);
      }
      expect(memory.admit(idOf('binance', 'BTC/USDT', 'watched'), start + offset + 40 * minute)).toBe(true);
    }
  });

  it('never forgets the last trades of a quiet market, which every reconnect delivers again', () => {
    const memory = new TradeMemory();
    memory.admit(idOf('upbit', 'QUIET/BTC', 'older'), start);
    memory.admit(idOf('upbit', 'QUIET/BTC', 'last'), start + 1);
    for (let hour = 0; hour < 72; hour += 1) {
      memory.admit(idOf('upbit', 'BTC/KRW', `busy ${hour}`), start + hour * 60 * minute);
      expect(memory.admit(idOf('upbit', 'QUIET/BTC', 'last'), start + hour * 60 * minute)).toBe(false);
    }
    memory.admit(idOf('upbit', 'QUIET/BTC', 'a backfilled one'), start + 73 * 60 * minute);
    for (let hour = 74; hour < 80; hour += 1) {
      memory.admit(idOf('upbit', 'BTC/KRW', `busy ${hour}`), start + hour * 60 * minute);
      expect(memory.admit(idOf('upbit', 'QUIET/BTC', 'last'), start + hour * 60 * minute)).toBe(false);
      expect(memory.admit(idOf('upbit', 'QUIET/BTC', 'a backfilled one'), start + hour * 60 * minute)).toBe(false);
    }
  });

  describe('where fetched trades have other ids than those of frames', () => {
    const fill = { exchangeTime: start, price: '100', size: '2', takerSide: 'buy' } as const;
    const fetched = (ordinal: number) =>
      trade('QUIET/KRW', { ...fill, id: fetchedId(`${start}0000`, ordinal), backfilled: true });
    const framed = (ordinal: number, more: Partial<Trade> = {}) =>
      trade('QUIET/KRW', { ...fill, id: `107995321037177090${ordinal}`, ...more });
    const create = () => new TradeMemory({ separateIds: new Set(['upbit']) });

    it('knows a fetched trade when a frame brings it, in the answer to a subscription or late', () => {
      for (const more of [{ backfilled: true } as const, {}]) {
        const memory = create();
        expect(memory.admit(fetched(0), start)).toBe(true);
        expect(memory.admit(framed(1, more), start + 1)).toBe(false);
        expect(memory.admit(framed(1, { backfilled: true }), start + 60 * minute)).toBe(false);
        // One has come once; what says the same under another id is another one.
        expect(memory.admit(framed(2), start + 60 * minute)).toBe(true);
        expect(memory.admit(framed(3, { price: '101' }), start + 60 * minute)).toBe(true);
      }
    });

    it('knows the trade of a frame when it is fetched, and which of two equal ones was missed', () => {
      const memory = create();
      memory.admit(framed(1), start);
      expect(memory.unpublished([fetched(0)], [])).toEqual([]);
      expect(memory.unpublished([fetched(0), fetched(1)], [])).toEqual([fetched(1)]);
      // Published long ago, says whoever asks.
      expect(create().unpublished([fetched(0), fetched(1)], [framed(1)])).toEqual([fetched(1)]);
    });

    it('publishes as many as the frames or a page have shown, in whatever order and by whichever leader', () => {
      const step = fc.oneof(
        fc.record({ kind: fc.constant('frame' as const), which: fc.nat({ max: 2 }) }),
        fc.record({ kind: fc.constant('page' as const), which: fc.nat({ max: 3 }) }),
        fc.record({ kind: fc.constant('succession' as const), which: fc.constant(0) }),
      );
      fc.assert(
        fc.property(fc.array(step, { maxLength: 30 }), steps => {
          const published: Trade[] = [];
          let memory = create();
          let framesSeen = new Set<number>();
          let [most, shown] = [0, 0];
          for (const { kind, which } of steps) {
            if (kind === 'frame') {
              framesSeen.add(which);
              if (memory.admit(framed(which), start)) published.push(framed(which));
            } else if (kind === 'page') {
              const page = Array.from({ length: which }, (_, ordinal) => fetched(ordinal));
              for (const missed of memory.unpublished(page, [])) {
                expect(memory.admit(missed, start)).toBe(true);
                published.push(missed);
              }
              shown = Math.max(shown, which);
            } else {
              memory = create();
              for (const known of published) memory.remember(known, start);
              framesSeen = new Set(published.filter(known => !hasFetchedId(known)).map(({ id }) => Number(id.at(-1))));
            }
            most = Math.max(most, framesSeen.size, shown);
            expect(published).toHaveLength(most);
          }
        }),
      );
    });
  });

  it('is bounded: a full generation ages early, and that is counted', () => {
    const memory = new TradeMemory({ maxIds: 100 });
    for (let id = 0; id < 10_000; id += 1) {
      expect(memory.admit(idOf('binance', 'BTC/USDT', String(id)), start)).toBe(true);
      expect(memory.size).toBeLessThanOrEqual(200);
    }
    expect(memory.earlyRotations).toBe(99);
    expect(memory.admit(idOf('binance', 'BTC/USDT', '9999'), start)).toBe(false);
    expect(memory.admit(idOf('binance', 'BTC/USDT', '9900'), start)).toBe(false);
  });

  it('outlives a clock that is set back', () => {
    const memory = new TradeMemory();
    memory.admit(idOf('binance', 'BTC/USDT', '1'), start);
    expect(memory.admit(idOf('binance', 'BTC/USDT', '1'), start - 24 * 60 * minute)).toBe(false);
    expect(memory.admit(idOf('binance', 'BTC/USDT', '2'), start - 24 * 60 * minute)).toBe(true);
    expect(memory.admit(idOf('binance', 'BTC/USDT', '1'), start - 24 * 60 * minute + minute)).toBe(false);
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
          const isNew = memory.admit(idOf('binance', 'BTC/USDT', String(id)), now);
          const before = admittedAt.get(id);
          if (before === undefined) expect(isNew).toBe(true);
          else if (now - before < 10 * minute) expect(isNew).toBe(false);
          if (isNew) admittedAt.set(id, now);
        }
      }),
    );
  });
});

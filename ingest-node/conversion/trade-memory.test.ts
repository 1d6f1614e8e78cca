import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ExchangeName } from '../../shared/model/exchange.ts';
import type { Trade } from '../../shared/model/market-event.ts';
import { trade } from '../../shared/model/testing/market-events.ts';
import { fetchedId, hasFetchedId } from './fetched-trade.ts';
import { TradeMemory } from './trade-memory.ts';

const seed = Number(process.env['FUZZ_SEED'] ?? Date.now() % 2 ** 31);
console.log(`trades are drawn with FUZZ_SEED=${seed}`);
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

  /** As documented, with lists of entries: two generations, and the last ids of a market for good. */
  class PlainMemory {
    readonly #markets = new Map<string, { young: string[]; old: string[] }>();
    #since = start;

    admit(market: string, id: string, now: number): boolean {
      if (now - this.#since >= 10 * minute) {
        for (let turns = now - this.#since >= 20 * minute ? 2 : 1; turns > 0; turns -= 1) this.#rotate();
        this.#since = now;
      }
      const lists = this.#markets.get(market) ?? { young: [], old: [] };
      this.#markets.set(market, lists);
      if (lists.young.includes(id) || lists.old.includes(id)) return false;
      lists.young.push(id);
      return true;
    }

    #rotate(): void {
      for (const lists of this.#markets.values()) {
        const left = Math.max(0, 8 - lists.young.length);
        lists.old = [...lists.old.slice(Math.max(0, lists.old.length - left)), ...lists.young];
        lists.young = [];
      }
    }
  }

  const arrivals = fc.array(
    fc.record({
      market: fc.constantFrom('BTC/USDT', 'QUIET/USDT', 'BTC/USDT'),
      number: fc.nat({ max: 60 }),
      waitMs: fc.oneof(fc.nat({ max: minute }), fc.constantFrom(0, 0, 0, 10 * minute, 30 * minute)),
    }),
    { maxLength: 300 },
  );

  it('agrees with a plain one, whose lists end with what came last', () => {
    fc.assert(
      fc.property(arrivals, list => {
        const memory = new TradeMemory();
        const plain = new PlainMemory();
        let now = start;
        for (const { market, number, waitMs } of list) {
          now += waitMs;
          const id = String(number);
          expect(memory.admit(idOf('upbit', market, id), now)).toBe(plain.admit(market, id, now));
        }
      }),
      { seed, numRuns: 300 },
    );
  });

  it('agrees with a memory that forgets nothing, for everything within ten minutes and of whatever kind the ids are', () => {
    fc.assert(
      fc.property(arrivals, fc.constantFrom('', '107995321037177', 'x', '179530000012300010'), (list, prefix) => {
        const memory = new TradeMemory({ contiguousIds: new Set(['binance']) });
        for (const exchange of ['binance', 'upbit'] as const) {
          const admittedAt = new Map<string, number>();
          let now = start;
          for (const { market, number, waitMs } of list) {
            now += waitMs;
            const id = `${prefix}${100 + number}`;
            const isNew = memory.admit(idOf(exchange, market, id), now);
            const before = admittedAt.get(market + id);
            if (before === undefined) expect(isNew).toBe(true);
            else if (now - before < 10 * minute) expect(isNew).toBe(false);
            if (isNew) admittedAt.set(market + id, now);
          }
        }
      }),
      { seed },
    );
  });

  it('keeps the counts of a quiet market as well, and not its thousands of trades', () => {
    const memory = new TradeMemory({ separateIds: new Set(['bithumb']) });
    const fill = { exchange: 'bithumb', exchangeTime: start, price: '100', size: '2' } as const;
    const missed = trade('QUIET/KRW', { ...fill, id: fetchedId(`${start}0000`, 0), backfilled: true });
    for (let number = 1_000; number < 4_000; number += 1) {
      memory.admit(trade('QUIET/KRW', { ...fill, size: String(number), id: `107995321037177${number}` }), start);
    }
    memory.admit(missed, start);
    for (let hour = 1; hour < 5; hour += 1)
      memory.admit(idOf('upbit', 'BTC/KRW', `${hour}`), start + hour * 60 * minute);
    const later = start + 5 * 60 * minute;
    expect(memory.unpublished([missed], [])).toEqual([]);
    expect(memory.admit(trade('QUIET/KRW', { ...fill, id: '1079953210371779999' }), later)).toBe(false);
    expect(memory.admit(trade('QUIET/KRW', { ...fill, id: '1079953210371779998' }), later)).toBe(true);
    expect(memory.admit(trade('QUIET/KRW', { ...fill, size: '3999', id: '1079953210371773999' }), later)).toBe(false);
    expect(memory.admit(trade('QUIET/KRW', { ...fill, size: '1000', id: '1079953210371771000' }), later)).toBe(true);
  });
});

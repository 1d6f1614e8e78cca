import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Candle, MarketEvent, Trade } from '../../shared/model/market-event.ts';
import { trade } from '../../shared/model/testing/market-events.ts';
import { MINUTE_MS } from '../../shared/model/time.ts';
import { CandleBuilder, OBSERVE_BEFORE_MS } from './candle-builder.ts';
import { CandleService } from './candle-service.ts';
import { findModelViolation } from './validation.ts';

const seed = Number(process.env['FUZZ_SEED'] ?? Date.now() % 2 ** 31);
console.log(`trades are made with FUZZ_SEED=${seed}`);

const start = Date.UTC(2026, 10, 22, 4, 26);
const source = { feed: 'bithumb-0', isFirst: true } as const;
const bithumb = { exchange: 'bithumb', candles: 'fromTrades' } as const;

/** A trade so many milliseconds after the start that came 10 ms later. */
function at(ms: number, fields: Partial<Trade> = {}): Trade {
  return trade('BTC/KRW', { exchange: 'bithumb', exchangeTime: start + ms, receivedTime: start + ms + 10, ...fields });
}

/** A builder that has heard the instrument for long. */
function observing(): CandleBuilder {
  const builder = new CandleBuilder();
  builder.observe(at(-MINUTE_MS), source);
  return builder;
}

describe('candle builder', () => {
  it('sums to the last digit', () => {
    const builder = observing();
    builder.add(at(1_000, { price: '141500000', size: '0.00000001' }));
    builder.add(at(2_000, { price: '141400000.5', size: '9007199.254740993' }));
    expect(builder.add(at(3_000, { price: '141450000', size: '0.1' }))).toMatchObject({
      ...{ openTime: start, open: '141500000', high: '141500000', low: '141400000.5', close: '141450000' },
      ...{ volume: '9007199.354741003', quoteVolume: '1273617993268977.4525704965' },
      ...{ derived: true, closed: false, exchangeTime: start + 3_000 },
    });
  });

  it('finds the place of a trade that was fetched afterwards', () => {
    const builder = observing();
    builder.add(at(2_000, { price: '2', size: '1' }));
    expect(builder.add(at(1_000, { price: '1', size: '1', backfilled: true }))).toMatchObject({
      open: '1',
      close: '2',
    });
    expect(builder.add(at(3_000, { price: '3', size: '1', backfilled: true }))).toMatchObject({
      open: '1',
      close: '3',
    });
    expect(builder.add(at(3_000, { price: '4', size: '1' }))).toMatchObject({ close: '4', volume: '4' });
  });

  it('begins with the first minute that is observed from its beginning', () => {
    const builder = new CandleBuilder();
    expect(builder.add(at(0))).toBeNull();
    builder.observe(at(20_000), source);
    expect(builder.add(at(20_000))).toBeNull();
    expect(builder.add(at(59_999))).toBeNull();
    expect(builder.add(at(MINUTE_MS))).toMatchObject({ openTime: start + MINUTE_MS });
    const late = new CandleBuilder();
    late.observe(at(MINUTE_MS - OBSERVE_BEFORE_MS), source);
    expect(late.add(at(MINUTE_MS)), 'the clocks may differ').toBeNull();
    expect(late.add(at(2 * MINUTE_MS))).not.toBeNull();
  });

  it('makes no candle of a minute that an interruption fell into, nor of one before it is heard again', () => {
    const builder = observing();
    expect(builder.add(at(1_000))).not.toBeNull();
    builder.interrupt('bithumb', ['BTC/KRW']);
    expect(builder.add(at(1_500, { backfilled: true }))).toBeNull();
    expect(builder.add(at(MINUTE_MS, { backfilled: true }))).toBeNull();
    builder.observe(at(MINUTE_MS + 5_000), source);
    expect(builder.add(at(MINUTE_MS + 5_000))).toBeNull();
    expect(builder.add(at(2 * MINUTE_MS))).not.toBeNull();
  });

  it('closes what an interruption fell into when all that was missed is there, and nothing else of it', () => {
    const builder = observing();
    builder.add(at(1_000, { size: '1' }));
    builder.interrupt('bithumb', ['BTC/KRW']);
    builder.observe(at(MINUTE_MS + 5_000), source);
    expect(builder.add(at(MINUTE_MS + 5_000, { size: '2' }))).toBeNull();
    expect(builder.add(at(2_000, { size: '3', backfilled: true }))).toBeNull();
    expect(builder.add(at(2 * MINUTE_MS, { size: '4' }))).toMatchObject({ volume: '4' });
    const { candles } = builder.resolve('bithumb', 'BTC/KRW', true);
    expect(candles.map(({ openTime, volume }) => [(openTime - start) / MINUTE_MS, volume])).toEqual([
      [0, '4'],
      [1, '2'],
    ]);
    expect(builder.resolve('bithumb', 'BTC/KRW', true).candles).toEqual([]);
  });

  it('puts a fetched trade between those of the same time that came before the interruption and after it', () => {
    const builder = observing();
    const first = at(1_000, { price: '2' });
    builder.observe(first, source);
    builder.add(first);
    builder.interrupt('bithumb', ['BTC/KRW']);
    builder.observe(at(30_000), source);
    builder.add(at(30_000, { price: '9', backfilled: true }));
    builder.add(at(1_000, { price: '3', receivedTime: start + 40_000 }), true);
    builder.add(at(30_000, { price: '8', receivedTime: start + 40_000 }), true);
    expect(builder.resolve('bithumb', 'BTC/KRW', true).candles).toMatchObject([{ open: '2', close: '9' }]);
    builder.add(at(MINUTE_MS, { price: '5' }));
    expect(builder.add(at(MINUTE_MS, { price: '4', receivedTime: start + 70_000 }), true)).toMatchObject({
      open: '4',
      close: '5',
    });
    expect(builder.add(at(MINUTE_MS, { price: '6' }))).toMatchObject({ open: '4', close: '6' });
  });

  it('puts a fetched trade before the answer to the subscription, also where another interruption followed it', () => {
    const builder = observing();
    builder.interrupt('bithumb', ['BTC/KRW']);
    const answer = at(20_000, { price: '7', backfilled: true, receivedTime: start + 30_000 });
    builder.observe(answer, source);
    builder.add(answer);
    builder.interrupt('bithumb', ['BTC/KRW']);
    builder.add(at(20_000, { price: '8', receivedTime: start + 40_000 }), true);
    expect(builder.resolve('bithumb', 'BTC/KRW', true).candles).toMatchObject([{ open: '8', close: '7' }]);
  });

  it('forgets what an interruption fell into when something stays missing', () => {
    const builder = observing();
    builder.add(at(1_000));
    builder.interrupt('bithumb', ['BTC/KRW']);
    builder.observe(at(5_000), source);
    expect(builder.resolve('bithumb', 'BTC/KRW', false).candles).toEqual([]);
    expect(builder.add(at(6_000))).toBeNull();
    expect(builder.add(at(MINUTE_MS))).toMatchObject({ openTime: start + MINUTE_MS });
  });

  it('refuses a trade of a minute that is closed, and one of the future', () => {
    const builder = observing();
    const candle = builder.add(at(MINUTE_MS)) as Candle;
    expect(builder.add(at(MINUTE_MS - 1, { receivedTime: start + MINUTE_MS }))).toMatchObject({ openTime: start });
    builder.close(candle);
    expect(builder.add(at(MINUTE_MS + 1))).toBe('refused');
    expect(builder.add(at(5 * MINUTE_MS, { receivedTime: start + MINUTE_MS }))).toBe('refused');
    expect(builder.add(at(2 * MINUTE_MS))).not.toBeNull();
  });

  it('puts a trade without a time into the minute in which it came', () => {
    expect(observing().add(at(0, { exchangeTime: null }))).toMatchObject({ openTime: start });
  });
});

/** What a trade is in whole numbers, and how it travels. */
const arrival = fc.record({
  gapMs: fc.oneof(fc.nat({ max: 900 }), fc.nat({ max: 30_000 }), fc.nat({ max: 150_000 })),
  delayMs: fc.oneof(fc.nat({ max: 50 }), fc.nat({ max: 5_000 })),
  price: fc.integer({ min: 1, max: 99_999_999_999 }),
  size: fc.integer({ min: 1, max: 2 ** 40 }),
  interrupts: fc.oneof({ weight: 30, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) }),
});

describe('derived candles', () => {
  it('are what an oracle makes of the trades that came in time, minute by minute', () => {
    let compared = 0;
    fc.assert(
      fc.property(fc.array(arrival, { minLength: 1, maxLength: 150 }), fc.nat({ max: MINUTE_MS }), (list, offset) => {
        let happened = start + offset;
        const trades = list.map(({ gapMs, ...rest }, number) => {
          happened += gapMs;
          return { ...rest, number, time: happened, arrives: happened + rest.delayMs };
        });
        const arriving = trades.toSorted((a, b) => a.arrives - b.arrives || a.number - b.number);
        const service = new CandleService();
        const closed: { candle: Candle; before: number }[] = [];
        const outages: number[] = [];
        let refused = 0;
        const take = (published: readonly Candle[] | 'refused', before: number): void => {
          if (published === 'refused') refused += 1;
          else for (const candle of published) if (candle.closed) closed.push({ candle, before });
        };
        arriving.forEach(({ arrives, time, price, size, interrupts }, index) => {
          take(service.flush(arrives), index);
          if (interrupts) {
            service.interrupt('bithumb', ['BTC/KRW']);
            outages.push(arrives);
          }
          const event = at(0, {
            exchangeTime: time,
            receivedTime: arrives,
            price: text(price, 2),
            size: text(size, 8),
          });
          service.listen(bithumb, { kind: 'events', events: [event], rejections: [] }, arrives, source);
          take(service.add(event, arrives, source), index);
        });
        const end = happened + 10 * MINUTE_MS;
        service.alive('bithumb', source.feed, end);
        take(service.flush(end), arriving.length);

        const closedTimes = closed.map(({ candle }) => candle.openTime);
        expect(new Set(closedTimes).size, 'each minute once').toBe(closed.length);
        let counted = 0;
        for (const { candle, before } of closed) {
          const inTime = arriving.slice(0, before).filter(each => minuteOf(each.time) === candle.openTime);
          expect(candle).toMatchObject({ ...oracle(inTime), closed: true, derived: true });
          expect(findModelViolation(candle)).toBeNull();
          counted += inTime.length;
          compared += 1;
        }
        // Only minutes that were heard from before their beginning until the closing; without outages, all of them.
        for (const minute of new Set(trades.map(({ time }) => minuteOf(time)))) {
          const from = outages.filter(outage => outage <= (closedAt(minute) ?? end)).at(-1) ?? 0;
          const heardSince = arriving.find(({ arrives }) => arrives >= from)!.arrives;
          const isObserved = heardSince + OBSERVE_BEFORE_MS <= minute;
          if (closedTimes.includes(minute)) expect(isObserved).toBe(true);
          else if (outages.length === 0) expect(isObserved && isFirstOfItsTime(minute)).toBe(false);
        }
        expect(counted + refused).toBeLessThanOrEqual(trades.length);

        function closedAt(minute: number): number | undefined {
          const before = closed.find(({ candle }) => candle.openTime === minute)?.before;
          return before === undefined ? undefined : arriving[before - 1]?.arrives;
        }
        /** Whether some trade of the minute came before any of a later one. */
        function isFirstOfItsTime(minute: number): boolean {
          const first = arriving.findIndex(({ time }) => minuteOf(time) === minute);
          return arriving.slice(0, first).every(({ time }) => minuteOf(time) < minute);
        }
      }),
      { seed, numRuns: 1_000 },
    );
    expect(compared).toBeGreaterThan(1_000);
  });

  it('are none of an exchange that sends its own', () => {
    const service = new CandleService();
    const events: MarketEvent[] = [at(0, { exchange: 'upbit' })];
    service.listen(
      { exchange: 'upbit', candles: 'sentOpen' },
      { kind: 'events', events, rejections: [] },
      start,
      source,
    );
    expect(service.add(at(2 * MINUTE_MS, { exchange: 'upbit' }), start + 2 * MINUTE_MS, source)).toEqual([]);
  });
});

function minuteOf(time: number): number {
  return time - (time % MINUTE_MS);
}

type Arrived = { readonly number: number; readonly time: number; readonly price: number; readonly size: number };

/** In whole numbers of cents and of hundred-millionths. `trades` as they came. */
function oracle(trades: readonly Arrived[]): Partial<Candle> {
  const inOrder = trades
    .map((each, came) => ({ ...each, came }))
    .toSorted((a, b) => a.time - b.time || a.came - b.came);
  const prices = trades.map(({ price }) => price);
  const sum = (values: readonly bigint[]): bigint => values.reduce((total, value) => total + value, 0n);
  return {
    open: text(inOrder[0]!.price, 2),
    high: text(Math.max(...prices), 2),
    low: text(Math.min(...prices), 2),
    close: text(inOrder.at(-1)!.price, 2),
    volume: text(sum(trades.map(({ size }) => BigInt(size))), 8),
    quoteVolume: text(sum(trades.map(({ size, price }) => BigInt(size) * BigInt(price))), 10),
  };
}

function text(units: number | bigint, decimals: number): string {
  const digits = String(units).padStart(decimals + 1, '0');
  const plain = `${digits.slice(0, -decimals)}.${digits.slice(-decimals)}`;
  return plain.replace(/0+$/, '').replace(/\.$/, '');
}

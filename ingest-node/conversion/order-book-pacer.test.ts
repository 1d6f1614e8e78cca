import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { OrderBook } from '../../shared/model/market-event.ts';
import { OrderBookPacer } from './order-book-pacer.ts';

const start = Date.UTC(2026, 10, 22);

function book(bid: string, now: number, symbol = 'BTC/KRW', sizes: readonly string[] = ['1']): OrderBook {
  return {
    ...{ type: 'orderBook', offset: 0, exchange: 'bithumb', symbol, exchangeTime: null, receivedTime: now },
    ...{ bids: sizes.map(size => [bid, size] as const), asks: [] },
  };
}

describe('order book pacer', () => {
  it('lets the first book through at once, holds the next, and gives it out when the interval is over', () => {
    const pacer = new OrderBookPacer(250);
    const [first, second] = [book('1', start), book('2', start + 100)];
    expect(pacer.offer(first, start)).toBe('publish');
    expect(pacer.offer(second, start + 100)).toBe('wait');
    expect(pacer.waiting).toBe(1);
    expect(pacer.flush(start + 249)).toEqual([]);
    expect(pacer.flush(start + 250)).toEqual([second]);
    expect(pacer.flush(start + 1000)).toEqual([]);
    expect(pacer.waiting).toBe(0);
  });

  it('keeps the newest of those that wait', () => {
    const pacer = new OrderBookPacer(250);
    pacer.offer(book('1', start), start);
    expect(pacer.offer(book('2', start + 50), start + 50)).toBe('wait');
    const newest = book('3', start + 90);
    expect(pacer.offer(newest, start + 90)).toBe('replace');
    expect(pacer.flush(start + 300)).toEqual([newest]);
  });

  it('counts the interval from the last book that was published, waiting or not', () => {
    const pacer = new OrderBookPacer(250);
    pacer.offer(book('1', start), start);
    pacer.offer(book('2', start + 10), start + 10);
    pacer.flush(start + 260);
    expect(pacer.offer(book('3', start + 300), start + 300)).toBe('wait');
    expect(pacer.flush(start + 509)).toEqual([]);
    expect(pacer.flush(start + 510)).toHaveLength(1);
  });

  it('publishes a due book on arrival without waiting for a flush, and drops the one that waited', () => {
    const pacer = new OrderBookPacer(250);
    pacer.offer(book('1', start), start);
    pacer.offer(book('2', start + 10), start + 10);
    expect(pacer.offer(book('3', start + 400), start + 400)).toBe('publish');
    expect(pacer.flush(start + 800)).toEqual([]);
  });

  it('leaves out a book that says what was published last', () => {
    const pacer = new OrderBookPacer(250);
    pacer.offer(book('1', start), start);
    expect(pacer.offer(book('1', start + 900), start + 900)).toBe('unchanged');
    expect(pacer.offer(book('1', start + 901, 'BTC/KRW', ['2']), start + 901)).toBe('publish');
    expect(pacer.offer(book('1', start + 1900, 'BTC/KRW', ['2', '2']), start + 1900)).toBe('publish');
  });

  it('forgets a waiting book when the market returns to what was published', () => {
    const pacer = new OrderBookPacer(250);
    pacer.offer(book('1', start), start);
    pacer.offer(book('2', start + 10), start + 10);
    expect(pacer.offer(book('1', start + 20), start + 20)).toBe('unchanged');
    expect(pacer.flush(start + 900)).toEqual([]);
  });

  it('paces each instrument on its own', () => {
    const pacer = new OrderBookPacer(250);
    expect(pacer.offer(book('1', start, 'BTC/KRW'), start)).toBe('publish');
    expect(pacer.offer(book('1', start, 'ETH/KRW'), start)).toBe('publish');
  });

  it('with no interval lets every changed book through', () => {
    const pacer = new OrderBookPacer(0);
    expect(pacer.offer(book('1', start), start)).toBe('publish');
    expect(pacer.offer(book('2', start), start)).toBe('publish');
    expect(pacer.offer(book('2', start), start)).toBe('unchanged');
  });

  it('does not fall silent when the clock is set back', () => {
    const pacer = new OrderBookPacer(250);
    pacer.offer(book('1', start), start);
    pacer.offer(book('2', start + 10), start + 10);
    expect(pacer.flush(start - 3_600_000)).toHaveLength(1);
    expect(pacer.offer(book('3', start - 3_600_000), start - 3_600_000)).toBe('wait');
  });

  it('never gives more than one book in an interval, and always ends with the newest', () => {
    const steps = fc.array(fc.record({ waitMs: fc.nat({ max: 200 }), bid: fc.integer({ min: 1, max: 4 }) }), {
      maxLength: 80,
    });
    fc.assert(
      fc.property(steps, list => {
        const pacer = new OrderBookPacer(250);
        const published: { at: number; bid: string }[] = [];
        let now = start;
        const publish = (one: OrderBook): void => {
          published.push({ at: now, bid: one.bids[0]?.[0] ?? '' });
        };
        for (const { waitMs, bid } of list) {
          now += waitMs;
          pacer.flush(now).forEach(publish);
          const offered = book(String(bid), now);
          if (pacer.offer(offered, now) === 'publish') publish(offered);
        }
        now += 250;
        pacer.flush(now).forEach(publish);
        for (const [i, { at, bid }] of published.entries()) {
          const before = published[i - 1];
          if (before === undefined) continue;
          expect(at - before.at).toBeGreaterThanOrEqual(250);
          expect(bid).not.toBe(before.bid);
        }
        const newest = list.at(-1);
        if (newest !== undefined) expect(published.at(-1)?.bid).toBe(String(newest.bid));
      }),
    );
  });
});

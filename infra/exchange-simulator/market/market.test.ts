import { describe, expect, it } from 'vitest';
import { KRW_PER_USD } from './instruments.ts';
import { Market, type MarketListener, type MarketOptions } from './market.ts';
import { isSound } from './sound-book.ts';
import { type Trade, tradeMs } from './trade.ts';

const OPTIONS: MarketOptions = { seed: 7, instruments: 60, eventsPerSecond: 2_000, startMs: 1_790_134_742_000 };

function record(options: MarketOptions, milliseconds: number, stepMs: number): { lines: string[]; market: Market } {
  const lines: string[] = [];
  const listener: MarketListener = {
    traded: (state, fills) => {
      for (const fill of fills) lines.push(`${state.instrument.nativeCode} ${fill.price} ${fill.size} ${fill.timeUs}`);
    },
    bookChanged: state => lines.push(`${state.instrument.symbol} ${state.book.updateId} ${state.book.bids.prices[0]}`),
  };
  const market = new Market(options, listener);
  for (let time = stepMs; time <= milliseconds; time += stepMs) market.advance(options.startMs + time);
  return { lines, market };
}

describe('the market', () => {
  it('repeats itself exactly for one seed, however its clock is cut', () => {
    const first = record(OPTIONS, 2_000, 2_000).lines;
    expect(first.length).toBeGreaterThan(1_000);
    expect(record(OPTIONS, 2_000, 17).lines.slice(0, first.length - 50)).toEqual(first.slice(0, first.length - 50));
    expect(record({ ...OPTIONS, seed: 8 }, 2_000, 2_000).lines).not.toEqual(first);
  });

  it('never crosses a book and keeps every price on its grid', () => {
    const unsound: string[] = [];
    const market = new Market(OPTIONS, {
      traded: () => undefined,
      bookChanged: state => {
        if (!isSound(state)) unsound.push(state.instrument.symbol);
      },
    });
    expect(market.states.every(isSound)).toBe(true);
    for (let second = 1; second <= 4; second += 1) market.advance(OPTIONS.startMs + second * 1000);
    expect(unsound).toEqual([]);
    expect(market.states.every(isSound)).toBe(true);
  });

  it('tells every level change once, so that counting them gives the update id', () => {
    const market = new Market({ ...OPTIONS, instruments: 10 });
    const state = market.states[0]!;
    const copy = { bid: new Map<number, number>(), ask: new Map<number, number>() };
    for (const [index, price] of state.book.bids.prices.entries()) copy.bid.set(price, state.book.bids.sizes[index]!);
    for (const [index, price] of state.book.asks.prices.entries()) copy.ask.set(price, state.book.asks.sizes[index]!);
    const startId = state.book.updateId;
    let changes = 0;
    state.book.listener = (side, price, size) => {
      changes += 1;
      if (size === 0) copy[side].delete(price);
      else copy[side].set(price, size);
    };
    market.advance(OPTIONS.startMs + 10_000);
    expect(changes).toBeGreaterThan(100);
    expect(state.book.updateId).toBe(startId + changes);
    expect([...copy.bid].sort((a, b) => b[0] - a[0])).toEqual(
      state.book.bids.prices.map((price, index) => [price, state.book.bids.sizes[index]]),
    );
  });

  it('makes Koreans pay one to four percent more, and lets that premium live', () => {
    const market = new Market({ ...OPTIONS, instruments: 9, eventsPerSecond: 200 });
    const seen: number[] = [];
    const last = (exchange: 'binance' | 'upbit', code: string): number => {
      const state = market.find(exchange, code)!;
      return state.lastTrade.price / 10 ** state.instrument.priceDecimals;
    };
    for (let minute = 1; minute <= 30; minute += 1) {
      market.advance(OPTIONS.startMs + minute * 60_000);
      seen.push((last('upbit', 'KRW-BTC') / (last('binance', 'BTCUSDT') * market.prices.krwPerUsd) - 1) * 100);
    }
    expect(Math.min(...seen)).toBeGreaterThan(0.8);
    expect(Math.max(...seen)).toBeLessThan(4.2);
    expect(Math.max(...seen) - Math.min(...seen)).toBeGreaterThan(0.1);
    expect(Math.abs(market.prices.krwPerUsd / KRW_PER_USD - 1)).toBeLessThan(0.02);
  });

  it('numbers trades without holes and makes several in one millisecond', () => {
    const trades: Trade[] = [];
    const market = new Market(OPTIONS, {
      traded: (_, fills) => trades.push(...fills),
      bookChanged: () => undefined,
    });
    market.advance(OPTIONS.startMs + 10_000);
    expect(trades.map(trade => trade.index)).toEqual(trades.map((_, position) => position));
    for (const state of market.states) {
      const numbers = state.trades.map(trade => trade.number);
      expect(numbers).toEqual(numbers.map((_, position) => numbers[0]! + position));
    }
    const second = trades.filter(trade => trade.withinMs === 1);
    expect(second.length).toBeGreaterThan(20);
    const twins = second.filter(trade => {
      const before = trades[trade.index - 1]!;
      return before.price === trade.price && before.size === trade.size && tradeMs(before) === tradeMs(trade);
    });
    expect(twins.length).toBeGreaterThan(3);
  });

  it('is busiest in the largest coins and prices nothing beyond exact numbers', () => {
    const market = new Market({ ...OPTIONS, instruments: 300 });
    market.advance(OPTIONS.startMs + 5_000);
    const btc = market.find('upbit', 'KRW-BTC')!;
    const counts = market.listed('upbit').map(state => state.tradeCount);
    const median = [...counts].sort((a, b) => a - b)[counts.length >> 1]!;
    expect(btc.tradeCount).toBeGreaterThan(3 * median);
    for (const state of market.states) {
      expect(state.trades.length).toBeGreaterThan(0);
      for (const trade of state.trades) {
        expect(Number.isSafeInteger(trade.price) && trade.price > 0).toBe(true);
        expect(Number.isSafeInteger(trade.size) && trade.size > 0).toBe(true);
        expect(trade.size % state.instrument.lotUnits).toBe(0);
      }
    }
  });
});

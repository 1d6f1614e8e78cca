import { describe, expect, it } from 'vitest';
import { trade } from '../model/testing/market-events.ts';
import { LagMeter } from './lag-meter.ts';

describe('lag', () => {
  it('is the median of recent events against both clocks', () => {
    const lag = new LagMeter();
    expect(lag.read(0)).toEqual({ sinceReceivedMs: null, sinceExchangeMs: null });
    for (const ms of [10, 30, 20, 5_000, 15]) {
      lag.add(trade('BTC/KRW', { id: '1', receivedTime: 100_000 - ms, exchangeTime: 100_000 - 2 * ms }), 100_000);
    }
    expect(lag.read(100_000)).toEqual({ sinceReceivedMs: 20, sinceExchangeMs: 40 });
  });

  it('leaves out backfilled trades and missing clocks, and forgets after ten seconds', () => {
    const lag = new LagMeter();
    lag.add(trade('BTC/KRW', { id: '1', receivedTime: 0, exchangeTime: 0, backfilled: true }), 50_000);
    lag.add(trade('BTC/USDT', { exchange: 'binance', id: '2', receivedTime: 49_990, exchangeTime: null }), 50_000);
    expect(lag.read(50_000)).toEqual({ sinceReceivedMs: 10, sinceExchangeMs: null });
    expect(lag.read(60_001)).toEqual({ sinceReceivedMs: null, sinceExchangeMs: null });
  });
});

import { expect, it } from 'vitest';
import { ManualClock } from '../../shared/base/testing/manual-clock.ts';
import type { MarketEvent } from '../../shared/model/market-event.ts';
import { testInstrument } from '../../shared/model/testing/instruments.ts';
import { candle } from '../../shared/model/testing/market-events.ts';
import { MINUTE_MS } from '../../shared/model/time.ts';
import { ConverterService } from '../conversion/converter-service.ts';
import { upbit } from '../exchanges/upbit.ts';
import type { SupervisedFeeds } from '../feeds/supervised-feeds.ts';
import { silentLogger } from '../operations/logger.ts';
import { MissedCandles } from './missed-candles.ts';

const BASES = ['BTC', 'ETH', 'XRP'];

/** A leader whose predecessor's stream ended at the start, and what REST answers for each market. */
function start(outageMinutes: number, bodyOf: (nativeCode: string) => string | null) {
  const clock = new ManualClock();
  clock.advance(MINUTE_MS - (clock.now() % MINUTE_MS) + 30_000);
  const published: MarketEvent[] = [];
  const warnings: object[] = [];
  const converter = new ConverterService({ fetchedCandles: new Set(['upbit']) });
  const missed = new MissedCandles({
    converter,
    distributor: { offer: events => published.push(...events) },
    clock,
    logger: { ...silentLogger, warn: details => warnings.push(details) },
    random: () => 0.5,
  });
  missed.add(upbit, {
    restBudget: { acquire: async () => {} },
    rest: {
      get: async (url: string) => {
        const body = bodyOf(new URL(url).searchParams.get('market') ?? '');
        if (body === null) return { ok: false, reason: 'HTTP 404', status: 404, pauseMs: 0 };
        return { ok: true, body: new TextEncoder().encode(body) };
      },
    },
    endpoints: { restUrl: 'https://api.upbit.com', webSocketUrl: '' },
  } as unknown as SupervisedFeeds);
  missed.setInstruments(
    'upbit',
    BASES.map(base => testInstrument('upbit', `KRW-${base}`, base, 'KRW')),
  );
  missed.start();
  const symbols = BASES.map(base => `${base}/KRW`);
  const now = clock.now();
  for (const symbol of symbols) {
    const openTime = now - (now % MINUTE_MS);
    converter.remember(candle(symbol, { exchange: 'upbit', openTime, exchangeTime: now, receivedTime: now }), now);
  }
  converter.interrupt('upbit', symbols);
  clock.advance(outageMinutes * MINUTE_MS);
  missed.settled('upbit', symbols);
  return { clock, published, warnings, missed };
}

it('candles that a dead leader left open are fetched and published', async () => {
  const { clock, published, missed } = start(1, nativeCode => {
    const minute = new Date(clock.now() - MINUTE_MS - (clock.now() % MINUTE_MS)).toISOString().slice(0, 19);
    return `[{"market":"${nativeCode}","candle_date_time_utc":"${minute}","opening_price":2.0,"high_price":3.0,"low_price":1.0,
      "trade_price":2.5,"timestamp":${clock.now()},"candle_acc_trade_price":7.5,"candle_acc_trade_volume":3.0}]`;
  });
  await clock.advanceAndSettle(MINUTE_MS);
  expect(published).toMatchObject(
    BASES.map(base => ({ type: 'candle', symbol: `${base}/KRW`, closed: true, high: '3' })),
  );
  expect(missed.counts()).toMatchObject([{ exchange: 'upbit', backfilledCandles: 3, leftOutMinutes: 0, waiting: 0 }]);
});

it('what is left out of all markets at once is told in few words', async () => {
  const { clock, warnings, missed } = start(70, () => null);
  await clock.advanceAndSettle(MINUTE_MS);
  expect(warnings).toMatchObject([{ exchange: 'upbit', symbol: 'BTC/KRW', reason: 'the outage was too long' }]);
  expect(missed.counts()).toMatchObject([{ requests: 3, leftOutMinutes: 3 * 70, waiting: 0 }]);
});

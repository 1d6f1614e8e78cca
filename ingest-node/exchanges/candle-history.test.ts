import { describe, expect, it } from 'vitest';
import { testInstrument } from '../../shared/model/testing/instruments.ts';
import { MINUTE_MS } from '../../shared/model/time.ts';
import { findModelViolation } from '../conversion/validation.ts';
import { binance } from './binance.ts';
import { EXCHANGE_ADAPTERS } from './registry.ts';
import { upbit } from './upbit.ts';

const NOW = 1_785_397_735_004;
const MINUTE = Date.UTC(2026, 6, 30, 6, 51);

/** Two minutes each, composed from the exchanges' documentation. */
const PAGES = {
  binance: `[[${MINUTE},"0.01634790","0.80000000","0.01575800","0.01577100","148976.11427815",${MINUTE + 59_999},"2434.19055334",308,"1756.87402397","28.46694368","0"],
    [${MINUTE + MINUTE_MS},"0.01577100","0.01577100","0.01577100","0.01577100","0.00000000",${MINUTE + 119_999},"0.00000000",0,"0.00000000","0.00000000","0"]]`,
  upbit: `[{"market":"KRW-BTC","candle_date_time_utc":"2026-07-30T06:52:00","candle_date_time_kst":"2026-07-30T15:52:00","opening_price":1.036E8,"high_price":103600000.0,"low_price":103425000.0,"trade_price":103460000.0,"timestamp":1785394379132,"candle_acc_trade_price":164899503.14206,"candle_acc_trade_volume":1.5933512,"unit":1},
    {"market":"KRW-BTC","candle_date_time_utc":"2026-07-30T06:51:00","candle_date_time_kst":"2026-07-30T15:51:00","opening_price":91180000.00000000,"high_price":91180000.00000000,"low_price":91180000.00000000,"trade_price":91180000.00000000,"timestamp":1785394318967,"candle_acc_trade_price":7.0E-5,"candle_acc_trade_volume":7.477688e-05,"unit":1}]`,
};
const EXPECTED = {
  binance: [
    ['0.0163479', '0.8', '0.015758', '0.015771', '148976.11427815', '2434.19055334', null],
    ['0.015771', '0.015771', '0.015771', '0.015771', '0', '0', null],
  ],
  upbit: [
    ['91180000', '91180000', '91180000', '91180000', '0.00007477688', '0.00007', 1_785_394_318_967],
    ['103600000', '103600000', '103425000', '103460000', '1.5933512', '164899503.14206', 1_785_394_379_132],
  ],
};

describe.each(['binance', 'upbit'] as const)('past candles of %s', exchange => {
  const { candleHistory, limits } = EXCHANGE_ADAPTERS[exchange];
  const history = candleHistory!;
  const instrument = testInstrument(exchange, exchange === 'binance' ? 'BTCUSDT' : 'KRW-BTC', 'BTC', 'KRW');
  const parse = (text: string) => history.parse(Buffer.from(text), instrument, NOW);

  it('are read to the last digit, closed, the oldest first', () => {
    const page = parse(PAGES[exchange]);
    if (!page.ok) throw new Error(page.reason);
    expect(page.candles.map(({ openTime }) => openTime)).toEqual([MINUTE, MINUTE + MINUTE_MS]);
    const said = page.candles.map(({ open, high, low, close, volume, quoteVolume, exchangeTime }) => [
      ...[open, high, low, close, volume],
      ...[quoteVolume, exchangeTime],
    ]);
    expect(said).toEqual(EXPECTED[exchange]);
    for (const candle of page.candles) {
      expect(candle).toMatchObject({ exchange, symbol: 'BTC/KRW', closed: true, receivedTime: NOW });
      expect(findModelViolation(candle)).toBeNull();
    }
    expect(parse('[]')).toEqual({ ok: true, candles: [] });
  });

  it('are refused as a whole where one is not understood', () => {
    const broken = [
      ...['', '{', 'null', '17', '[null]', '[[]]', '[{}]', '["x"]', '<html>502 Bad Gateway</html>'],
      PAGES[exchange].replace(/0.80000000|1.036E8/, '"abc"'),
      PAGES[exchange].replace(/"0.01575800"|103425000.0/, '1e9'),
      PAGES[exchange].replace(String(MINUTE), '1499040000').replace('06:52:00', '06:52:01'),
    ];
    for (const body of broken)
      expect(parse(body), body).toMatchObject({ ok: false, reason: expect.stringMatching(/\w/) });
  });

  it('are asked for within a declared limit', () => {
    const { group, weight } = history.limit;
    expect(limits.rest[group]!.weight / 20).toBeGreaterThanOrEqual(group === 'candle' ? 0.5 : weight);
  });
});

it('past candles are asked for by their first and last minute', () => {
  const [from, until] = [MINUTE, MINUTE + 3 * MINUTE_MS];
  const odd = testInstrument('binance', '币安人生USDT', '币安人生', 'USDT');
  expect(binance.candleHistory?.path(odd, from, until)).toBe(
    `/api/v3/klines?symbol=${encodeURIComponent('币安人生USDT')}&interval=1m&startTime=${from}&endTime=${until - 1}&limit=3`,
  );
  expect(upbit.candleHistory?.path(testInstrument('upbit', 'KRW-BTC', 'BTC', 'KRW'), from, until)).toBe(
    '/v1/candles/minutes/1?market=KRW-BTC&to=2026-07-30T06%3A54%3A00Z&count=3',
  );
});

import { expect, test } from 'vitest';
import { toDecimal } from '../../shared/model/decimal.ts';
import { testInstrument } from '../../shared/model/testing/instruments.ts';
import { binance } from './binance.ts';
import { binanceDeltaBooks } from './binance-book.ts';

test('a book that is built from changes is asked for as changes, all others as their top', () => {
  const instruments = [
    testInstrument('binance', 'BTCUSDT', 'BTC', 'USDT'),
    testInstrument('binance', 'ETHBTC', 'ETH', 'BTC'),
  ];
  const streams = binance
    .subscribeMessages(instruments, new Set(['BTC/USDT']))
    .flatMap(message => (JSON.parse(message) as { params: string[] }).params)
    .filter(name => name.includes('@depth'));
  expect(streams).toEqual(['btcusdt@depth@100ms', 'ethbtc@depth20']);
});

test('the snapshot that Binance sends is read to the last digit, and anything else is refused', () => {
  const { parse, path } = binanceDeltaBooks.snapshot;
  const body = (text: string) => parse(Buffer.from(text));
  expect(path('币安人生USDT')).toMatch(/^\/api\/v3\/depth\?symbol=%E5.*USDT&limit=1000$/);
  expect(body('{"lastUpdateId":77000000001,"bids":[["0.00000100","1e-8"]],"asks":[]}')).toEqual({
    ok: true,
    snapshot: { sequence: 77_000_000_001, bids: [['0.000001', toDecimal('1e-8')]], asks: [] },
  });
  for (const text of [
    '<html>502</html>',
    '[]',
    '{"code":-1121,"msg":"Invalid symbol."}',
    '{"lastUpdateId":17853950411240001,"bids":[],"asks":[]}',
    '{"lastUpdateId":1,"bids":[["1"]],"asks":[]}',
    '{"lastUpdateId":1,"bids":[["1","0"]],"asks":[]}',
    '{"lastUpdateId":1,"bids":[["-1","1"]],"asks":[]}',
    '{"lastUpdateId":1,"bids":{}}',
  ]) {
    expect(body(text), text).toMatchObject({ ok: false });
  }
});

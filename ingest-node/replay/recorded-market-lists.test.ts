import { expect, test } from 'vitest';
import { RecordedMarketLists } from './recorded-market-lists.ts';
import type { ReplayRecord } from './replay-record.ts';

const NOW = 1_790_000_000_000;

function body(exchange: ReplayRecord['exchange'], url: string | null, content: object, channel = ''): ReplayRecord {
  const bytes = Buffer.from(JSON.stringify(content));
  return { exchange, channel, direction: 'http', ts: null, feed: null, isFirst: true, url, bytes };
}

const upbit = [{ market: 'KRW-BTC', korean_name: '비트코인', english_name: 'Bitcoin' }];
const symbols = (instruments: readonly { symbol: string }[] | null) => instruments?.map(({ symbol }) => symbol) ?? null;

test.each([
  ['the real exchange', 'https://api.upbit.com/v1/market/all?is_details=true'],
  ['a simulator, asked in another way', 'http://127.0.0.1:9500/upbit/v1/market/all?isDetails=false'],
  ['a capture without addresses', null],
])('a list of %s is found', (_name, url) => {
  expect(symbols(new RecordedMarketLists().read(body('upbit', url, upbit), NOW))).toEqual(['BTC/KRW']);
});

test('another body, and an error in the place of a list, is none', () => {
  const lists = new RecordedMarketLists();
  expect(lists.read(body('upbit', 'https://api.upbit.com/v1/ticker', upbit), NOW)).toBeNull();
  expect(lists.read(body('upbit', null, { error: { name: 'x', message: 'maintenance' } }), NOW)).toBeNull();
});

test.each([
  ['https://api.coinone.co.kr/public/v2/markets/KRW', 'https://api.coinone.co.kr/public/v2/currencies', ''],
  [null, null, 'rest_'],
])('a list of two bodies is read when both are there (%s)', (markets, currencies, prefix) => {
  const lists = new RecordedMarketLists();
  const one = {
    quote_currency: 'KRW',
    target_currency: 'BTC',
    price_unit: '1',
    qty_unit: '0.0001',
    trade_status: 1,
    maintenance_status: 0,
  };
  const first = body(
    'coinone',
    markets,
    { result: 'success', error_code: '0', markets: [one] },
    `${prefix}markets_KRW`,
  );
  const second = body(
    'coinone',
    currencies,
    { result: 'success', error_code: '0', currencies: [{ name: 'Bitcoin', symbol: 'BTC' }] },
    `${prefix}currencies`,
  );
  expect(lists.read(first, NOW)).toEqual([]);
  expect(symbols(lists.read(second, NOW))).toEqual(['BTC/KRW']);
});

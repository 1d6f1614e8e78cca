/**
 * Bithumb, Korea. https://apidocs.bithumb.com/reference
 * Upbit's protocol with three differences: order book times count microseconds, the day turns at midnight in Korea, and
 * a book always has 15 levels, whose sizes are rounded to four decimals (trade sizes are exact).
 */
import type { ExchangeAdapter } from './exchange-adapter.ts';
import {
  convert,
  KOREAN_CHANNELS,
  KOREAN_HEARTBEAT,
  KOREAN_REFUSAL_PAUSES_MS,
  type KoreanVenue,
  parseMarketList,
  subscribeMessages,
} from './korean-array-protocol.ts';
import { bithumbTradeHistory } from './korean-trade-history.ts';

const venue: KoreanVenue = {
  exchange: 'bithumb',
  changeWindow: 'dayKst',
  bookTimeUnit: 'us',
  bookCodeSuffix: '',
  hasCandles: false,
};

export const bithumb: ExchangeAdapter = {
  exchange: 'bithumb',
  webSocketUrl: 'wss://ws-api.bithumb.com/websocket/v1',
  restUrl: 'https://api.bithumb.com',
  limits: {
    instrumentsPerFeed: 250,
    // Published: 10 connects a second per IP, then 429, then a block of ten minutes.
    connects: { count: 4, windowMs: 1000 },
    // No limit is published; we keep to Upbit's.
    messageSpacingMs: 1200,
    // The block is of the address, and sockets have a host of their own. Which status it has is not published.
    shutOutBy: [403, 418],
    pauseAfterRefusalMs: KOREAN_REFUSAL_PAUSES_MS,
    rest: { other: { weight: 150, windowMs: 1000 }, trades: { weight: 150, windowMs: 1000 } },
  },
  heartbeat: KOREAN_HEARTBEAT,
  channels: KOREAN_CHANNELS,
  candles: 'fromTrades',
  subscribeMessages: (instruments, _, socketName) => subscribeMessages(venue, instruments, socketName),
  markets: {
    paths: ['/v1/market/all?isDetails=true'],
    limit: { group: 'other', weight: 1 },
    parse: (bodies, now) => parseMarketList('bithumb', bodies, now),
  },
  tradeHistory: bithumbTradeHistory,
  convert: (frame, receivedTime, instruments) => convert(venue, frame, receivedTime, instruments),
};

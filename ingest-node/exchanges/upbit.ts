/**
 * Upbit, Korea. https://docs.upbit.com/kr/reference
 * 855 pairs on one socket were measured to work (about 790 book frames a second); we spread them to isolate failures.
 */
import type { ExchangeAdapter } from './exchange-adapter.ts';
import { numberIn } from './field-reader.ts';
import {
  convert,
  KOREAN_CHANNELS,
  KOREAN_HEARTBEAT,
  KOREAN_REFUSAL_PAUSES_MS,
  type KoreanVenue,
  parseMarketList,
  subscribeMessages,
} from './korean-array-protocol.ts';
import { CANDLE_CHANNEL } from './korean-candle.ts';
import { upbitTradeHistory } from './korean-trade-history.ts';
import { statedTimeMs } from './stated-time.ts';
import { upbitCandleHistory } from './upbit-candle-history.ts';

const venue: KoreanVenue = {
  exchange: 'upbit',
  changeWindow: 'dayUtc',
  bookTimeUnit: 'ms',
  bookCodeSuffix: '.15',
  hasCandles: true,
};

/** A second, in each group. */
const CALLS = 10;

export const upbit: ExchangeAdapter = {
  exchange: 'upbit',
  webSocketUrl: 'wss://api.upbit.com/websocket/v1',
  restUrl: 'https://api.upbit.com',
  limits: {
    instrumentsPerFeed: 250,
    // Published: 5 connects a second per IP; an `Origin` header would make that 1 in 10 seconds.
    connects: { count: 2, windowMs: 1000 },
    // Published: 5 messages a second and 100 a minute on one socket.
    messageSpacingMs: 1200,
    shutOutBy: [418],
    // Published: the answer says how long, in words that are not.
    blockTimeIn: statedTimeMs,
    pauseAfterRefusalMs: KOREAN_REFUSAL_PAUSES_MS,
    rest: {
      market: { weight: CALLS, windowMs: 1000 },
      trade: { weight: CALLS, windowMs: 1000 },
      candle: { weight: CALLS, windowMs: 1000 },
    },
    // `group=ticker; min=600; sec=9`: what is left of this second.
    usedOf: headers => {
      const left = numberIn(headers.get('remaining-req'), /\bsec=(\d{1,9})/);
      return left === null ? null : CALLS - left;
    },
  },
  heartbeat: KOREAN_HEARTBEAT,
  channels: [...KOREAN_CHANNELS, CANDLE_CHANNEL],
  candles: 'sentOpen',
  candleHistory: upbitCandleHistory,
  subscribeMessages: (instruments, _, socketName) => subscribeMessages(venue, instruments, socketName),
  markets: {
    paths: ['/v1/market/all?is_details=true'],
    limit: { group: 'market', weight: 1 },
    parse: (bodies, now) => parseMarketList('upbit', bodies, now),
  },
  tradeHistory: upbitTradeHistory,
  convert: (frame, receivedTime, instruments) => convert(venue, frame, receivedTime, instruments),
};

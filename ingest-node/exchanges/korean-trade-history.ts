/**
 * Past trades of Upbit and Bithumb, newest first; `timestamp` is here the execution's time.
 * https://docs.upbit.com/kr/reference/list-pair-trades
 * https://apidocs.bithumb.com/reference (trades/ticks)
 *
 * Upbit's ids are those of its frames. Bithumb's are not: the millisecond and four zeros, shared by all trades of it.
 */
import type { TradeHistory } from './exchange-adapter.ts';
import { readTradePage } from './trade-page.ts';

const PAGE_SIZE = 500;
/** A page holds trades of one day: the newest, or one of so many before it. */
const EARLIER_DAYS = 7;
const UTC_MIDNIGHT = 0;
const KST_MIDNIGHT = 15 * 60 * 60_000;

const shared: Pick<TradeHistory, 'pageSize' | 'parse'> = {
  pageSize: PAGE_SIZE,
  parse: (body, instrument, receivedTime) =>
    readTradePage(body, null, instrument, receivedTime, (fields, row) => {
      const side = row['ask_bid'];
      return {
        exchangeTime: fields.optionalTime('timestamp', 'ms'),
        id: fields.id('sequential_id'),
        price: fields.positive('trade_price'),
        size: fields.positive('trade_volume'),
        takerSide: side === 'BID' ? 'buy' : side === 'ASK' ? 'sell' : 'unknown',
      };
    }),
};

export const upbitTradeHistory: TradeHistory = {
  ...shared,
  ids: 'unordered',
  limit: { group: 'trade', weight: 1 },
  days: { earlier: EARLIER_DAYS, turnsMs: [UTC_MIDNIGHT] },
  path: pathWith('days_ago'),
};

export const bithumbTradeHistory: TradeHistory = {
  ...shared,
  ids: 'separate',
  limit: { group: 'trades', weight: 1 },
  // Its candles and the times it takes are Korean, the dates of its trades are UTC: it does not say which day this is.
  days: { earlier: EARLIER_DAYS, turnsMs: [UTC_MIDNIGHT, KST_MIDNIGHT] },
  path: pathWith('daysAgo'),
};

function pathWith(daysAgoKey: string): TradeHistory['path'] {
  return ({ nativeCode }, from, daysAgo) => {
    const day = daysAgo === 0 ? '' : `&${daysAgoKey}=${daysAgo}`;
    const seek = from === null ? '' : `&cursor=${from}`;
    return `/v1/trades/ticks?market=${encodeURIComponent(nativeCode)}&count=${PAGE_SIZE}${day}${seek}`;
  };
}

/**
 * Coinone's last 200 trades, newest first; there are no older ones to be had. Whether their ids are those of the socket is
 * not documented, so they are not relied on. https://docs.coinone.co.kr/reference/recent-completed-orders-v2
 */
import type { TradeHistory } from './exchange-adapter.ts';
import { readTradePage } from './trade-page.ts';

const PAGE_SIZE = 200;

export const coinoneTradeHistory: TradeHistory = {
  ids: 'separate',
  limit: { group: 'all', weight: 1 },
  pageSize: PAGE_SIZE,
  mostTrades: PAGE_SIZE,
  path: ({ base, quote }) =>
    `/public/v2/trades/${encodeURIComponent(quote)}/${encodeURIComponent(base)}?size=${PAGE_SIZE}`,
  /** `{"result":"success",…,"transactions":[{"id","timestamp","price","qty","is_seller_maker"}]}` */
  parse: (body, instrument, receivedTime) =>
    readTradePage(body, 'transactions', instrument, receivedTime, (fields, row) => {
      const sellerIsMaker = row['is_seller_maker'];
      return {
        exchangeTime: fields.optionalTime('timestamp', 'ms'),
        id: fields.id('id'),
        price: fields.positive('price'),
        size: fields.positive('qty'),
        takerSide: sellerIsMaker === true ? 'buy' : sellerIsMaker === false ? 'sell' : 'unknown',
      };
    }),
};

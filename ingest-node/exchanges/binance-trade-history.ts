/**
 * Binance's past trades, with the ids of the trade stream; `aggTrades` would cost less, but its rows are not our trades.
 * https://github.com/binance/binance-spot-api-docs/blob/master/rest-api.md#old-trade-lookup
 */
import { toId } from '../../shared/model/id.ts';
import { parseLosslessJson } from '../conversion/lossless-json.ts';
import type { TradeHistory } from './exchange-adapter.ts';
import { isRecord, textOf } from './field-reader.ts';
import { readTradePage } from './trade-page.ts';

const PAGE_SIZE = 1000;
/** Some 3500 symbols with 300 bytes each. */
const MAX_TICKERS_BYTES = 16 * 1024 * 1024;

export const binanceTradeHistory: TradeHistory = {
  ids: 'contiguous',
  limit: { group: 'weight', weight: 25 },
  pageSize: PAGE_SIZE,
  path: ({ nativeCode }, from) => {
    const seek = from === null ? '' : `&fromId=${from}`;
    return `/api/v3/historicalTrades?symbol=${encodeURIComponent(nativeCode)}&limit=${PAGE_SIZE}${seek}`;
  },
  /** `[{"id","price","qty","quoteQty","time","isBuyerMaker","isBestMatch"}]`, oldest first. */
  parse: (body, instrument, receivedTime) =>
    readTradePage(body, null, instrument, receivedTime, (fields, row) => {
      const buyerIsMaker = row['isBuyerMaker'];
      return {
        exchangeTime: fields.optionalTime('time', 'ms'),
        id: fields.id('id'),
        price: fields.positive('price'),
        size: fields.positive('qty'),
        takerSide: buyerIsMaker === true ? 'sell' : buyerIsMaker === false ? 'buy' : 'unknown',
      };
    }),
  newest: {
    path: '/api/v3/ticker/24hr?type=MINI',
    weight: 80,
    /** `[{"symbol","lastPrice",…,"firstId","lastId","count"}]`; `lastId` is -1 where nothing was traded. */
    parse: body => {
      const parsed = parseLosslessJson(body, { maxBytes: MAX_TICKERS_BYTES });
      if (!parsed.ok || !Array.isArray(parsed.value)) return null;
      const ids = new Map<string, string>();
      for (const row of parsed.value.filter(isRecord)) {
        const [symbol, id] = [textOf(row['symbol']), toId(textOf(row['lastId']) ?? '')];
        if (symbol !== null && id !== null) ids.set(symbol, id);
      }
      return ids;
    },
  },
};

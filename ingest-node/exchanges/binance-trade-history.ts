/**
 * Binance's past trades, with the ids of the trade stream.
 * https://github.com/binance/binance-spot-api-docs/blob/master/rest-api.md#old-trade-lookup
 * https://github.com/binance/binance-spot-api-docs/blob/master/rest-api.md#compressedaggregate-trades-list
 */
import { toId } from '../../shared/model/id.ts';
import { parseLosslessJson } from '../conversion/lossless-json.ts';
import type { TradeHistory, TradeRun } from './exchange-adapter.ts';
import { FieldReader, isRecord, textOf } from './field-reader.ts';
import { readTradePage, readTradeRow, rowsOf, type TradeFields } from './trade-page.ts';

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
    readTradePage(body, null, instrument, receivedTime, (fields, row) => ({
      exchangeTime: fields.optionalTime('time', 'ms'),
      id: fields.id('id'),
      price: fields.positive('price'),
      size: fields.positive('qty'),
      takerSide: takerSideOf(row['isBuyerMaker']),
    })),
  runs: {
    weight: 4,
    path: ({ nativeCode }, since) =>
      `/api/v3/aggTrades?symbol=${encodeURIComponent(nativeCode)}&limit=${PAGE_SIZE}&startTime=${Math.floor(since)}`,
    /** `[{"a","p","q","f","l","T","m","M"}]`, oldest first: `f` to `l` are trade ids. */
    parse: (body, instrument, receivedTime) => {
      const rows = rowsOf(body, null);
      if (!rows.ok) return rows;
      const runs: TradeRun[] = [];
      for (const row of rows.rows) {
        const said = isRecord(row) ? new FieldReader(row) : null;
        const [firstId, lastId] = [said?.id('f') ?? '', said?.id('l') ?? ''];
        const [first, last] = [BigInt(firstId), BigInt(lastId)];
        const trade = readTradeRow(
          row,
          instrument,
          receivedTime,
          (fields, { m }): TradeFields => ({
            exchangeTime: fields.optionalTime('T', 'ms'),
            id: firstId,
            price: fields.positive('p'),
            size: fields.positive('q'),
            takerSide: takerSideOf(m),
          }),
        );
        const fault = said?.fault ?? (last < first ? `f: ${firstId}, l: ${lastId}` : null);
        if (!trade.ok) return trade;
        if (fault !== null) return { ok: false, reason: `not a run of trades: ${fault}` };
        runs.push({ first, last, trade: first === last ? trade.trade : null });
      }
      return { ok: true, runs };
    },
  },
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

/** Of what says whether the buyer was the maker. */
function takerSideOf(buyerIsMaker: unknown): TradeFields['takerSide'] {
  return buyerIsMaker === true ? 'sell' : buyerIsMaker === false ? 'buy' : 'unknown';
}

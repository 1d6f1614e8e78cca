import type { InstrumentState } from '../market/instrument-state.ts';
import type { Market } from '../market/market.ts';
import type { Levels } from '../market/order-book.ts';
import { type Trade, tradeMs } from '../market/trade.ts';
import { firstWhere } from '../market/trade-search.ts';
import { DAY_MS, MINUTE_MS } from '../market/trade-statistics.ts';
import {
  aggregates,
  averageText,
  percentText,
  priceText,
  quoteText,
  sizeText,
  sumOfSizes,
  topPayload,
  tradeId,
} from './binance-frames.ts';
import { json, type RestAnswer } from './exchange-protocol.ts';

/** What the calls read; the snapshot is a little older than the stream. */
export type BinanceRestContext = {
  market: Market;
  nowMs: number;
  snapshot(state: InstrumentState): { updateId: number; bids: Levels; asks: Levels };
};

class RestFault extends Error {
  readonly code: number;

  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }
}

const MAX_ROWS = 1000;

/** Binance's public REST calls (https://developers.binance.com/docs/binance-spot-api-docs/rest-api). */
export function binanceRest(path: string, query: URLSearchParams, context: BinanceRestContext): RestAnswer {
  try {
    const body = route(path, query, context);
    if (body === null)
      return { status: 404, headers: { 'content-type': 'text/html' }, body: '<html>404 Not Found</html>' };
    return json(body);
  } catch (fault) {
    if (!(fault instanceof RestFault)) throw fault;
    return json(`{"code":${fault.code},"msg":${JSON.stringify(fault.message)}}`, 400);
  }
}

function route(path: string, query: URLSearchParams, context: BinanceRestContext): string | null {
  switch (path) {
    case '/api/v3/ping':
      return '{}';
    case '/api/v3/time':
      return `{"serverTime":${Math.floor(context.nowMs)}}`;
    case '/api/v3/exchangeInfo':
      return exchangeInfo(query, context);
    case '/api/v3/depth':
      return depth(query, context);
    case '/api/v3/trades':
    case '/api/v3/historicalTrades':
      return trades(query, context, path.endsWith('historicalTrades'));
    case '/api/v3/aggTrades':
      return aggTrades(query, context);
    case '/api/v3/ticker/24hr':
      return dayTickers(query, context);
    case '/api/v3/klines':
      return klines(query, context);
    default:
      return null;
  }
}

function symbolOf(query: URLSearchParams, { market }: BinanceRestContext): InstrumentState {
  const symbol = query.get('symbol');
  if (symbol === null || symbol === '') {
    throw new RestFault(-1102, "Mandatory parameter 'symbol' was not sent, was empty/null, or malformed.");
  }
  const state = market.find('binance', symbol);
  if (state === undefined) throw new RestFault(-1121, 'Invalid symbol.');
  return state;
}

/** The symbols a query is about: one, a JSON list, or all. */
function selected(query: URLSearchParams, context: BinanceRestContext): InstrumentState[] {
  if (query.has('symbol')) return [symbolOf(query, context)];
  const list = query.get('symbols');
  if (list === null) return context.market.listed('binance');
  let symbols: unknown;
  try {
    symbols = JSON.parse(list);
  } catch {
    symbols = null;
  }
  if (!Array.isArray(symbols)) throw new RestFault(-1100, "Illegal characters found in parameter 'symbols'.");
  return symbols.map(symbol => symbolOf(new URLSearchParams({ symbol: String(symbol) }), context));
}

function whole(query: URLSearchParams, key: string): number | null {
  const text = query.get(key);
  if (text === null) return null;
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0) {
    throw new RestFault(-1100, `Illegal characters found in parameter '${key}'; legal range is '^[0-9]{1,20}$'.`);
  }
  return value;
}

function exchangeInfo(query: URLSearchParams, context: BinanceRestContext): string {
  const hasSets = query.get('showPermissionSets') !== 'false';
  const symbols = selected(query, context)
    .map(state => symbolRow(state, hasSets))
    .join(',');
  return (
    `{"timezone":"UTC","serverTime":${Math.floor(context.nowMs)},"rateLimits":[` +
    '{"rateLimitType":"REQUEST_WEIGHT","interval":"MINUTE","intervalNum":1,"limit":6000},' +
    '{"rateLimitType":"RAW_REQUESTS","interval":"MINUTE","intervalNum":5,"limit":300000}],' +
    `"exchangeFilters":[],"symbols":[${symbols}]}`
  );
}

function symbolRow(state: InstrumentState, hasSets: boolean): string {
  const { instrument } = state;
  const tick = priceText(state, instrument.tick(state.lastTrade.price));
  const step = sizeText(state, instrument.lotUnits);
  return (
    `{"symbol":"${instrument.nativeCode}","status":"${state.status}","baseAsset":"${instrument.base.ticker}",` +
    `"baseAssetPrecision":8,"quoteAsset":"${instrument.quote}","quotePrecision":8,"quoteAssetPrecision":8,` +
    '"baseCommissionPrecision":8,"quoteCommissionPrecision":8,"orderTypes":["LIMIT","LIMIT_MAKER","MARKET","STOP_LOSS",' +
    '"STOP_LOSS_LIMIT","TAKE_PROFIT","TAKE_PROFIT_LIMIT"],"icebergAllowed":true,"ocoAllowed":true,"otoAllowed":true,' +
    '"quoteOrderQtyMarketAllowed":true,"allowTrailingStop":true,"cancelReplaceAllowed":true,"amendAllowed":true,' +
    '"isSpotTradingAllowed":true,"isMarginTradingAllowed":true,"filters":[' +
    `{"filterType":"PRICE_FILTER","minPrice":"${tick}","maxPrice":"1000000.00000000","tickSize":"${tick}"},` +
    `{"filterType":"LOT_SIZE","minQty":"${step}","maxQty":"9000000.00000000","stepSize":"${step}"},` +
    '{"filterType":"ICEBERG_PARTS","limit":10},' +
    '{"filterType":"MARKET_LOT_SIZE","minQty":"0.00000000","maxQty":"1378.22417541","stepSize":"0.00000000"},' +
    '{"filterType":"TRAILING_DELTA","minTrailingAboveDelta":10,"maxTrailingAboveDelta":2000,"minTrailingBelowDelta":10,' +
    '"maxTrailingBelowDelta":2000},{"filterType":"PERCENT_PRICE_BY_SIDE","bidMultiplierUp":"5","bidMultiplierDown":"0.2",' +
    '"askMultiplierUp":"5","askMultiplierDown":"0.2","avgPriceMins":5},{"filterType":"NOTIONAL","minNotional":"5.00000000","applyMinToMarket":true,"maxNotional":"9000000.00000000",' +
    '"applyMaxToMarket":false,"avgPriceMins":5},{"filterType":"MAX_NUM_ORDERS","maxNumOrders":200},' +
    '{"filterType":"MAX_NUM_ALGO_ORDERS","maxNumAlgoOrders":5}],"permissions":[],' +
    `${hasSets ? '"permissionSets":[["SPOT"]],' : ''}` +
    '"defaultSelfTradePreventionMode":"EXPIRE_MAKER",' +
    '"allowedSelfTradePreventionModes":["EXPIRE_TAKER","EXPIRE_MAKER","EXPIRE_BOTH","DECREMENT"]}'
  );
}

function depth(query: URLSearchParams, context: BinanceRestContext): string {
  const state = symbolOf(query, context);
  const { updateId, bids, asks } = context.snapshot(state);
  return topPayload(state, updateId, bids, asks, Math.min(5000, whole(query, 'limit') ?? 100));
}

/** Oldest first. `fromId` counts upward from there; without it, the newest. */
function trades(query: URLSearchParams, context: BinanceRestContext, canSeek: boolean): string {
  const state = symbolOf(query, context);
  const limit = Math.min(MAX_ROWS, whole(query, 'limit') ?? 500);
  const fromId = canSeek ? whole(query, 'fromId') : null;
  const first =
    fromId === null
      ? Math.max(0, state.trades.length - limit)
      : firstWhere(state.trades, trade => tradeId(trade) >= fromId);
  const rows = state.trades.slice(first, first + limit);
  return `[${rows.map(tradeRow).join(',')}]`;
}

function tradeRow(trade: Trade): string {
  const { state } = trade;
  return (
    `{"id":${tradeId(trade)},"price":"${priceText(state, trade.price)}","qty":"${sizeText(state, trade.size)}",` +
    `"quoteQty":"${quoteText(state, BigInt(trade.price) * BigInt(trade.size))}","time":${tradeMs(trade)},` +
    `"isBuyerMaker":${!trade.takerBuys},"isBestMatch":true}`
  );
}

function aggTrades(query: URLSearchParams, context: BinanceRestContext): string {
  const state = symbolOf(query, context);
  const limit = Math.min(MAX_ROWS, whole(query, 'limit') ?? 500);
  const fromId = whole(query, 'fromId');
  const startMs = whole(query, 'startTime') ?? 0;
  const endMs = whole(query, 'endTime') ?? Number.POSITIVE_INFINITY;
  const isDue = (trade: Trade): boolean =>
    tradeMs(trade) >= startMs && (fromId === null || state.idBase + trade.aggregate >= fromId);
  const isSeeking = fromId !== null || query.has('startTime');
  const end = firstWhere(state.trades, trade => tradeMs(trade) > endMs);
  // An aggregate holds four fills at most.
  const first = isSeeking ? firstWhere(state.trades, isDue) : Math.max(0, end - 4 * limit - 4);
  const groups = aggregates(state.trades.slice(first, Math.min(end, first + 4 * limit + 4)));
  const rows = isSeeking ? groups.slice(0, limit) : groups.slice(-limit);
  return `[${rows.map(aggregateRow).join(',')}]`;
}

function aggregateRow(group: readonly Trade[]): string {
  const first = group[0]!;
  const { state } = first;
  return (
    `{"a":${state.idBase + first.aggregate},"p":"${priceText(state, first.price)}",` +
    `"q":"${sizeText(state, sumOfSizes(group))}","f":${tradeId(first)},"l":${tradeId(group.at(-1)!)},` +
    `"T":${tradeMs(first)},"m":${!first.takerBuys},"M":true}`
  );
}

function dayTickers(query: URLSearchParams, context: BinanceRestContext): string {
  const rows = selected(query, context).map(state => dayTicker(state, context.nowMs));
  return query.has('symbol') ? rows[0]! : `[${rows.join(',')}]`;
}

function dayTicker(state: InstrumentState, nowMs: number): string {
  const { book, instrument, lastTrade } = state;
  const day = state.statistics.rollingDay(nowMs);
  const change = lastTrade.price - day.open;
  const lastId = tradeId(lastTrade);
  const price = (units: number | undefined): string => priceText(state, units ?? 0);
  const size = (units: number | bigint | undefined): string => sizeText(state, units ?? 0);
  return (
    `{"symbol":"${instrument.nativeCode}","priceChange":"${price(change)}",` +
    `"priceChangePercent":"${percentText(change, day.open)}","weightedAvgPrice":"${averageText(state, day)}",` +
    `"prevClosePrice":"${price(day.open)}","lastPrice":"${price(lastTrade.price)}","lastQty":"${size(lastTrade.size)}",` +
    `"bidPrice":"${price(book.bids.prices[0])}","bidQty":"${size(book.bids.sizes[0])}",` +
    `"askPrice":"${price(book.asks.prices[0])}","askQty":"${size(book.asks.sizes[0])}",` +
    `"openPrice":"${price(day.open)}","highPrice":"${price(day.high)}","lowPrice":"${price(day.low)}",` +
    `"volume":"${size(day.volume)}","quoteVolume":"${quoteText(state, day.quoteVolume)}",` +
    `"openTime":${Math.floor(nowMs - DAY_MS)},"closeTime":${Math.floor(nowMs)},"firstId":${day.count === 0 ? -1 : lastId - day.count + 1},` +
    `"lastId":${day.count === 0 ? -1 : lastId},"count":${day.count}}`
  );
}

/** Minutes only, flat ones included; other intervals are refused, which the real exchange would not do. */
function klines(query: URLSearchParams, context: BinanceRestContext): string {
  const state = symbolOf(query, context);
  if (query.get('interval') !== '1m') throw new RestFault(-1120, 'Invalid interval.');
  const limit = Math.min(MAX_ROWS, whole(query, 'limit') ?? 500);
  const { statistics } = state;
  const lastMs = Math.floor(Math.min(whole(query, 'endTime') ?? context.nowMs, context.nowMs) / MINUTE_MS) * MINUTE_MS;
  const oldestMs = statistics.minutes[0]!.startMs;
  const askedMs = whole(query, 'startTime');
  const fromMs = Math.max(oldestMs, Math.ceil((askedMs ?? lastMs - (limit - 1) * MINUTE_MS) / MINUTE_MS) * MINUTE_MS);
  const rows: string[] = [];
  for (let startMs = fromMs; startMs <= lastMs && rows.length < limit; startMs += MINUTE_MS) {
    const minute = statistics.minute(startMs);
    rows.push(
      `[${startMs},"${priceText(state, minute.open)}","${priceText(state, minute.high)}",` +
        `"${priceText(state, minute.low)}","${priceText(state, minute.close)}","${sizeText(state, minute.volume)}",` +
        `${startMs + MINUTE_MS - 1},"${quoteText(state, minute.quoteVolume)}",${minute.count},` +
        `"${sizeText(state, minute.buyVolume)}","${quoteText(state, minute.buyQuoteVolume)}","0"]`,
    );
  }
  return `[${rows.join(',')}]`;
}

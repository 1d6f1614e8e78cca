import type { InstrumentState } from '../market/instrument-state.ts';
import type { Market } from '../market/market.ts';
import { type Trade, tradeMs } from '../market/trade.ts';
import type { Candle } from '../market/trade-statistics.ts';
import { coinoneTradeId } from '../trade-ids.ts';
import { COINONE_LEVELS, levels, moneyText, priceText, sizeText } from './coinone-frames.ts';
import { json, type RestAnswer } from './exchange-protocol.ts';
import { plain } from './number-spelling.ts';

const HEADERS = { 'Public-Ratelimit-Remaining': '1199' };
const UNKNOWN_CURRENCY = failure('108', 'Unknown cryptocurrency');
const WRONG_PARAMETER = failure('107', 'Parameter value is wrong');
const BOOK_SIZES = [5, 10, 15, COINONE_LEVELS];
const TRADE_SIZES = [10, 50, 100, 150, 200];

/** Coinone's public REST calls below `/public/v2` (https://docs.coinone.co.kr/reference). Errors come with HTTP 200. */
export function coinoneRest(path: string, query: URLSearchParams, market: Market, nowMs: number): RestAnswer {
  const [, root, version, call = '', first, second] = path.split('/');
  const route = root === 'public' && version === 'v2' ? ROUTES[call] : undefined;
  if (route === undefined) return json('{"detail":"Not Found"}', 404);
  const listed = market.listed('coinone');
  const isOf = (name: string | undefined, text: string): boolean => name === undefined || name.toUpperCase() === text;
  const [quote, base] = call === 'currencies' ? [undefined, first] : [first, second];
  const states = listed.filter(({ instrument }) => isOf(quote, instrument.quote) && isOf(base, instrument.base.ticker));
  const isNamed = base !== undefined || !route.needsMarket;
  if (states.length === 0 || !isNamed) return json(UNKNOWN_CURRENCY, 200, HEADERS);
  return json(route.answer({ states, query, nowMs: Math.floor(nowMs) }), 200, HEADERS);
}

type Call = { states: InstrumentState[]; query: URLSearchParams; nowMs: number };
type Route = { needsMarket: boolean; answer(call: Call): string };

const ROUTES: Record<string, Route> = {
  markets: {
    needsMarket: false,
    answer: ({ states, nowMs }) => success(nowMs, `"markets":[${states.map(marketRow).join(',')}]`),
  },
  currencies: {
    needsMarket: false,
    answer: ({ states, nowMs }) => success(nowMs, `"currencies":[${states.map(currencyRow).join(',')}]`),
  },
  ticker_new: {
    needsMarket: false,
    answer: ({ states, nowMs }) => tickers(states, nowMs, state => state.statistics.rollingDay(nowMs)),
  },
  ticker_utc_new: {
    needsMarket: false,
    answer: ({ states, nowMs }) => tickers(states, nowMs, state => state.statistics.day(nowMs, 0).today),
  },
  orderbook: { needsMarket: true, answer: call => sized(call, BOOK_SIZES, COINONE_LEVELS - 1, bookBody) },
  trades: { needsMarket: true, answer: call => sized(call, TRADE_SIZES, 200, tradesBody) },
};

function success(nowMs: number, members: string): string {
  return `{"result":"success","error_code":"0","server_time":${nowMs},${members}}`;
}

function failure(code: string, message: string): string {
  return `{"result":"error","error_code":"${code}","error_msg":"${message}"}`;
}

function sized(
  { states, query, nowMs }: Call,
  sizes: readonly number[],
  byDefault: number,
  bodyOf: (state: InstrumentState, size: number, nowMs: number) => string,
): string {
  const size = Number(query.get('size') ?? byDefault);
  return sizes.includes(size) ? bodyOf(states[0]!, size, nowMs) : WRONG_PARAMETER;
}

function marketRow({ instrument, isTrading }: InstrumentState): string {
  return (
    `{"quote_currency":"${instrument.quote}","target_currency":"${instrument.base.ticker}",` +
    `"qty_unit":"${plain(1, instrument.sizeDecimals)}","max_order_amount":"1000000000.0","max_price":"1000000000.0",` +
    `"max_qty":"10000000.0","min_order_amount":"5000.0","min_price":"0.0001",` +
    `"min_qty":"${plain(1, instrument.sizeDecimals)}","order_book_units":["0.0"],"maintenance_status":0,` +
    `"trade_status":${isTrading ? 1 : 0},"order_types":["limit","market","stop_limit"]}`
  );
}

function currencyRow({ instrument }: InstrumentState): string {
  const { ticker, english } = instrument.base;
  return (
    `{"name":"${english}","symbol":"${ticker}","deposit_status":"normal","withdraw_status":"normal",` +
    `"deposit_confirm_count":3,"max_precision":8,"deposit_fee":"0.0","withdrawal_min_amount":"0.001",` +
    `"withdrawal_fee":"0.0005"}`
  );
}

/** Currencies are lower case here, alone among all answers, and whole numbers carry `.0`. */
function tickers(
  states: readonly InstrumentState[],
  nowMs: number,
  windowOf: (state: InstrumentState) => Candle,
): string {
  const rows = states.map(state => {
    const { instrument, statistics, lastTrade, book } = state;
    const window = windowOf(state);
    const rolling = statistics.rollingDay(nowMs);
    const price = (units: number): string => withPoint(priceText(state, units));
    const best = (side: typeof book.asks): string => levels(state, side, 'DEFAULT', 1).map(withPoint).join('');
    return (
      `{"quote_currency":"${instrument.quote.toLowerCase()}",` +
      `"target_currency":"${instrument.base.ticker.toLowerCase()}","timestamp":${tradeMs(lastTrade)},` +
      `"high":${price(window.high)},"low":${price(window.low)},"first":${price(window.open)},` +
      `"last":${price(lastTrade.price)},"quote_volume":${withPoint(moneyText(state, rolling.quoteVolume))},` +
      `"target_volume":${withPoint(sizeText(state, rolling.volume))},"best_asks":[${best(book.asks)}],` +
      `"best_bids":[${best(book.bids)}],"id":"${coinoneTradeId(lastTrade)}"}`
    );
  });
  return success(nowMs, `"tickers":[${rows.join(',')}]`);
}

/** Every quoted whole number in the text with `.0` behind it. */
function withPoint(text: string): string {
  return text.replace(/"(\d+)"/g, '"$1.0"');
}

function bookBody(state: InstrumentState, size: number): string {
  const { asks, bids, changedUs } = state.book;
  const timeMs = Math.floor(changedUs / 1000);
  const side = (name: string, levelsOf: typeof asks): string =>
    `"${name}":[${levels(state, levelsOf, 'DEFAULT', size).join(',')}]`;
  return (
    `{"result":"success","error_code":"0","timestamp":${timeMs},"id":"${timeMs}001",${currencies(state)},` +
    `"order_book_unit":"0.0",${side('bids', bids)},${side('asks', asks)}}`
  );
}

/** Newest first. */
function tradesBody(state: InstrumentState, size: number, nowMs: number): string {
  const rows = state.trades.slice(-size).toReversed().map(tradeRow);
  return success(nowMs, `${currencies(state)},"transactions":[${rows.join(',')}]`);
}

function tradeRow(trade: Trade): string {
  return (
    `{"id":"${coinoneTradeId(trade)}","timestamp":${tradeMs(trade)},"price":${priceText(trade.state, trade.price)},` +
    `"qty":${sizeText(trade.state, trade.size)},"is_seller_maker":${trade.takerBuys}}`
  );
}

function currencies({ instrument }: InstrumentState): string {
  return `"quote_currency":"${instrument.quote}","target_currency":"${instrument.base.ticker}"`;
}

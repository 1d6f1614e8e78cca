import type { InstrumentState } from '../market/instrument-state.ts';
import type { Market } from '../market/market.ts';
import { type Candle, MINUTE_MS } from '../market/trade-statistics.ts';
import { upbitTradeId } from '../trade-ids.ts';
import { json, type RestAnswer } from './exchange-protocol.ts';
import { quoted, tickerFacts, totalSize, writeMoney } from './korean-frames.ts';
import { count, MISSING, namedMarkets, RestFault, rows, type TickDialect, ticks } from './korean-rest.ts';
import { plain, python } from './number-spelling.ts';
import { compactDateAndTime, isoSecond, KST_OFFSET_MS } from './time-text.ts';

const TICKS: TickDialect = {
  exchange: 'upbit',
  idOf: upbitTradeId,
  spell: python,
  dayOffsetMs: 0,
  daysAgo: 'days_ago',
  countsDaysFrom: 'lastTrade',
};

/** Upbit's public REST calls below `/v1` (https://docs.upbit.com/kr/reference). */
export function upbitRest(path: string, query: URLSearchParams, market: Market, nowMs: number): RestAnswer {
  try {
    return json(route(path, query, market, nowMs));
  } catch (fault) {
    if (!(fault instanceof RestFault)) throw fault;
    const name = fault.code === 404 && fault.message.startsWith('no Route') ? '"not_found"' : String(fault.code);
    return json(`{"error":{"name":${name},"message":${JSON.stringify(fault.message)}}}`, fault.code);
  }
}

function route(path: string, query: URLSearchParams, market: Market, nowMs: number): string {
  const markets = (): InstrumentState[] => namedMarkets(query, 'markets', 'upbit', market);
  switch (path) {
    case '/v1/market/all':
      return rows(market.listed('upbit'), state => marketRow(state, query.get('is_details') === 'true'));
    case '/v1/orderbook/instruments':
      return rows(markets(), instrumentRow);
    case '/v1/ticker':
      return rows(markets(), state => tickerRow(state, nowMs));
    case '/v1/ticker/all':
      return rows(quotedIn(query, market), state => tickerRow(state, nowMs));
    case '/v1/orderbook':
      return rows(markets(), state => bookRow(state, count(query, 30, 30)));
    case '/v1/trades/ticks':
      return ticks(query, market, TICKS, nowMs);
    case '/v1/candles/minutes/1':
      return candles(query, market);
    default:
      throw new RestFault(404, 'no Route matched with those values');
  }
}

function quotedIn(query: URLSearchParams, market: Market): InstrumentState[] {
  const quotes = query.get('quote_currencies');
  if (quotes === null || quotes === '') throw new RestFault(400, MISSING);
  const wanted = quotes.toUpperCase().split(',');
  return market.listed('upbit').filter(state => wanted.includes(state.instrument.quote));
}

function marketRow({ instrument }: InstrumentState, isDetailed: boolean): string {
  const names = `"market":"${instrument.nativeCode}","korean_name":"${instrument.base.korean}","english_name":"${instrument.base.english}"`;
  if (!isDetailed) return `{${names}}`;
  const isFar = instrument.coin % 17 === 16;
  return `{${names},"market_event":{"warning":${instrument.coin % 29 === 28},"caution":{"PRICE_FLUCTUATIONS":false,"TRADING_VOLUME_SOARING":false,"DEPOSIT_AMOUNT_SOARING":false,"GLOBAL_PRICE_DIFFERENCES":${isFar},"CONCENTRATION_OF_SMALL_ACCOUNTS":false}}}`;
}

function instrumentRow({ instrument, lastTrade }: InstrumentState): string {
  const step = instrument.tick(lastTrade.price);
  const levels = [0, ...(instrument.quote === 'KRW' ? [10, 100, 1_000, 10_000, 100_000].map(by => step * by) : [])];
  const supported = levels.map(level => quoted(plain(level, instrument.priceDecimals))).join(',');
  return `{"market":"${instrument.nativeCode}","quote_currency":"${instrument.quote}","tick_size":"${plain(step, instrument.priceDecimals)}","supported_levels":[${supported}]}`;
}

function tickerRow(state: InstrumentState, nowMs: number): string {
  const { instrument, lastTrade: trade } = state;
  const { executedMs, today, previousClose, rolling, change, yearHigh, yearLow } = tickerFacts(state, trade, 0);
  const [date, time] = compactDateAndTime(executedMs);
  const [dateKst, timeKst] = compactDateAndTime(executedMs + KST_OFFSET_MS);
  const price = (units: number): string => python(units, instrument.priceDecimals);
  const size = (units: number | bigint): string => python(units, instrument.sizeDecimals);
  const money = (units: bigint): string => writeMoney(units, instrument.priceDecimals + instrument.sizeDecimals);
  return (
    `{"market":"${instrument.nativeCode}","trade_date":"${date}","trade_time":"${time}","trade_date_kst":"${dateKst}",` +
    `"trade_time_kst":"${timeKst}","trade_timestamp":${executedMs},"opening_price":${price(today.open)},` +
    `"high_price":${price(today.high)},"low_price":${price(today.low)},"trade_price":${price(trade.price)},` +
    `"prev_closing_price":${price(previousClose)},"change":${change.word},` +
    `"change_price":${price(Math.abs(change.units))},"change_rate":${change.rate(10, python, 1)},` +
    `"signed_change_price":${price(change.units)},"signed_change_rate":${change.rate(10, python, -1)},` +
    `"trade_volume":${size(trade.size)},"acc_trade_price":${money(today.quoteVolume)},` +
    `"acc_trade_price_24h":${money(rolling.quoteVolume)},"acc_trade_volume":${size(today.volume)},` +
    `"acc_trade_volume_24h":${size(rolling.volume)},` +
    `"highest_52_week_price":${price(yearHigh)},"highest_52_week_date":"2025-10-09",` +
    `"lowest_52_week_price":${price(yearLow)},"lowest_52_week_date":"2026-02-06",` +
    `"timestamp":${Math.max(Math.floor(nowMs), executedMs)}}`
  );
}

function bookRow({ instrument, book }: InstrumentState, depth: number): string {
  const price = (units: number | undefined): string =>
    units === undefined ? '0' : plain(units, instrument.priceDecimals);
  const size = (units: number | undefined): string =>
    units === undefined ? '0' : python(units, instrument.sizeDecimals);
  const units: string[] = [];
  for (let index = 0; index < Math.min(depth, Math.max(book.bids.prices.length, book.asks.prices.length)); index += 1) {
    units.push(
      `{"bid_price":${price(book.bids.prices[index])},"bid_size":${size(book.bids.sizes[index])},` +
        `"ask_price":${price(book.asks.prices[index])},"ask_size":${size(book.asks.sizes[index])}}`,
    );
  }
  return (
    `{"market":"${instrument.nativeCode}","timestamp":${Math.floor(book.changedUs / 1000)},` +
    `"total_ask_size":${size(totalSize(book.asks.sizes, depth))},` +
    `"total_bid_size":${size(totalSize(book.bids.sizes, depth))},"orderbook_units":[${units.join(',')}],"level":0}`
  );
}

/** Newest first, no row for a minute without trades; `to` is exclusive. */
function candles(query: URLSearchParams, market: Market): string {
  const [state] = namedMarkets(query, 'market', 'upbit', market);
  const to = query.get('to');
  const beforeMs = to === null ? Number.POSITIVE_INFINITY : Date.parse(/Z|[+-]\d\d:?\d\d$/.test(to) ? to : `${to}Z`);
  const minutes = state!.statistics.minutes.filter(minute => minute.startMs < beforeMs && minute.count > 0);
  return rows(minutes.slice(-count(query, 1, 200)).reverse(), minute => candleRow(state!, minute));
}

function candleRow({ instrument }: InstrumentState, candle: Candle): string {
  const price = (units: number): string => python(units, instrument.priceDecimals);
  return (
    `{"market":"${instrument.nativeCode}","candle_date_time_utc":"${isoSecond(candle.startMs)}",` +
    `"candle_date_time_kst":"${isoSecond(candle.startMs + KST_OFFSET_MS)}","opening_price":${price(candle.open)},` +
    `"high_price":${price(candle.high)},"low_price":${price(candle.low)},"trade_price":${price(candle.close)},` +
    `"timestamp":${Math.min(candle.lastTradeMs, candle.startMs + MINUTE_MS - 1)},` +
    `"candle_acc_trade_price":${writeMoney(candle.quoteVolume, instrument.priceDecimals + instrument.sizeDecimals)},` +
    `"candle_acc_trade_volume":${python(candle.volume, instrument.sizeDecimals)},"unit":1}`
  );
}

import type { InstrumentState } from '../market/instrument-state.ts';
import type { Market } from '../market/market.ts';
import { type Trade, tradeMs } from '../market/trade.ts';
import { type Candle, MINUTE_MS } from '../market/trade-statistics.ts';
import { upbitTradeId } from '../trade-ids.ts';
import { json, type RestAnswer } from './exchange-protocol.ts';
import { askBid, changeOf, quoted, totalSize, writeMoney } from './korean-frames.ts';
import { plain, python } from './number-spelling.ts';
import { compactDateAndTime, dateAndTime, isoSecond, KST_OFFSET_MS } from './time-text.ts';

/** An error in the body's own words; on Upbit the HTTP status says the same. */
class RestFault extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

const MISMATCH = 'Type mismatch error. Check the parameters type!';
const MISSING = 'Missing request parameter error. Check the required parameters!';

/** Upbit's public REST calls below `/v1` (https://docs.upbit.com/kr/reference). */
export function upbitRest(path: string, query: URLSearchParams, market: Market, nowMs: number): RestAnswer {
  try {
    const [group, body] = route(path, query, market, nowMs);
    return json(body, 200, { 'remaining-req': `group=${group}; min=600; sec=9` });
  } catch (fault) {
    if (!(fault instanceof RestFault)) throw fault;
    const name = fault.status === 404 && fault.message.startsWith('no Route') ? '"not_found"' : String(fault.status);
    return json(`{"error":{"name":${name},"message":${JSON.stringify(fault.message)}}}`, fault.status);
  }
}

function route(path: string, query: URLSearchParams, market: Market, nowMs: number): [group: string, body: string] {
  const markets = (): InstrumentState[] => named(query, 'markets', market);
  switch (path) {
    case '/v1/market/all':
      return ['market', list(market.listed('upbit'), state => marketRow(state, query.get('is_details') === 'true'))];
    case '/v1/orderbook/instruments':
      return ['orderbook', list(markets(), instrumentRow)];
    case '/v1/ticker':
      return ['ticker', list(markets(), state => tickerRow(state, nowMs))];
    case '/v1/ticker/all':
      return ['ticker', list(quotedIn(query, market), state => tickerRow(state, nowMs))];
    case '/v1/orderbook':
      return ['orderbook', list(markets(), state => bookRow(state, count(query, 30, 30)))];
    case '/v1/trades/ticks':
      return ['crix-trades', ticks(query, market)];
    case '/v1/candles/minutes/1':
      return ['candles', candles(query, market)];
    default:
      throw new RestFault(404, 'no Route matched with those values');
  }
}

function list<Row>(rows: readonly Row[], write: (row: Row) => string): string {
  return `[${rows.map(write).join(',')}]`;
}

/** The markets a query names; one unknown code fails the whole call, lower case is as good as upper. */
function named(query: URLSearchParams, key: string, market: Market): InstrumentState[] {
  const text = query.get(key);
  if (text === null || text === '') throw new RestFault(400, MISSING);
  return text.split(',').map(code => {
    const state = market.find('upbit', code.trim().toUpperCase());
    if (state === undefined) throw new RestFault(404, 'Code not found');
    return state;
  });
}

function quotedIn(query: URLSearchParams, market: Market): InstrumentState[] {
  const quotes = query.get('quote_currencies');
  if (quotes === null || quotes === '') throw new RestFault(400, MISSING);
  const wanted = quotes.toUpperCase().split(',');
  return market.listed('upbit').filter(state => wanted.includes(state.instrument.quote));
}

function count(query: URLSearchParams, preset: number, most: number): number {
  const text = query.get('count');
  if (text === null) return preset;
  const wanted = Number(text);
  if (!Number.isInteger(wanted) || wanted < 1) throw new RestFault(400, MISMATCH);
  return Math.min(wanted, most);
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
  const { instrument, statistics, lastTrade: trade } = state;
  const executedMs = tradeMs(trade);
  const [date, time] = compactDateAndTime(executedMs);
  const [dateKst, timeKst] = compactDateAndTime(executedMs + KST_OFFSET_MS);
  const { today, previousClose } = statistics.day(executedMs, 0);
  const rolling = statistics.rollingDay(executedMs);
  const range = statistics.range();
  const change = changeOf(trade.price, previousClose);
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
    `"highest_52_week_price":${price(Math.max(state.yearHigh, range.high))},"highest_52_week_date":"2025-10-09",` +
    `"lowest_52_week_price":${price(Math.min(state.yearLow, range.low))},"lowest_52_week_date":"2026-02-06",` +
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

/** Newest first. `cursor` is an id and asks for what is older; `to` is a time of today, UTC. */
function ticks(query: URLSearchParams, market: Market): string {
  const [state] = named(query, 'market', market);
  const cursor = query.get('cursor');
  if (cursor !== null && !/^\d{1,20}$/.test(cursor)) throw new RestFault(400, MISMATCH);
  const to = query.get('to')?.replaceAll(':', '') ?? null;
  const rows: string[] = [];
  const wanted = count(query, 1, 500);
  for (let index = state!.trades.length - 1; index >= 0 && rows.length < wanted; index -= 1) {
    const trade = state!.trades[index]!;
    if (cursor !== null && BigInt(upbitTradeId(trade)) >= BigInt(cursor)) continue;
    if (to !== null && compactDateAndTime(tradeMs(trade))[1] >= to) continue;
    rows.push(tickRow(trade));
  }
  return `[${rows.join(',')}]`;
}

function tickRow(trade: Trade): string {
  const { instrument, statistics } = trade.state;
  const executedMs = tradeMs(trade);
  const [date, time] = dateAndTime(executedMs);
  const { previousClose } = statistics.day(executedMs, 0);
  const price = (units: number): string => python(units, instrument.priceDecimals);
  return (
    `{"market":"${instrument.nativeCode}","trade_date_utc":"${date}","trade_time_utc":"${time}",` +
    `"timestamp":${executedMs},"trade_price":${price(trade.price)},` +
    `"trade_volume":${python(trade.size, instrument.sizeDecimals)},"prev_closing_price":${price(previousClose)},` +
    `"change_price":${price(trade.price - previousClose)},"ask_bid":${askBid(trade.takerBuys)},` +
    `"sequential_id":${upbitTradeId(trade)}}`
  );
}

/** Newest first, no row for a minute without trades; `to` is exclusive. */
function candles(query: URLSearchParams, market: Market): string {
  const [state] = named(query, 'market', market);
  const to = query.get('to');
  const beforeMs = to === null ? Number.POSITIVE_INFINITY : Date.parse(/Z|[+-]\d\d:?\d\d$/.test(to) ? to : `${to}Z`);
  const minutes = state!.statistics.minutes.filter(minute => minute.startMs < beforeMs && minute.count > 0);
  return list(minutes.slice(-count(query, 1, 200)).reverse(), minute => candleRow(state!, minute));
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

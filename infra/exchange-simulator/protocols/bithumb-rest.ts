import type { InstrumentState } from '../market/instrument-state.ts';
import type { Market } from '../market/market.ts';
import { bithumbRestId } from '../trade-ids.ts';
import { json, type RestAnswer } from './exchange-protocol.ts';
import { BITHUMB_SIZE_PLACES, tickerFacts, totalSize, writeMoney } from './korean-frames.ts';
import { namedMarkets, RestFault, rows, type TickDialect, ticks } from './korean-rest.ts';
import { plain, roundSize } from './number-spelling.ts';
import { compactDateAndTime, dateAndTime, KST_OFFSET_MS } from './time-text.ts';

const MOST_MARKETS = 200;

/** Ids are milliseconds with four zeros, so several trades may share one. */
const TICKS: TickDialect = {
  exchange: 'bithumb',
  idOf: bithumbRestId,
  spell: plain,
  dayOffsetMs: KST_OFFSET_MS,
  daysAgo: 'daysAgo',
  countsDaysFrom: 'today',
};

/**
 * Bithumb's public REST calls below `/v1` (https://apidocs.bithumb.com/reference). Errors come with HTTP 200, but for too
 * many markets.
 */
export function bithumbRest(path: string, query: URLSearchParams, market: Market, nowMs: number): RestAnswer {
  if ((query.get('markets') ?? '').split(',').length > MOST_MARKETS) {
    return json('{"error":{"name":400,"message":"Too many markets requested."}}', 400);
  }
  try {
    const body = route(path, query, market, nowMs);
    if (body === null) return json('{"name":"not_found","message":"No Route matched with those values"}', 404);
    return json(body);
  } catch (fault) {
    if (!(fault instanceof RestFault)) throw fault;
    return json(`{"error":{"name":${fault.code},"message":${JSON.stringify(fault.message)}}}`);
  }
}

function route(path: string, query: URLSearchParams, market: Market, nowMs: number): string | null {
  switch (path) {
    case '/v1/market/all':
      return rows(market.listed('bithumb'), state => marketRow(state, query.get('isDetails') === 'true'));
    case '/v1/market/virtual_asset_warning':
      return rows(market.listed('bithumb').filter(isWarned), state => warningRow(state, nowMs));
    case '/v1/ticker':
      return rows(namedMarkets(query, 'markets', 'bithumb', market), tickerRow);
    case '/v1/orderbook': {
      const states = namedMarkets(query, 'markets', 'bithumb', market);
      return rows(states, state => bookRow(state, states.length === 1 ? 30 : 15));
    }
    case '/v1/trades/ticks':
      return ticks(query, market, TICKS, nowMs);
    default:
      return null;
  }
}

function isWarned({ instrument }: InstrumentState): boolean {
  return instrument.coin % 19 === 10;
}

function marketRow(state: InstrumentState, isDetailed: boolean): string {
  const { base, nativeCode } = state.instrument;
  const names = `"market":"${nativeCode}","korean_name":"${base.korean}","english_name":"${base.english}"`;
  return isDetailed ? `{${names},"market_warning":"${isWarned(state) ? 'CAUTION' : 'NONE'}"}` : `{${names}}`;
}

function warningRow({ instrument }: InstrumentState, nowMs: number): string {
  const [date] = dateAndTime(nowMs + KST_OFFSET_MS + 86_400_000);
  return `{"market":"${instrument.nativeCode}","warning_type":"TRADING_VOLUME_SUDDEN_FLUCTUATION","warning_step":"CAUTION","end_date":"${date} 06:59:59"}`;
}

/** The two timestamps are Korean wall time written as if it were UTC: nine hours ahead, as the exchange has it. */
function tickerRow(state: InstrumentState): string {
  const { instrument, lastTrade: trade } = state;
  const { executedMs, today, previousClose, rolling, change, yearHigh, yearLow } = tickerFacts(
    state,
    trade,
    KST_OFFSET_MS,
  );
  const [date, time] = compactDateAndTime(executedMs);
  const [dateKst, timeKst] = compactDateAndTime(executedMs + KST_OFFSET_MS);
  const price = (units: number): string => plain(units, instrument.priceDecimals);
  const size = (units: number | bigint): string => plain(units, instrument.sizeDecimals);
  const money = (units: bigint): string => writeMoney(units, instrument.priceDecimals + instrument.sizeDecimals);
  return (
    `{"market":"${instrument.nativeCode}","trade_date":"${date}","trade_time":"${time}","trade_date_kst":"${dateKst}",` +
    `"trade_time_kst":"${timeKst}","trade_timestamp":${executedMs + KST_OFFSET_MS},` +
    `"opening_price":${price(today.open)},"high_price":${price(today.high)},"low_price":${price(today.low)},` +
    `"trade_price":${price(trade.price)},"prev_closing_price":${price(previousClose)},"change":${change.word},` +
    `"change_price":${price(Math.abs(change.units))},"change_rate":${change.rate(4, plain, 1)},` +
    `"signed_change_price":${price(change.units)},"signed_change_rate":${change.rate(4, plain, -1)},` +
    `"trade_volume":${size(trade.size)},"acc_trade_price":${money(today.quoteVolume)},` +
    `"acc_trade_price_24h":${money(rolling.quoteVolume)},"acc_trade_volume":${size(today.volume)},` +
    `"acc_trade_volume_24h":${size(rolling.volume)},` +
    `"highest_52_week_price":${price(yearHigh)},"highest_52_week_date":"2025-10-10",` +
    `"lowest_52_week_price":${price(yearLow)},"lowest_52_week_date":"2026-02-07",` +
    `"timestamp":${executedMs + KST_OFFSET_MS}}`
  );
}

function bookRow({ instrument, book }: InstrumentState, depth: number): string {
  const places = Math.min(BITHUMB_SIZE_PLACES, instrument.sizeDecimals);
  const price = (units: number | undefined): string =>
    units === undefined ? '0' : plain(units, instrument.priceDecimals);
  const size = (units: number | undefined): string =>
    units === undefined ? '0' : plain(roundSize(units, instrument.sizeDecimals, BITHUMB_SIZE_PLACES), places);
  const units: string[] = [];
  for (let index = 0; index < Math.min(depth, Math.max(book.bids.prices.length, book.asks.prices.length)); index += 1) {
    units.push(
      `{"ask_price":${price(book.asks.prices[index])},"bid_price":${price(book.bids.prices[index])},` +
        `"ask_size":${size(book.asks.sizes[index])},"bid_size":${size(book.bids.sizes[index])}}`,
    );
  }
  return (
    `{"market":"${instrument.nativeCode}","timestamp":${Math.floor(book.changedUs / 1000)},` +
    `"total_ask_size":${size(totalSize(book.asks.sizes, depth))},` +
    `"total_bid_size":${size(totalSize(book.bids.sizes, depth))},"orderbook_units":[${units.join(',')}]}`
  );
}

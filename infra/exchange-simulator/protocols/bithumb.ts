import type { InstrumentState } from '../market/instrument-state.ts';
import { tradeMs } from '../market/trade.ts';
import { bithumbSocketId } from '../trade-ids.ts';
import { bithumbRest } from './bithumb-rest.ts';
import {
  askBid,
  BITHUMB_SIZE_PLACES,
  changeOf,
  isShort,
  type Member,
  quoted,
  tickerFacts,
  totalSize,
  writeMembers,
  writeMoney,
  writeUnits,
} from './korean-frames.ts';
import type { FrameSubject, KoreanDialect } from './korean-protocol.ts';
import { fixed, plain, roundSize, type Spelling } from './number-spelling.ts';
import { compactDateAndTime, dateAndTime, KST_OFFSET_MS } from './time-text.ts';

/**
 * Bithumb's public socket, ws-api v1 (https://apidocs.bithumb.com/reference): Upbit's grammar with camelCase flags,
 * no candles, days in Korean time, book timestamps in microseconds, 15 units with sizes of four decimals.
 */
export const bithumbDialect: KoreanDialect = {
  exchange: 'bithumb',
  grammar: {
    types: new Set(['ticker', 'trade', 'orderbook']),
    formats: ['DEFAULT', 'SIMPLE'],
    onlySnapshot: 'isOnlySnapshot',
    onlyRealtime: 'isOnlyRealtime',
    missingType: 'WRONG_FORMAT',
    oddLevel: 'error',
    plainLevels: [1],
    hasList: false,
  },
  bookDepth: suffix => (suffix === null || suffix < 1 ? 15 : Math.min(15, suffix)),
  snapshotMayBeLate: true,
  candleChannel: null,
  write: subject => {
    if (subject.channel === 'trade') return writeMembers(tradeMembers(subject), subject.format);
    if (subject.channel === 'ticker') return writeMembers(tickerMembers(subject), subject.format);
    return writeMembers(bookMembers(subject), subject.format);
  },
  rest: bithumbRest,
};

function tradeMembers({ state, trade, streamType, nowMs }: FrameSubject): Member[] {
  const { priceDecimals, sizeDecimals, nativeCode } = state.instrument;
  const executedMs = tradeMs(trade);
  const [date, time] = dateAndTime(executedMs + KST_OFFSET_MS);
  const { previousClose } = state.statistics.day(executedMs, KST_OFFSET_MS);
  const change = changeOf(trade.price, previousClose);
  return [
    ['type', 'ty', '"trade"'],
    ['code', 'cd', quoted(nativeCode)],
    ['trade_price', 'tp', plain(trade.price, priceDecimals)],
    ['trade_volume', 'tv', plain(trade.size, sizeDecimals)],
    ['ask_bid', 'ab', askBid(trade.takerBuys)],
    ['prev_closing_price', 'pcp', plain(previousClose, priceDecimals)],
    ['change', 'c', change.word],
    ['change_price', 'cp', plain(Math.abs(change.units), priceDecimals)],
    ['trade_date', 'td', quoted(date)],
    ['trade_time', 'ttm', quoted(time)],
    ['trade_timestamp', 'ttms', String(executedMs)],
    ['timestamp', 'tms', String(Math.max(nowMs, executedMs))],
    ['sequential_id', 'sid', bithumbSocketId(trade)],
    ['stream_type', 'st', quoted(streamType)],
  ];
}

function tickerMembers({ state, trade, streamType, nowMs }: FrameSubject): Member[] {
  const { priceDecimals, sizeDecimals, nativeCode } = state.instrument;
  const { executedMs, today, previousClose, rolling, change, yearHigh, yearLow } = tickerFacts(
    state,
    trade,
    KST_OFFSET_MS,
  );
  const [date, time] = compactDateAndTime(executedMs + KST_OFFSET_MS);
  const price = (units: number): string => plain(units, priceDecimals);
  const size = (units: number | bigint): string => plain(units, sizeDecimals);
  const money = (units: bigint): string => writeMoney(units, priceDecimals + sizeDecimals);
  return [
    ['type', 'ty', '"ticker"'],
    ['code', 'cd', quoted(nativeCode)],
    ['opening_price', 'op', price(today.open)],
    ['high_price', 'hp', price(today.high)],
    ['low_price', 'lp', price(today.low)],
    ['trade_price', 'tp', price(trade.price)],
    ['prev_closing_price', 'pcp', price(previousClose)],
    ['change', 'c', change.word],
    ['change_price', 'cp', price(Math.abs(change.units))],
    ['signed_change_price', 'scp', price(change.units)],
    ['change_rate', 'cr', change.rate(8, plain, 1)],
    ['signed_change_rate', 'scr', change.rate(8, plain, -1)],
    ['trade_volume', 'tv', size(trade.size)],
    ['acc_trade_volume', 'atv', size(today.volume)],
    ['acc_trade_volume_24h', 'atv24h', size(rolling.volume)],
    ['acc_trade_price', 'atp', money(today.quoteVolume)],
    ['acc_trade_price_24h', 'atp24h', money(rolling.quoteVolume)],
    ['trade_date', 'tdt', quoted(date)],
    ['trade_time', 'ttm', quoted(time)],
    ['trade_timestamp', 'ttms', String(executedMs)],
    ['ask_bid', 'ab', askBid(trade.takerBuys)],
    ['acc_ask_volume', 'aav', size(today.volume - today.buyVolume)],
    ['acc_bid_volume', 'abv', size(today.buyVolume)],
    ['highest_52_week_price', 'h52wp', price(yearHigh)],
    ['highest_52_week_date', 'h52wdt', '"2025-10-09"'],
    ['lowest_52_week_price', 'l52wp', price(yearLow)],
    ['lowest_52_week_date', 'l52wdt', '"2026-02-06"'],
    ['market_state', 'ms', '"ACTIVE"'],
    ['is_trading_suspended', 'its', 'false'],
    ...delistingDate(state, trade.number),
    ['market_warning', 'mw', '"NONE"'],
    ['timestamp', 'tms', String(Math.max(nowMs, executedMs))],
    ['stream_type', 'st', quoted(streamType)],
  ];
}

/** Where there is none it was seen absent, `null` and `""`. */
function delistingDate({ delistingDate: date }: InstrumentState, turn: number): Member[] {
  if (date !== null) return [['delisting_date', 'dd', quoted(date)]];
  if (turn % 3 === 0) return [];
  return [['delisting_date', 'dd', turn % 3 === 1 ? 'null' : '""']];
}

/** Some markets were seen with `0.0010` and `0.0000`, others with `0.001` and `0`; one of the two per market. */
function sizeSpelling(state: InstrumentState): Spelling {
  return state.instrument.coin % 2 === 0 ? fixed(BITHUMB_SIZE_PLACES) : plain;
}

function bookMembers({ state, streamType, format, depth }: FrameSubject): Member[] {
  const { priceDecimals, sizeDecimals, nativeCode } = state.instrument;
  const { book } = state;
  const spell = sizeSpelling(state);
  const places = Math.min(BITHUMB_SIZE_PLACES, sizeDecimals);
  const size = (units: number): string => spell(roundSize(units, sizeDecimals, BITHUMB_SIZE_PLACES), places);
  return [
    ['type', 'ty', '"orderbook"'],
    ['code', 'cd', quoted(nativeCode)],
    ['total_ask_size', 'tas', size(totalSize(book.asks.sizes, depth))],
    ['total_bid_size', 'tbs', size(totalSize(book.bids.sizes, depth))],
    ['orderbook_units', 'obu', writeUnits(state, depth, isShort(format), units => plain(units, priceDecimals), size)],
    ['level', 'lv', '1'],
    ['timestamp', 'tms', String(book.changedUs)],
    ['stream_type', 'st', quoted(streamType)],
  ];
}

import { tradeMs } from '../market/trade.ts';
import type { Candle } from '../market/trade-statistics.ts';
import { upbitTradeId } from '../trade-ids.ts';
import {
  askBid,
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
import { KOREAN_FORMATS } from './korean-request.ts';
import { fixed, java, plain, python, type Spelling } from './number-spelling.ts';
import { compactDateAndTime, dateAndTime, isoSecond, KST_OFFSET_MS } from './time-text.ts';
import { upbitRest } from './upbit-rest.ts';

const CANDLES = ['1s', '1m', '3m', '5m', '10m', '15m', '30m', '60m', '240m'].map(unit => `candle.${unit}`);
const BOOK_DEPTHS = [1, 5, 15, 30];
const fixed8 = fixed(8);

/**
 * Upbit's public socket (https://docs.upbit.com/kr/reference/websocket-ticker, -trade, -orderbook, -candle). Of the
 * candles only `candle.1m` is ever sent; the others are accepted and stay silent.
 */
export const upbitDialect: KoreanDialect = {
  exchange: 'upbit',
  grammar: {
    types: new Set(['ticker', 'trade', 'orderbook', ...CANDLES]),
    formats: KOREAN_FORMATS,
    onlySnapshot: 'is_only_snapshot',
    onlyRealtime: 'is_only_realtime',
    missingType: 'NO_TYPE',
    oddLevel: 'silent',
    plainLevels: [0],
    hasList: true,
  },
  bookDepth: suffix => (suffix !== null && BOOK_DEPTHS.includes(suffix) ? suffix : 30),
  snapshotMayBeLate: false,
  candleChannel: 'candle.1m',
  write: subject => {
    if (subject.channel === 'trade') return writeMembers(tradeMembers(subject), subject.format);
    if (subject.channel === 'ticker') return writeMembers(tickerMembers(subject), subject.format);
    if (subject.channel === 'orderbook') return writeMembers(bookMembers(subject), subject.format);
    return writeMembers(candleMembers(subject), subject.format);
  },
  rest: upbitRest,
};

/** Upbit prints prices as `109165000.0` on some days and as `109165000.00000000` on others: here every fourth time. */
function priceSpelling(turn: number): Spelling {
  return turn % 4 === 3 ? fixed8 : python;
}

function tradeMembers({ state, trade, streamType, nowMs }: FrameSubject): Member[] {
  const { priceDecimals, sizeDecimals, nativeCode } = state.instrument;
  const { asks, bids } = state.book;
  const executedMs = tradeMs(trade);
  const [date, time] = dateAndTime(executedMs);
  const { previousClose } = state.statistics.day(executedMs, 0);
  const change = changeOf(trade.price, previousClose);
  return [
    ['type', 'ty', '"trade"'],
    ['code', 'cd', quoted(nativeCode)],
    ['timestamp', 'tms', String(Math.max(nowMs, executedMs))],
    ['trade_date', 'td', quoted(date)],
    ['trade_time', 'ttm', quoted(time)],
    ['trade_timestamp', 'ttms', String(executedMs)],
    ['trade_price', 'tp', python(trade.price, priceDecimals)],
    ['trade_volume', 'tv', python(trade.size, sizeDecimals)],
    ['ask_bid', 'ab', askBid(trade.takerBuys)],
    ['prev_closing_price', 'pcp', python(previousClose, priceDecimals)],
    ['change', 'c', change.word],
    ['change_price', 'cp', python(Math.abs(change.units), priceDecimals)],
    ['sequential_id', 'sid', upbitTradeId(trade)],
    ['best_ask_price', 'bap', plain(asks.prices[0] ?? 0, priceDecimals)],
    ['best_ask_size', 'bas', python(asks.sizes[0] ?? 0, sizeDecimals)],
    ['best_bid_price', 'bbp', plain(bids.prices[0] ?? 0, priceDecimals)],
    ['best_bid_size', 'bbs', python(bids.sizes[0] ?? 0, sizeDecimals)],
    ['stream_type', 'st', quoted(streamType)],
  ];
}

function tickerMembers({ state, trade, streamType, nowMs }: FrameSubject): Member[] {
  const { priceDecimals, sizeDecimals, nativeCode } = state.instrument;
  const { executedMs, today, previousClose, rolling, change, yearHigh, yearLow } = tickerFacts(state, trade, 0);
  const [date, time] = compactDateAndTime(executedMs);
  const spell = priceSpelling(trade.number);
  const isPadded = spell === fixed8;
  const price = (units: number): string => spell(units, priceDecimals);
  const size = (units: number | bigint): string => (isPadded ? fixed8 : python)(units, sizeDecimals);
  const money = (units: bigint): string => writeMoney(units, priceDecimals + sizeDecimals, isPadded ? 16 : 0);
  return [
    ['type', 'ty', '"ticker"'],
    ['code', 'cd', quoted(nativeCode)],
    ['opening_price', 'op', price(today.open)],
    ['high_price', 'hp', price(today.high)],
    ['low_price', 'lp', price(today.low)],
    ['trade_price', 'tp', price(trade.price)],
    ['prev_closing_price', 'pcp', price(previousClose)],
    ['acc_trade_price', 'atp', money(today.quoteVolume)],
    ['change', 'c', change.word],
    ['change_price', 'cp', price(Math.abs(change.units))],
    ['signed_change_price', 'scp', price(change.units)],
    ['change_rate', 'cr', change.rate(10, python, 1)],
    ['signed_change_rate', 'scr', change.rate(10, python, -1)],
    ['ask_bid', 'ab', askBid(trade.takerBuys)],
    ['trade_volume', 'tv', size(trade.size)],
    ['acc_trade_volume', 'atv', size(today.volume)],
    ['trade_date', 'tdt', quoted(date)],
    ['trade_time', 'ttm', quoted(time)],
    ['trade_timestamp', 'ttms', String(executedMs)],
    ['acc_ask_volume', 'aav', size(today.volume - today.buyVolume)],
    ['acc_bid_volume', 'abv', size(today.buyVolume)],
    ['highest_52_week_price', 'h52wp', price(yearHigh)],
    ['highest_52_week_date', 'h52wdt', '"2025-10-09"'],
    ['lowest_52_week_price', 'l52wp', price(yearLow)],
    ['lowest_52_week_date', 'l52wdt', '"2026-02-06"'],
    ['market_state', 'ms', '"ACTIVE"'],
    ['is_trading_suspended', 'its', 'false'],
    ['delisting_date', 'dd', state.delistingDate === null ? 'null' : quoted(state.delistingDate)],
    ['market_warning', 'mw', '"NONE"'],
    ['timestamp', 'tms', String(Math.max(nowMs, executedMs))],
    ['acc_trade_price_24h', 'atp24h', money(rolling.quoteVolume)],
    ['acc_trade_volume_24h', 'atv24h', size(rolling.volume)],
    ['stream_type', 'st', quoted(streamType)],
  ];
}

function bookMembers({ state, streamType, format, depth }: FrameSubject): Member[] {
  const { priceDecimals, sizeDecimals, nativeCode } = state.instrument;
  const { book } = state;
  const short = isShort(format);
  // Prices as measured, and now and then as the documentation prints them.
  const isDocumented = book.updateId % 8 === 0;
  const [spellPrice, spellSize] = short ? [plain, java] : [isDocumented ? python : java, fixed8];
  return [
    ['type', 'ty', '"orderbook"'],
    ['code', 'cd', quoted(nativeCode)],
    ['timestamp', 'tms', String(Math.floor(book.changedUs / 1000))],
    ['total_ask_size', 'tas', spellSize(totalSize(book.asks.sizes, depth), sizeDecimals)],
    ['total_bid_size', 'tbs', spellSize(totalSize(book.bids.sizes, depth), sizeDecimals)],
    [
      'orderbook_units',
      'obu',
      writeUnits(
        state,
        depth,
        short,
        units => spellPrice(units, priceDecimals),
        units => spellSize(units, sizeDecimals),
      ),
    ],
    ['stream_type', 'st', quoted(streamType)],
    ['level', 'lv', '0'],
  ];
}

function candleMembers({ state, trade, streamType }: FrameSubject): Member[] {
  const { priceDecimals, sizeDecimals, nativeCode } = state.instrument;
  const candle: Candle = state.statistics.latestMinute();
  const isPadded = trade.number % 2 === 1;
  const price = (units: number): string => (isPadded ? fixed8 : python)(units, priceDecimals);
  return [
    ['type', 'ty', '"candle.1m"'],
    ['code', 'cd', quoted(nativeCode)],
    ['candle_date_time_utc', 'cdttmu', quoted(isoSecond(candle.startMs))],
    ['candle_date_time_kst', 'cdttmk', quoted(isoSecond(candle.startMs + KST_OFFSET_MS))],
    ['opening_price', 'op', price(candle.open)],
    ['high_price', 'hp', price(candle.high)],
    ['low_price', 'lp', price(candle.low)],
    ['trade_price', 'tp', price(candle.close)],
    ['candle_acc_trade_volume', 'catv', (isPadded ? fixed8 : python)(candle.volume, sizeDecimals)],
    ['candle_acc_trade_price', 'catp', writeMoney(candle.quoteVolume, priceDecimals + sizeDecimals, isPadded ? 8 : 0)],
    ['timestamp', 'tms', String(candle.lastTradeMs)],
    ['stream_type', 'st', quoted(streamType)],
  ];
}

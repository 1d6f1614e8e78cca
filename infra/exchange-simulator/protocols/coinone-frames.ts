import type { InstrumentState } from '../market/instrument-state.ts';
import type { Levels } from '../market/order-book.ts';
import { type Trade, tradeMs } from '../market/trade.ts';
import type { Candle } from '../market/trade-statistics.ts';
import { coinoneTradeId } from '../trade-ids.ts';
import { divideRounded, plain, roundDecimals } from './number-spelling.ts';

/**
 * Payloads of Coinone's public socket: every number but a time is a string, without exponent or needless zeros
 * (https://docs.coinone.co.kr/reference/public-websocket-trade, …-ticker, …-orderbook).
 */
export type CoinoneFormat = 'DEFAULT' | 'SHORT';

/** Levels per side of every book. */
export const COINONE_LEVELS = 16;

/** Sums of money carry four decimals at most. */
const MONEY_PLACES = 4;
/** Percent. */
const MOST_VOLUME_POWER = 500;

/** One member of a payload: its long key, its short key, its value as JSON text. */
type Member = readonly [long: string, short: string, value: string];

export function dataFrame(channel: string, payload: string, format: CoinoneFormat): string {
  return format === 'SHORT'
    ? `{"r":"DATA","c":"${channel}","d":${payload}}`
    : `{"response_type":"DATA","channel":"${channel}","data":${payload}}`;
}

export function tradePayload(trade: Trade, format: CoinoneFormat): string {
  const { state } = trade;
  return write(format, [
    ...currencies(state),
    ['id', 'i', `"${coinoneTradeId(trade)}"`],
    ['timestamp', 't', String(tradeMs(trade))],
    ['price', 'p', priceText(state, trade.price)],
    ['qty', 'q', sizeText(state, trade.size)],
    ['is_seller_maker', 'sm', String(trade.takerBuys)],
  ]);
}

/** High, low, first and last of the UTC day, volumes of the last 24 hours. */
export function tickerPayload(state: InstrumentState, format: CoinoneFormat): string {
  const { lastTrade: trade, statistics, book } = state;
  const executedMs = tradeMs(trade);
  const { today } = statistics.day(executedMs, 0);
  const rolling = statistics.rollingDay(executedMs);
  const before = statistics.dayBefore(executedMs, 0);
  const best = ({ prices, sizes }: Levels): [price: string, qty: string] =>
    prices[0] === undefined ? ['null', 'null'] : [priceText(state, prices[0]), sizeText(state, sizes[0]!)];
  const [askPrice, askQty] = best(book.asks);
  const [bidPrice, bidQty] = best(book.bids);
  return write(format, [
    ...currencies(state),
    ['timestamp', 't', String(executedMs)],
    ['quote_volume', 'qv', moneyText(state, rolling.quoteVolume)],
    ['target_volume', 'tv', sizeText(state, rolling.volume)],
    ['high', 'hi', priceText(state, today.high)],
    ['low', 'lo', priceText(state, today.low)],
    ['first', 'fi', priceText(state, today.open)],
    ['last', 'la', priceText(state, trade.price)],
    ['volume_power', 'vp', volumePower(rolling)],
    ['ask_best_price', 'abp', askPrice],
    ['ask_best_qty', 'abq', askQty],
    ['bid_best_price', 'bbp', bidPrice],
    ['bid_best_qty', 'bbq', bidQty],
    ['id', 'i', `"${coinoneTradeId(trade)}"`],
    ['yesterday_high', 'yhi', priceText(state, before.high)],
    ['yesterday_low', 'ylo', priceText(state, before.low)],
    ['yesterday_first', 'yfi', priceText(state, before.open)],
    ['yesterday_last', 'yla', priceText(state, before.close)],
    ['yesterday_quote_volume', 'yqv', moneyText(state, before.quoteVolume)],
    ['yesterday_target_volume', 'ytv', sizeText(state, before.volume)],
  ]);
}

/** The whole book, asks from the worst to the best. `timeMs` is what it says of its age; `id` counts milliseconds too. */
export function bookPayload(state: InstrumentState, format: CoinoneFormat, timeMs: number, id: string): string {
  const { asks, bids } = state.book;
  return write(format, [
    ...currencies(state),
    ['timestamp', 't', String(timeMs)],
    ['id', 'i', `"${id}"`],
    ['asks', 'a', `[${levels(state, asks, format, COINONE_LEVELS).toReversed().join(',')}]`],
    ['bids', 'b', `[${levels(state, bids, format, COINONE_LEVELS).join(',')}]`],
  ]);
}

/** The best levels, best first, each as JSON text. */
export function levels(state: InstrumentState, side: Levels, format: CoinoneFormat, count: number): string[] {
  return side.prices.slice(0, count).map((price, index) =>
    write(format, [
      ['price', 'p', priceText(state, price)],
      ['qty', 'q', sizeText(state, side.sizes[index]!)],
    ]),
  );
}

export function priceText({ instrument }: InstrumentState, units: number): string {
  return `"${plain(units, instrument.priceDecimals)}"`;
}

export function sizeText({ instrument }: InstrumentState, units: number | bigint): string {
  return `"${plain(units, instrument.sizeDecimals)}"`;
}

export function moneyText({ instrument }: InstrumentState, units: bigint): string {
  const decimals = instrument.priceDecimals + instrument.sizeDecimals;
  const places = Math.min(MONEY_PLACES, decimals);
  return `"${plain(roundDecimals(units, decimals, places), places)}"`;
}

/** What takers bought against what they sold, in percent. */
function volumePower({ volume, buyVolume }: Candle): string {
  const sold = volume - buyVolume;
  const percent = sold === 0n ? MOST_VOLUME_POWER : Number(divideRounded(buyVolume * 100n, sold));
  return `"${Math.min(MOST_VOLUME_POWER, percent)}"`;
}

function currencies({ instrument }: InstrumentState): Member[] {
  return [
    ['quote_currency', 'qc', `"${instrument.quote}"`],
    ['target_currency', 'tc', `"${instrument.base.ticker}"`],
  ];
}

function write(format: CoinoneFormat, members: readonly Member[]): string {
  const key = format === 'SHORT' ? 1 : 0;
  return `{${members.map(member => `"${member[key]}":${member[2]}`).join(',')}}`;
}

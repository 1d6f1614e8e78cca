import type { InstrumentState } from '../market/instrument-state.ts';
import type { Levels } from '../market/order-book.ts';
import { type Trade, tradeMs } from '../market/trade.ts';
import { type Candle, DAY_MS, MINUTE_MS } from '../market/trade-statistics.ts';
import type { DepthChanges } from './depth-journal.ts';
import { divideRounded, fixed, roundDecimals } from './number-spelling.ts';

/**
 * Payloads of Binance spot streams (https://developers.binance.com/docs/binance-spot-api-docs/web-socket-streams).
 * Every price and size is a string of eight decimals. Times are milliseconds, or microseconds on a connection that
 * asked for them.
 */
export type TimeUnit = 'millisecond' | 'microsecond';

const PLACES = 8;
const fixed8 = fixed(PLACES);

export function priceText(state: InstrumentState, units: number): string {
  return fixed8(units, state.instrument.priceDecimals);
}

export function sizeText(state: InstrumentState, units: number | bigint): string {
  return fixed8(units, state.instrument.sizeDecimals);
}

/** Quote volumes have more decimals inside than they show. */
export function quoteText(state: InstrumentState, units: bigint): string {
  return fixed8(roundDecimals(units, state.instrument.priceDecimals + state.instrument.sizeDecimals, PLACES), PLACES);
}

/** A time in the connection's unit. */
function timeText(timeMs: number, unit: TimeUnit): string {
  return unit === 'millisecond' ? String(Math.floor(timeMs)) : String(Math.floor(timeMs * 1000));
}

export function tradeId(trade: Trade): number {
  return trade.state.idBase + trade.number;
}

function tradeTime(trade: Trade, unit: TimeUnit): string {
  return unit === 'millisecond' ? String(tradeMs(trade)) : String(trade.timeUs);
}

export function tradePayload(trade: Trade, eventMs: number, unit: TimeUnit): string {
  const { state } = trade;
  return (
    `{"e":"trade","E":${timeText(eventMs, unit)},"s":"${state.instrument.nativeCode}","t":${tradeId(trade)},` +
    `"p":"${priceText(state, trade.price)}","q":"${sizeText(state, trade.size)}","T":${tradeTime(trade, unit)},` +
    `"m":${!trade.takerBuys},"M":true}`
  );
}

/** Fills of one taker order at one price. */
export function aggregatePayload(fills: readonly Trade[], eventMs: number, unit: TimeUnit): string {
  const first = fills[0]!;
  const { state } = first;
  return (
    `{"e":"aggTrade","E":${timeText(eventMs, unit)},"s":"${state.instrument.nativeCode}",` +
    `"a":${state.idBase + first.aggregate},"p":"${priceText(state, first.price)}",` +
    `"q":"${sizeText(state, sumOfSizes(fills))}","f":${tradeId(first)},"l":${tradeId(fills.at(-1)!)},` +
    `"T":${tradeTime(first, unit)},"m":${!first.takerBuys},"M":true}`
  );
}

/** Split fills into those that count as one aggregate trade. */
export function aggregates(fills: readonly Trade[]): Trade[][] {
  const groups: Trade[][] = [];
  for (const fill of fills) {
    const group = groups.at(-1);
    if (group?.[0]?.aggregate === fill.aggregate) group.push(fill);
    else groups.push([fill]);
  }
  return groups;
}

export function sumOfSizes(fills: readonly Trade[]): bigint {
  return fills.reduce((sum, fill) => sum + BigInt(fill.size), 0n);
}

/** Price change in percent, three decimals. */
export function percentText(change: number, base: number): string {
  return fixed(3)(divideRounded(BigInt(change) * 100_000n, BigInt(base)), 3);
}

/** Volume-weighted average price, eight decimals. */
export function averageText(state: InstrumentState, { quoteVolume, volume }: Candle): string {
  const { priceDecimals } = state.instrument;
  const scaled = quoteVolume * 10n ** BigInt(PLACES);
  return fixed8(divideRounded(scaled, volume * 10n ** BigInt(priceDecimals)), PLACES);
}

export function tickerPayload(state: InstrumentState, eventMs: number, unit: TimeUnit): string {
  const day = state.statistics.rollingDay(eventMs);
  const { book, lastTrade } = state;
  const change = lastTrade.price - day.open;
  const lastId = tradeId(lastTrade);
  const price = (units: number): string => priceText(state, units);
  return (
    `{"e":"24hrTicker","E":${timeText(eventMs, unit)},"s":"${state.instrument.nativeCode}","p":"${price(change)}",` +
    `"P":"${percentText(change, day.open)}","w":"${averageText(state, day)}","x":"${price(day.open)}",` +
    `"c":"${price(lastTrade.price)}","Q":"${sizeText(state, lastTrade.size)}",` +
    `"b":"${price(book.bids.prices[0] ?? 0)}","B":"${sizeText(state, book.bids.sizes[0] ?? 0)}",` +
    `"a":"${price(book.asks.prices[0] ?? 0)}","A":"${sizeText(state, book.asks.sizes[0] ?? 0)}",` +
    `"o":"${price(day.open)}","h":"${price(day.high)}","l":"${price(day.low)}","v":"${sizeText(state, day.volume)}",` +
    `"q":"${quoteText(state, day.quoteVolume)}","O":${timeText(eventMs - DAY_MS, unit)},` +
    `"C":${timeText(eventMs, unit)},"F":${day.count === 0 ? -1 : lastId - day.count + 1},"L":${day.count === 0 ? -1 : lastId},"n":${day.count}}`
  );
}

export function miniTickerPayload(state: InstrumentState, eventMs: number, unit: TimeUnit): string {
  const day = state.statistics.rollingDay(eventMs);
  return (
    `{"e":"24hrMiniTicker","E":${timeText(eventMs, unit)},"s":"${state.instrument.nativeCode}",` +
    `"c":"${priceText(state, state.lastTrade.price)}","o":"${priceText(state, day.open)}",` +
    `"h":"${priceText(state, day.high)}","l":"${priceText(state, day.low)}","v":"${sizeText(state, day.volume)}",` +
    `"q":"${quoteText(state, day.quoteVolume)}"}`
  );
}

/** No event type and no time: that is how it is. */
export function bookTickerPayload(state: InstrumentState): string {
  const { bids, asks, updateId } = state.book;
  return (
    `{"u":${updateId},"s":"${state.instrument.nativeCode}","b":"${priceText(state, bids.prices[0] ?? 0)}",` +
    `"B":"${sizeText(state, bids.sizes[0] ?? 0)}","a":"${priceText(state, asks.prices[0] ?? 0)}",` +
    `"A":"${sizeText(state, asks.sizes[0] ?? 0)}"}`
  );
}

/** The best levels, without symbol and time. Also the body of the REST depth call. */
export function topPayload(
  state: InstrumentState,
  updateId: number,
  bids: Levels,
  asks: Levels,
  count: number,
): string {
  return `{"lastUpdateId":${updateId},"bids":${levelsText(state, bids, count)},"asks":${levelsText(state, asks, count)}}`;
}

function levelsText(state: InstrumentState, { prices, sizes }: Levels, count: number): string {
  let text = '[';
  for (let index = 0; index < count && index < prices.length; index += 1) {
    text += `${index === 0 ? '' : ','}["${priceText(state, prices[index]!)}","${sizeText(state, sizes[index]!)}"]`;
  }
  return `${text}]`;
}

export function depthPayload(state: InstrumentState, changes: DepthChanges, eventMs: number, unit: TimeUnit): string {
  return (
    `{"e":"depthUpdate","E":${timeText(eventMs, unit)},"s":"${state.instrument.nativeCode}","U":${changes.firstId},` +
    `"u":${changes.lastId},"b":${changesText(state, changes.bids)},"a":${changesText(state, changes.asks)}}`
  );
}

function changesText(state: InstrumentState, changes: ReadonlyMap<number, number>): string {
  const parts: string[] = [];
  for (const [price, size] of changes) parts.push(`["${priceText(state, price)}","${sizeText(state, size)}"]`);
  return `[${parts.join(',')}]`;
}

export function klinePayload(
  state: InstrumentState,
  candle: Candle,
  isClosed: boolean,
  eventMs: number,
  unit: TimeUnit,
): string {
  const symbol = state.instrument.nativeCode;
  const lastId = candle.count === 0 ? -1 : state.idBase + candle.lastNumber;
  const firstId = candle.count === 0 ? -1 : lastId - candle.count + 1;
  return (
    `{"e":"kline","E":${timeText(eventMs, unit)},"s":"${symbol}","k":{"t":${timeText(candle.startMs, unit)},` +
    `"T":${unit === 'millisecond' ? candle.startMs + MINUTE_MS - 1 : (candle.startMs + MINUTE_MS) * 1000 - 1},` +
    `"s":"${symbol}","i":"1m","f":${firstId},"L":${lastId},"o":"${priceText(state, candle.open)}",` +
    `"c":"${priceText(state, candle.close)}","h":"${priceText(state, candle.high)}",` +
    `"l":"${priceText(state, candle.low)}","v":"${sizeText(state, candle.volume)}","n":${candle.count},` +
    `"x":${isClosed},"q":"${quoteText(state, candle.quoteVolume)}","V":"${sizeText(state, candle.buyVolume)}",` +
    `"Q":"${quoteText(state, candle.buyQuoteVolume)}","B":"0"}}`
  );
}

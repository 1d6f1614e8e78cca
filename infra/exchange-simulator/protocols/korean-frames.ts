import type { InstrumentState } from '../market/instrument-state.ts';
import { type Trade, tradeMs } from '../market/trade.ts';
import type { KoreanFormat } from './korean-request.ts';
import { divideRounded, padPlaces, plain, roundDecimals, type Spelling } from './number-spelling.ts';

/** One member of a frame: its long key, its short key, its value as JSON text. */
export type Member = readonly [long: string, short: string, value: string];

/** A JSON object in one of the four formats. */
export function writeMembers(members: readonly Member[], format: KoreanFormat): string {
  const key = format === 'SIMPLE' || format === 'SIMPLE_LIST' ? 1 : 0;
  let text = '{';
  for (const member of members) text += `${text.length === 1 ? '' : ','}"${member[key]}":${member[2]}`;
  text += '}';
  return format.endsWith('_LIST') ? `[${text}]` : text;
}

export function isShort(format: KoreanFormat): boolean {
  return format === 'SIMPLE' || format === 'SIMPLE_LIST';
}

/** A JSON string of text that needs no escapes. */
export function quoted(text: string): string {
  return `"${text}"`;
}

export function askBid(takerBuys: boolean): string {
  return takerBuys ? '"BID"' : '"ASK"';
}

/** Where a price stands against the close of the day before. */
export type Change = { word: string; units: number; rate: (places: number, spell: Spelling, sign: 1 | -1) => string };

export function changeOf(price: number, previousClose: number): Change {
  const units = price - previousClose;
  return {
    word: units > 0 ? '"RISE"' : units < 0 ? '"FALL"' : '"EVEN"',
    units,
    rate: (places, spell, sign) => {
      const scaled = divideRounded(BigInt(units) * 10n ** BigInt(places), BigInt(previousClose));
      return spell(sign === 1 && scaled < 0n ? -scaled : scaled, places);
    },
  };
}

/** What a ticker tells besides its trade. The exchange's day begins `dayOffsetMs` ahead of UTC. */
export function tickerFacts({ statistics, yearHigh, yearLow }: InstrumentState, trade: Trade, dayOffsetMs: number) {
  const executedMs = tradeMs(trade);
  const { today, previousClose } = statistics.day(executedMs, dayOffsetMs);
  const range = statistics.range();
  return {
    executedMs,
    today,
    previousClose,
    rolling: statistics.rollingDay(executedMs),
    change: changeOf(trade.price, previousClose),
    yearHigh: Math.max(yearHigh, range.high),
    yearLow: Math.min(yearLow, range.low),
  };
}

/** The level arrays as `orderbook_units`; a side that is too short is padded with zeros, as on the wire. */
export function writeUnits(
  state: InstrumentState,
  count: number,
  short: boolean,
  price: (units: number) => string,
  size: (units: number) => string,
): string {
  const { asks, bids } = state.book;
  const [askPrice, bidPrice, askSize, bidSize] = short
    ? ['{"ap":', ',"bp":', ',"as":', ',"bs":']
    : ['{"ask_price":', ',"bid_price":', ',"ask_size":', ',"bid_size":'];
  const shown = Math.min(count, Math.max(asks.prices.length, bids.prices.length));
  let text = '[';
  for (let index = 0; index < shown; index += 1) {
    const ask = asks.prices[index];
    const bid = bids.prices[index];
    if (index > 0) text += ',';
    text += askPrice + (ask === undefined ? '0' : price(ask));
    text += bidPrice + (bid === undefined ? '0' : price(bid));
    text += askSize + (ask === undefined ? '0' : size(asks.sizes[index]!));
    text += `${bidSize}${bid === undefined ? '0' : size(bids.sizes[index]!)}}`;
  }
  return `${text}]`;
}

/** Sum of the first sizes. */
export function totalSize(sizes: readonly number[], count: number): number {
  let sum = 0;
  for (let index = 0; index < count && index < sizes.length; index += 1) sum += sizes[index]!;
  return sum;
}

/** Sums of money carry five decimals at most, because the exchange itself rounds them. */
export function writeMoney(units: bigint, decimals: number, padTo = 0): string {
  const places = Math.min(decimals, 5);
  return padPlaces(plain(roundDecimals(units, decimals, places), places), padTo);
}

/** Decimals of every size in Bithumb's books; what is smaller shows as nothing. */
export const BITHUMB_SIZE_PLACES = 4;

/** What the public REST calls of Upbit and Bithumb below `/v1` have in common. */
import type { InstrumentState } from '../market/instrument-state.ts';
import type { ExchangeName } from '../market/instruments.ts';
import type { Market } from '../market/market.ts';
import { type Trade, tradeMs } from '../market/trade.ts';
import { firstWhere } from '../market/trade-search.ts';
import { DAY_MS } from '../market/trade-statistics.ts';
import { askBid } from './korean-frames.ts';
import type { Spelling } from './number-spelling.ts';
import { dateAndTime } from './time-text.ts';

const MISMATCH = 'Type mismatch error. Check the parameters type!';
export const MISSING = 'Missing request parameter error. Check the required parameters!';

/** An error in the body's own words. Whether the HTTP status says the same is each exchange's own way. */
export class RestFault extends Error {
  readonly code: number;

  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }
}

export function rows<Row>(list: readonly Row[], write: (row: Row) => string): string {
  return `[${list.map(write).join(',')}]`;
}

/** The markets a query names; one unknown code fails the whole call, lower case is as good as upper. */
export function namedMarkets(query: URLSearchParams, key: string, exchange: ExchangeName, market: Market) {
  const text = query.get(key);
  if (text === null || text === '') throw new RestFault(400, MISSING);
  return text.split(',').map((code): InstrumentState => {
    const state = market.find(exchange, code.trim().toUpperCase());
    if (state === undefined) throw new RestFault(404, 'Code not found');
    return state;
  });
}

export function count(query: URLSearchParams, preset: number, most: number): number {
  const text = query.get('count');
  if (text === null) return preset;
  const wanted = Number(text);
  if (!Number.isInteger(wanted) || wanted < 1) throw new RestFault(400, MISMATCH);
  return Math.min(wanted, most);
}

/** What tells the trades of the two apart. */
export type TickDialect = {
  readonly exchange: ExchangeName;
  readonly idOf: (trade: Trade) => string;
  readonly spell: Spelling;
  /** Where its day begins, and the wall time of `to`: ahead of UTC. */
  readonly dayOffsetMs: number;
  /** The parameter that asks for an earlier day. */
  readonly daysAgo: string;
  /** The day that earlier ones are counted from: the one that is, or the last one in which the market traded. */
  readonly countsDaysFrom: 'today' | 'lastTrade';
};

/**
 * `/v1/trades/ticks`, newest first, one day at a time: the newest, or by `days_ago` one up to a week before it. `cursor` is
 * an id and asks for what is older, `to` a time of that day.
 */
export function ticks(query: URLSearchParams, market: Market, dialect: TickDialect, nowMs: number): string {
  const [state] = namedMarkets(query, 'market', dialect.exchange, market);
  const wanted = count(query, 1, 500);
  const cursor = query.get('cursor');
  if (cursor !== null && !/^\d{1,20}$/.test(cursor)) throw new RestFault(400, MISMATCH);
  const { trades } = state!;
  const last = trades.at(-1);
  const isToday = dialect.countsDaysFrom === 'today' || last === undefined;
  const { fromMs, untilMs } = partOfDay(query, dialect, isToday ? nowMs : tradeMs(last));
  const indexAt = (ms: number) => firstWhere(trades, trade => tradeMs(trade) >= ms);
  const older =
    cursor === null ? trades.length : firstWhere(trades, trade => BigInt(dialect.idOf(trade)) >= BigInt(cursor));
  const end = Math.min(older, indexAt(untilMs));
  return rows(trades.slice(Math.max(indexAt(fromMs), end - wanted), end).reverse(), trade => tickRow(trade, dialect));
}

/** From when on and until before when trades are asked for, epoch milliseconds. */
function partOfDay(query: URLSearchParams, { daysAgo, dayOffsetMs }: TickDialect, newestMs: number) {
  const to = query.get('to')?.replaceAll(':', '') ?? null;
  const days = query.get(daysAgo);
  if ((to !== null && !/^\d{6}$/.test(to)) || (days !== null && !/^[1-7]$/.test(days)))
    throw new RestFault(400, MISMATCH);
  const fromMs = Math.floor((newestMs + dayOffsetMs) / DAY_MS) * DAY_MS - dayOffsetMs - Number(days ?? 0) * DAY_MS;
  if (to === null) return { fromMs, untilMs: fromMs + DAY_MS };
  const ofDayMs = (Number(to.slice(0, 2)) * 3_600 + Number(to.slice(2, 4)) * 60 + Number(to.slice(4))) * 1_000;
  return { fromMs, untilMs: fromMs + ofDayMs };
}

function tickRow(trade: Trade, { idOf, spell, dayOffsetMs }: TickDialect): string {
  const { instrument, statistics } = trade.state;
  const executedMs = tradeMs(trade);
  const [date, time] = dateAndTime(executedMs);
  const { previousClose } = statistics.day(executedMs, dayOffsetMs);
  const price = (units: number): string => spell(units, instrument.priceDecimals);
  return (
    `{"market":"${instrument.nativeCode}","trade_date_utc":"${date}","trade_time_utc":"${time}",` +
    `"timestamp":${executedMs},"trade_price":${price(trade.price)},` +
    `"trade_volume":${spell(trade.size, instrument.sizeDecimals)},"prev_closing_price":${price(previousClose)},` +
    `"change_price":${price(trade.price - previousClose)},"ask_bid":${askBid(trade.takerBuys)},` +
    `"sequential_id":${idOf(trade)}}`
  );
}

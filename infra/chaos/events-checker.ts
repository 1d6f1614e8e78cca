/**
 * What another service has of `exchange.events`, against what was published: everything of an instrument in one partition
 * and in order, and every trade exactly once when repetitions are dropped as they are told to be: by position, or by the
 * id of the trade where a request of a leader may have been under way when it ended.
 */
import type { MarketEvent, Trade } from '../../shared/model/market-event.ts';
import { comparePositions, type Position } from '../../shared/wire/position.ts';
import type { SealedBatch } from './stream-reference.ts';

/** One record of the topic, in the order in which its partition holds them. */
export type EventsRecord = {
  readonly partition: number;
  readonly key: string | null;
  readonly type: string;
  readonly position: Position;
  /** A last known value after a gap, which is no news. */
  readonly isState: boolean;
  readonly value: string;
};

export type RepeatedBy = 'position' | 'trade id';

export type EventsCheck = {
  readonly records: readonly EventsRecord[];
  readonly published: readonly SealedBatch[];
  /** Only what was sealed after `from`, up to `until`, is judged. */
  readonly from: Position;
  readonly until: Position;
  /** `position` by default. */
  readonly repeatedBy?: RepeatedBy;
};

export type EventsReport = {
  readonly faults: readonly string[];
  readonly trades: number;
  readonly events: number;
  readonly repeated: number;
  /** Trades that who drops by position does not have, though they are there. */
  readonly outOfOrder: number;
};

/** More of one kind says nothing more. */
const MOST_FAULTS = 10;

export function checkEvents({ records, published, from, until, repeatedBy = 'position' }: EventsCheck): EventsReport {
  const faults: string[] = [];
  const reference = eventsBetween(published, from, until);
  const news = new Map<string, EventsRecord>();
  const partitions = new Map<string, number>();
  const last = new Map<number, Position>();
  const tradesThere = new Set<string>();
  let repeated = 0;
  for (const record of records) {
    const { partition, key, type, position, isState, value } = record;
    if (type === 'stream-gap') {
      if (isBetween(from, position, until)) faults.push(`a gap is declared at ${show(position)}`);
      continue;
    }
    if (isState) continue;
    const home = partitions.get(key ?? '') ?? partition;
    partitions.set(key ?? '', home);
    if (home !== partition) faults.push(`${key} lies in the partitions ${home} and ${partition}`);
    if (type === 'trade') tradesThere.add(nameOf(JSON.parse(value)));
    const known = last.get(partition);
    if (known !== undefined && comparePositions(position, known) <= 0) {
      repeated++;
      const isStranger =
        repeatedBy === 'trade id' && type === 'trade' && reference.get(show(position))?.type !== 'trade';
      if (isStranger && isBetween(from, position, until))
        faults.push(`a late trade of ${key} at ${show(position)} that nobody heard of`);
      continue;
    }
    last.set(partition, position);
    if (isBetween(from, position, until)) news.set(show(position), record);
  }

  for (const [place, { type, value, key }] of news) {
    const event = reference.get(place);
    // What was conflated for everybody may be here all the same; a trade is conflated for nobody.
    if (event === undefined && type === 'trade') faults.push(`a trade of ${key} at ${place} that nobody heard of`);
    if (event !== undefined && JSON.stringify(event) !== value)
      faults.push(`another ${place} than was published: ${value}`);
  }
  const once = new Set<string>();
  let trades = 0;
  let outOfOrder = 0;
  for (const [place, event] of reference) {
    if (event.type !== 'trade') continue;
    trades++;
    const name = nameOf(event);
    const isThere = tradesThere.has(name);
    if (isThere && !news.has(place)) outOfOrder++;
    const isFound = repeatedBy === 'position' ? news.has(place) : isThere;
    if (!isFound) faults.push(`trade ${name} at ${place} is missing or out of order`);
    else if (once.has(name)) faults.push(`trade ${name} is there twice`);
    once.add(name);
  }
  const shown = faults.slice(0, MOST_FAULTS);
  if (faults.length > shown.length) shown.push(`and ${faults.length - shown.length} more`);
  return { faults: shown, trades, events: news.size, repeated, outOfOrder };
}

function nameOf({ exchange, symbol, id }: Trade): string {
  return `${exchange} ${symbol} ${id}`;
}

function eventsBetween(published: readonly SealedBatch[], from: Position, until: Position): Map<string, MarketEvent> {
  const found = new Map<string, MarketEvent>();
  for (const { epoch, events } of published) {
    for (const event of events) {
      const position = { epoch, offset: event.offset };
      if (isBetween(from, position, until)) found.set(show(position), event);
    }
  }
  return found;
}

function isBetween(from: Position, place: Position, until: Position): boolean {
  return comparePositions(place, from) > 0 && comparePositions(place, until) <= 0;
}

function show({ epoch, offset }: Position): string {
  return `${epoch}:${offset}`;
}

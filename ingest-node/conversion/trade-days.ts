/** How far back pages of past trades surely reach, where an exchange serves them one of its days at a time. */
import type { EpochMillis } from '../../shared/model/time.ts';
import type { TradeDays } from '../exchanges/exchange-adapter.ts';

const DAY_MS = 24 * 60 * 60_000;
/** Our clock and the exchange's may disagree by this much about which day it is. */
const CLOCKS_APART_MS = 60_000;

/** The latest moment, not after `time`, at which one of its days may have begun. */
export function latestTurn({ turnsMs }: TradeDays, time: EpochMillis): EpochMillis {
  return Math.max(...turnsMs.map(turnMs => Math.floor((time - turnMs) / DAY_MS) * DAY_MS + turnMs));
}

/**
 * When a day began of which nothing more can be read, at the latest.
 *
 * @param daysAgo as it was asked for, `now` at the latest
 * @param oldest time of the oldest row of this day or a later one, if any
 */
export function dayBegan(days: TradeDays, daysAgo: number, now: EpochMillis, oldest: EpochMillis | null): EpochMillis {
  // An exchange may count from the last day that was traded on: then it began earlier.
  const asCounted = latestTurn(days, now + CLOCKS_APART_MS) - daysAgo * DAY_MS;
  return oldest === null ? asCounted : Math.min(asCounted, latestTurn(days, oldest));
}

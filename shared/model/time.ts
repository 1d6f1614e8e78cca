import { toDecimal } from './decimal.ts';

/**
 * Milliseconds since 1970-01-01T00:00:00Z with a fraction down to microseconds. A double holds today's value in steps
 * of 0.00024 ms, so every microsecond has its own number and prints as written: `1785397735004.123`.
 */
export type EpochMillis = number;

/** In which unit an exchange counts its epoch time. Stated per field by its adapter, never guessed from the magnitude. */
export type TimeUnit = 's' | 'ms' | 'us' | 'ns';

const POWER_OF_TEN_TO_MILLIS = { s: 3, ms: 0, us: -3, ns: -6 } as const satisfies Record<TimeUnit, number>;

const EARLIEST: EpochMillis = Date.UTC(2000, 0, 1);
const END: EpochMillis = Date.UTC(2100, 0, 1);

/**
 * An epoch time written as a number in any JSON spelling, in milliseconds. The point is moved in the text, so nothing
 * is rounded on the way; digits beyond the microsecond are cut. `null` when the text is no number, or no time from 2000
 * until before 2100, which is also what a time read in a wrong unit looks like.
 */
export function toMillis(text: string, unit: TimeUnit): EpochMillis | null {
  const count = toDecimal(text);
  if (count === null) return null;
  const power = POWER_OF_TEN_TO_MILLIS[unit];
  const millis = power === 0 ? count : toDecimal(`${count}e${power}`);
  if (millis === null) return null;
  const point = millis.indexOf('.');
  const time = Number(point === -1 ? millis : millis.slice(0, point + 4));
  return time >= EARLIEST && time < END ? time : null;
}

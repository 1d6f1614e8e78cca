import { toDecimal } from './decimal.ts';

/**
 * Milliseconds since 1970-01-01T00:00:00Z with a fraction down to microseconds. A double holds today's value in steps
 * of 0.00024 ms, so every microsecond has its own number and prints as written: `1785397735004.123`.
 */
export type EpochMillis = number;

export const MINUTE_MS = 60_000;

/** In which unit an exchange counts its epoch time. Stated per field by its adapter, never guessed from the magnitude. */
export type TimeUnit = 's' | 'ms' | 'us' | 'ns';

const ZERO = 0x30;

const POWER_OF_TEN_TO_MILLIS = { s: 3, ms: 0, us: -3, ns: -6 } as const satisfies Record<TimeUnit, number>;

const EARLIEST: EpochMillis = Date.UTC(2000, 0, 1);
const END: EpochMillis = Date.UTC(2100, 0, 1);

/** How nearly all times are written: whole numbers of this many digits, which a double holds exactly. */
const USUAL_DIGITS = { s: 10, ms: 13, us: 16, ns: Number.NaN } as const satisfies Record<TimeUnit, number>;

/**
 * An epoch time written as a number in any JSON spelling, in milliseconds. The point is moved in the text, so nothing
 * is rounded on the way; digits beyond the microsecond are cut. `null` when the text is no number, or no time from 2000
 * until before 2100, which is also what a time read in a wrong unit looks like.
 */
export function toMillis(text: string, unit: TimeUnit): EpochMillis | null {
  const usual = toUsualMillis(text, unit);
  if (usual !== null) return usual;
  const count = toDecimal(text);
  if (count === null) return null;
  const power = POWER_OF_TEN_TO_MILLIS[unit];
  const millis = power === 0 ? count : toDecimal(`${count}e${power}`);
  if (millis === null) return null;
  const point = millis.indexOf('.');
  const time = Number(point === -1 ? millis : millis.slice(0, point + 4));
  return time >= EARLIEST && time < END ? time : null;
}

/** The short way for usual times: the same answer, or `null` for those that have to take the long one. */
function toUsualMillis(text: string, unit: TimeUnit): EpochMillis | null {
  const length = USUAL_DIGITS[unit];
  if (text.length !== length || text.charCodeAt(0) === ZERO) return null;
  let count = 0;
  for (let at = 0; at < length; at += 1) {
    const digit = text.charCodeAt(at) - ZERO;
    if (digit < 0 || digit > 9) return null;
    count = count * 10 + digit;
  }
  return unit === 'ns' ? null : countToMillis(count, unit);
}

/** As {@link toMillis} for a whole number of at most 16 digits: one that no double holds exactly is no time in any unit. */
export function countToMillis(count: number, unit: Exclude<TimeUnit, 'ns'>): EpochMillis | null {
  // One division of exact numbers is rounded as the decimal text of its result would be.
  const time = unit === 's' ? count * 1000 : unit === 'us' ? count / 1000 : count;
  return time >= EARLIEST && time < END ? time : null;
}

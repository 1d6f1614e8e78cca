/**
 * Writes a number with an exponent out in plain digits, in bytes: `1.16539E8` becomes `116539000`, `5.0E-4` becomes
 * `0.0005`. Upbit spells the price of every market in bitcoin so. The answer is what `toDecimal` gives for the text.
 */
import { MAX_DECIMAL_LENGTH } from '../../shared/model/decimal.ts';

const MINUS = 0x2d;
const POINT = 0x2e;
const ZERO = 0x30;

/**
 * @param bytes hold a number by the grammar of JSON from `start` up to its `e` or `E` at `mantissaEnd`
 * @param to where its digits are written, room for {@link MAX_DECIMAL_LENGTH} of them
 * @returns where they end; -1, with anything written, for zero and for a number that is too long in either spelling
 */
export function writePlainNumber(
  bytes: Uint8Array,
  start: number,
  mantissaEnd: number,
  exponent: number,
  to: number,
): number {
  const limit = to + MAX_DECIMAL_LENGTH;
  const first = bytes[start] === MINUS ? start + 1 : start;
  let pointAt = first;
  while (pointAt < mantissaEnd && bytes[pointAt] !== POINT) pointAt += 1;
  /** The first digit that is not zero, and behind the last one. */
  let [from, until] = [first, mantissaEnd];
  while (from < until && isFiller(bytes[from]!)) from += 1;
  while (until > from && isFiller(bytes[until - 1]!)) until -= 1;
  if (from === until) return -1;
  /** How many digits of the plain number stand before its point, counted from `from`; negative for zeros behind it. */
  const integerDigits = (from < pointAt ? pointAt - from : pointAt + 1 - from) + exponent;
  if (Math.abs(integerDigits) > MAX_DECIMAL_LENGTH || until - from > MAX_DECIMAL_LENGTH) return -1;

  let at = to;
  if (first > start) bytes[at++] = MINUS;
  if (integerDigits <= 0) {
    bytes[at++] = ZERO;
    bytes[at++] = POINT;
    for (let zeros = integerDigits; zeros < 0; zeros += 1) bytes[at++] = ZERO;
  }
  let digits = 0;
  for (let source = from; source < until; source += 1) {
    if (bytes[source] === POINT) continue;
    if (digits === integerDigits && digits > 0) bytes[at++] = POINT;
    bytes[at++] = bytes[source]!;
    digits += 1;
  }
  for (; digits < integerDigits; digits += 1) bytes[at++] = ZERO;
  return at <= limit ? at : -1;
}

function isFiller(byte: number): boolean {
  return byte === ZERO || byte === POINT;
}

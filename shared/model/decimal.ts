/**
 * Exact decimal numbers as text. Exchanges write one price in many spellings (`116533000`, `109847000.0`,
 * `1.16539E8`) and doubles hold neither all of their digits nor their sums, so prices, sizes and volumes stay text
 * from the frame to the client: `0.1` is `'0.1'`, and `1.16539E8` is `'116539000'`.
 *
 * All functions are pure. Those that take a {@link Decimal} rely on its form; {@link toDecimal} is the only way in.
 */

/**
 * A number in its one canonical spelling, so equal numbers are equal strings: optional `-`, integer digits without
 * leading zeros (a single `0` below one), then a point and digits only when the last of them is not zero.
 * Never an exponent, `+`, `-0` or spaces.
 */
export type Decimal = string;

/**
 * Longest text read and longest text given, in characters. Real prices and volumes stay below 40; the limit is what
 * keeps `1e999999` from becoming a megabyte of zeros.
 */
export const MAX_DECIMAL_LENGTH = 100;

const MINUS = 0x2d;
const POINT = 0x2e;
const ZERO = 0x30;
const NINE = 0x39;

/**
 * The canonical spelling of any number JSON can write (RFC 8259 §6). `null` for everything else (`''`, `'NaN'`, `'.5'`,
 * `' 1'`) and for a number whose text, as written or as canonical, is longer than {@link MAX_DECIMAL_LENGTH}.
 * Text that is canonical already comes back as the same string.
 */
export function toDecimal(text: string): Decimal | null {
  const length = text.length;
  if (length > MAX_DECIMAL_LENGTH) return null;
  const integerStart = text.charCodeAt(0) === MINUS ? 1 : 0;
  const integerEnd = endOfDigits(text, integerStart);
  if (integerEnd === integerStart) return null;
  if (text.charCodeAt(integerStart) === ZERO && integerEnd - integerStart > 1) return null;
  let mantissaEnd = integerEnd;
  if (integerEnd < length && text.charCodeAt(integerEnd) === POINT) {
    mantissaEnd = endOfDigits(text, integerEnd + 1);
    if (mantissaEnd === integerEnd + 1) return null;
  }
  if (mantissaEnd < length) return expandExponent(text, integerStart, integerEnd, mantissaEnd);

  let end = length;
  if (mantissaEnd > integerEnd) {
    while (text.charCodeAt(end - 1) === ZERO) end -= 1;
    if (end - 1 === integerEnd) end = integerEnd;
  }
  const plain = end === length ? text : text.slice(0, end);
  return plain === '-0' ? '0' : plain;
}

/** Numeric order, exact to the last digit. */
export function compareDecimals(a: Decimal, b: Decimal): -1 | 0 | 1 {
  const shorter = Math.min(a.length, b.length);
  let at = 0;
  let isBehindPoint = false;
  while (at < shorter && a.charCodeAt(at) === b.charCodeAt(at)) {
    if (a.charCodeAt(at) === POINT) isBehindPoint = true;
    at += 1;
  }
  if (at === a.length && at === b.length) return 0;
  const isNegative = a.charCodeAt(0) === MINUS;
  if (at === 0 && isNegative !== (b.charCodeAt(0) === MINUS)) return isNegative ? -1 : 1;
  // Same sign: the longer integer part is the larger magnitude. With equally long integer parts the points stand at
  // the same place, so the first difference decides; what ends there is smaller.
  const lengthDifference = isBehindPoint ? 0 : endOfDigits(a, at) - endOfDigits(b, at);
  const isLarger =
    lengthDifference === 0
      ? at < a.length && (at === b.length || a.charCodeAt(at) > b.charCodeAt(at))
      : lengthDifference > 0;
  return isLarger === isNegative ? -1 : 1;
}

export function isZero(value: Decimal): boolean {
  return value.length === 1 && value.charCodeAt(0) === ZERO;
}

/** Above zero; zero itself is not. */
export function isPositive(value: Decimal): boolean {
  return value.charCodeAt(0) !== MINUS && !isZero(value);
}

export function isNegative(value: Decimal): boolean {
  return value.charCodeAt(0) === MINUS;
}

/** `a + b`, exact. Numbers of very unequal magnitude can give a text longer than {@link MAX_DECIMAL_LENGTH}. */
export function addDecimals(a: Decimal, b: Decimal): Decimal {
  const scale = Math.max(fractionLength(a), fractionLength(b));
  return fromUnits(toUnits(a, scale) + toUnits(b, scale), scale);
}

/** `a * b`, exact: as long as both texts together, so it can be longer than {@link MAX_DECIMAL_LENGTH}. */
export function multiplyDecimals(a: Decimal, b: Decimal): Decimal {
  const [scaleA, scaleB] = [fractionLength(a), fractionLength(b)];
  return fromUnits(toUnits(a, scaleA) * toUnits(b, scaleB), scaleA + scaleB);
}

/** `a - b`, exact. Numbers of very unequal magnitude can give a text longer than {@link MAX_DECIMAL_LENGTH}. */
export function subtractDecimals(a: Decimal, b: Decimal): Decimal {
  const scale = Math.max(fractionLength(a), fractionLength(b));
  return fromUnits(toUnits(a, scale) - toUnits(b, scale), scale);
}

/**
 * `a / b` rounded to `fractionDigits` digits after the point, ties to the even digit: `1 / 8` to two digits is `0.12`.
 * `null` when `b` is zero. `fractionDigits` is a whole number, zero or more; anything else is a RangeError.
 */
export function divideDecimals(a: Decimal, b: Decimal, fractionDigits: number): Decimal | null {
  if (isZero(b)) return null;
  const scale = Math.max(fractionLength(a), fractionLength(b));
  const dividend = toUnits(a, scale) * 10n ** BigInt(fractionDigits);
  const divisor = toUnits(b, scale);
  const quotient = dividend / divisor;
  const twiceRest = 2n * magnitude(dividend % divisor);
  const isTie = twiceRest === magnitude(divisor);
  const roundsAway = isTie ? quotient % 2n !== 0n : twiceRest > magnitude(divisor);
  const away = dividend < 0n === divisor < 0n ? 1n : -1n;
  return fromUnits(roundsAway ? quotient + away : quotient, fractionDigits);
}

/** `value / 10 ** places`, exact; `places` is a whole number above zero. Longer than its argument by as much at most. */
export function movePointLeft(value: Decimal, places: number): Decimal {
  if (isZero(value)) return value;
  const start = isNegative(value) ? 1 : 0;
  const point = endOfDigits(value, start);
  const digits = value.slice(start, point).padStart(places + 1, '0');
  const split = digits.length - places;
  const fraction = withoutTrailingZeros(digits.slice(split) + value.slice(point + 1));
  return (start === 1 ? '-' : '') + digits.slice(0, split) + (fraction === '' ? '' : `.${fraction}`);
}

/** Index of the first character at or after `from` that is no digit. */
function endOfDigits(text: string, from: number): number {
  for (let at = from; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code < ZERO || code > NINE) return at;
  }
  return text.length;
}

/** The rest of {@link toDecimal}: `text` continues after its mantissa, which only an exponent may do. */
function expandExponent(text: string, integerStart: number, integerEnd: number, mantissaEnd: number): Decimal | null {
  if (!/^[eE][-+]?[0-9]+$/.test(text.slice(mantissaEnd))) return null;
  const exponent = Number(text.slice(mantissaEnd + 1));
  const written = text.slice(integerStart, integerEnd) + text.slice(integerEnd + 1, mantissaEnd);
  const digits = written.replace(/^0+/, '');
  if (digits === '') return '0';
  /** Where the point belongs, counted from the first of `digits`. */
  const point = integerEnd - integerStart + exponent - (written.length - digits.length);
  if (Math.abs(point) > MAX_DECIMAL_LENGTH) return null;
  const sign = integerStart === 1 ? '-' : '';
  const padded = point > 0 ? digits.padEnd(point, '0') : digits.padStart(digits.length - point + 1, '0');
  const split = Math.max(point, 1);
  const fraction = withoutTrailingZeros(padded.slice(split));
  const plain = sign + padded.slice(0, split) + (fraction === '' ? '' : `.${fraction}`);
  return plain.length > MAX_DECIMAL_LENGTH ? null : plain;
}

function fractionLength(value: Decimal): number {
  const point = value.indexOf('.');
  return point === -1 ? 0 : value.length - point - 1;
}

/** `value` counted in units of ten to the power of minus `scale`, which is at least its own fraction length. */
function toUnits(value: Decimal, scale: number): bigint {
  return BigInt(value.replace('.', '') + '0'.repeat(scale - fractionLength(value)));
}

function fromUnits(units: bigint, scale: number): Decimal {
  const digits = magnitude(units)
    .toString()
    .padStart(scale + 1, '0');
  const split = digits.length - scale;
  const fraction = withoutTrailingZeros(digits.slice(split));
  return (units < 0n ? '-' : '') + digits.slice(0, split) + (fraction === '' ? '' : `.${fraction}`);
}

function withoutTrailingZeros(digits: string): string {
  let end = digits.length;
  while (end > 0 && digits.charCodeAt(end - 1) === ZERO) end -= 1;
  return digits.slice(0, end);
}

function magnitude(units: bigint): bigint {
  return units < 0n ? -units : units;
}

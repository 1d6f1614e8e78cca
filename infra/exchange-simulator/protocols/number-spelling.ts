/**
 * How exchanges print one and the same number. All spellings start from whole units and go through text only, so no
 * digit is ever rounded by a float. Seen on the wires: `116233000`, `109847000.0`, `91180000.00000000`,
 * `9.101e-05`, `1.16539E8`, `7.9276E-4`, `0.0000`.
 */
export type Spelling = (units: number | bigint, decimals: number) => string;

/** Decimal text without exponent or needless zeros: `116233000`, `0.00509799`. */
export function plain(units: number | bigint, decimals: number): string {
  const text = String(units);
  if (text.charCodeAt(0) === 45) return `-${plain(text.startsWith('-') ? -units : units, decimals)}`;
  if (decimals === 0) return text;
  let end = text.length;
  const point = end - decimals;
  while (end > point && end > 0 && text.charCodeAt(end - 1) === 48) end -= 1;
  if (end === 0) return '0';
  if (point > 0) return end <= point ? text.slice(0, point) : `${text.slice(0, point)}.${text.slice(point, end)}`;
  return `0.${'0'.repeat(-point)}${text.slice(0, end)}`;
}

/** Always that many decimals: `81250.00000000`. Digits beyond them must be zeros. */
export function fixed(places: number): Spelling {
  return (units, decimals) => padPlaces(plain(units, decimals), places);
}

/** Pad the fraction of plain text with zeros. */
export function padPlaces(text: string, places: number): string {
  const point = text.indexOf('.');
  if (point < 0) return places === 0 ? text : `${text}.${'0'.repeat(places)}`;
  return text + '0'.repeat(Math.max(0, places - (text.length - point - 1)));
}

/** As Python prints a float: `109847000.0`, `0.00509799`, and below a ten-thousandth `9.101e-05`. */
export function python(units: number | bigint, decimals: number): string {
  const text = plain(units, decimals);
  const digits = significant(text);
  if (digits === null || digits.exponent >= -4) return withPoint(text);
  return `${digits.sign}${mantissa(digits.digits, '')}e-${String(-digits.exponent).padStart(2, '0')}`;
}

/** As Java prints a double: `1.16539E8` from ten million up, `7.9276E-4` below a thousandth, else `4407000.0`. */
export function java(units: number | bigint, decimals: number): string {
  const text = plain(units, decimals);
  const digits = significant(text);
  if (digits === null || (digits.exponent < 7 && digits.exponent >= -3)) return withPoint(text);
  return `${digits.sign}${mantissa(digits.digits, '.0')}E${digits.exponent}`;
}

function withPoint(text: string): string {
  return text.includes('.') ? text : `${text}.0`;
}

function mantissa(digits: string, whenWhole: string): string {
  return digits.length === 1 ? `${digits}${whenWhole}` : `${digits.charAt(0)}.${digits.slice(1)}`;
}

/** Sign, significant digits and power of ten of the first digit; null for zero. */
function significant(text: string): { sign: string; digits: string; exponent: number } | null {
  const sign = text.startsWith('-') ? '-' : '';
  const [whole = '', fraction = ''] = text.slice(sign.length).split('.');
  const all = whole + fraction;
  let first = 0;
  while (first < all.length && all.charCodeAt(first) === 48) first += 1;
  if (first === all.length) return null;
  let last = all.length;
  while (all.charCodeAt(last - 1) === 48) last -= 1;
  return { sign, digits: all.slice(first, last), exponent: whole.length - 1 - first };
}

/** Divide and round half up: whole `numerator / denominator`, for rates and averages. */
export function divideRounded(numerator: bigint, denominator: bigint): bigint {
  if (denominator === 0n) return 0n;
  const isNegative = numerator < 0n;
  const size = isNegative ? -numerator : numerator;
  const quotient = (2n * size + denominator) / (2n * denominator);
  return isNegative ? -quotient : quotient;
}

/** The same amount counted in fewer decimals, rounded half up. */
export function roundDecimals(units: bigint, decimals: number, places: number): bigint {
  return decimals <= places ? units : divideRounded(units, 10n ** BigInt(decimals - places));
}

/** As `roundDecimals` for sizes of one order, which fit in a number. */
export function roundSize(units: number, decimals: number, places: number): number {
  if (decimals <= places) return units;
  const step = 10 ** (decimals - places);
  const rest = units % step;
  return (units - rest) / step + (rest * 2 >= step ? 1 : 0);
}

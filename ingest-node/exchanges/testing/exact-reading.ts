/**
 * A second way to read exchange JSON and to compare numbers, sharing no line with the product: `JSON.parse` with the
 * source text of each number, and fractions of BigInts. Slow and simple, for tests only.
 */

/** The document with every number as its exact text. */
export function readWithSource(text: string): unknown {
  const keepSource = (_key: string, value: unknown, context?: { source?: string }): unknown =>
    typeof value === 'number' ? context?.source : value;
  return JSON.parse(text, keepSource as (key: string, value: unknown) => unknown);
}

/** Whether two spellings are one number: `1.16539E8` and `116539000` are. */
export function isSameNumber(one: unknown, other: unknown): boolean {
  const [a, b] = [toFraction(one), toFraction(other)];
  return a !== null && b !== null && a.units * b.perUnit === b.units * a.perUnit;
}

export function isZeroNumber(value: unknown): boolean {
  return toFraction(value)?.units === 0n;
}

/** `units / perUnit`. */
function toFraction(value: unknown): { units: bigint; perUnit: bigint } | null {
  const match = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([-+]?\d+))?$/.exec(String(value));
  if (match === null) return null;
  const [, sign, integer = '', fraction = '', exponent = '0'] = match;
  const power = Number(exponent) - fraction.length;
  const units = BigInt(integer + fraction) * (sign === '-' ? -1n : 1n);
  return power >= 0 ? { units: units * 10n ** BigInt(power), perUnit: 1n } : { units, perUnit: 10n ** BigInt(-power) };
}

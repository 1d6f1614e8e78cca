const UNITS_MS: readonly (readonly [names: RegExp, ms: number])[] = [
  [/^(?:s|secs?|seconds?|초)$/i, 1_000],
  [/^(?:m|mins?|minutes?|분)$/i, 60_000],
  [/^(?:h|hrs?|hours?|시간)$/i, 3_600_000],
];
const TIMES = /(\d{1,9})\s*(s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?|초|분|시간)(?![a-z])/gi;

/**
 * The time that a text names, milliseconds: "Blocked for 90 seconds", "1시간 30분"; `null` where it names none. For bodies
 * whose words are not documented, so any spelling of a time will do.
 */
export function statedTimeMs(text: string): number | null {
  let sum: number | null = null;
  for (const [, amount, unit = ''] of text.matchAll(TIMES)) {
    const ms = UNITS_MS.find(([names]) => names.test(unit))?.[1] ?? 0;
    sum = (sum ?? 0) + Number(amount) * ms;
  }
  return sum;
}

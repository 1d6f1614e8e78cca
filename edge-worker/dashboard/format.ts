/**
 * Numbers as people read them, made from decimal text by cutting, grouping and exact arithmetic: no digit passes through
 * a double.
 */
import { type Decimal, divideDecimals, isPositive, isZero } from '../../shared/model/decimal.ts';

export type Language = 'ko' | 'en';

/** What stands where nothing is known. */
export const NOTHING = '–';

/**
 * Separates thousands before the point: `137421000.5` is `137,421,000.5`. Every digit stays.
 */
export function groupDigits(value: Decimal): string {
  const point = value.indexOf('.');
  const integer = point === -1 ? value : value.slice(0, point);
  return integer.replace(/\B(?=(?:\d{3})+$)/g, ',') + (point === -1 ? '' : value.slice(point));
}

/**
 * A signed fraction in per cent with two digits, rounded exactly: `0.0064` is `+0.64%`.
 */
export function percent(rate: Decimal): string {
  const hundredths = divideDecimals(rate, '0.01', 2) ?? '0';
  const [integer = '0', fraction = ''] = hundredths.replace('-', '').split('.');
  const sign = isZero(hundredths) ? '' : isPositive(hundredths) ? '+' : '−';
  return `${sign}${groupDigits(integer)}.${fraction.padEnd(2, '0')}%`;
}

export type Direction = 'up' | 'down' | 'flat';

export function directionOf(value: Decimal | null): Direction {
  if (value === null || isZero(value)) return 'flat';
  return isPositive(value) ? 'up' : 'down';
}

/** Powers of ten with their names, greatest first; Korean counts in steps of ten thousand. */
const UNITS: Record<Language, readonly (readonly [power: number, name: string])[]> = {
  ko: [
    [12, '조'],
    [8, '억'],
    [4, '만'],
  ],
  en: [
    [12, 'T'],
    [9, 'B'],
    [6, 'M'],
    [3, 'K'],
  ],
};

/**
 * A large amount in its greatest unit, cut to three digits where the unit leaves fewer: `234567890123` is `2,345억` and
 * `234B`; `1234567890123` is `1.23조`.
 */
export function shortAmount(value: Decimal, language: Language): string {
  const [integer = '0'] = value.split('.');
  for (const [power, name] of UNITS[language]) {
    const head = integer.slice(0, -power);
    if (head === '' || head === '-') continue;
    const tail = integer.slice(head.length, head.length + Math.max(0, 3 - head.length)).replace(/0+$/, '');
    return groupDigits(tail === '' ? head : `${head}.${tail}`) + name;
  }
  return groupDigits(integer);
}

/** Wall time of the viewer, to the millisecond: `09:03:07.041`. */
export function clockTime(time: number): string {
  const date = new Date(time);
  const two = (value: number) => String(value).padStart(2, '0');
  const milliseconds = String(date.getMilliseconds()).padStart(3, '0');
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}.${milliseconds}`;
}

/** A duration for people: `84ms`, `3.2s`, `2m 5s`. A clock that is ahead of ours gives `0ms`. */
export function duration(ms: number): string {
  const whole = Math.max(0, Math.round(ms));
  if (whole < 1_000) return `${whole}ms`;
  if (whole < 60_000) return `${(whole / 1_000).toFixed(1)}s`;
  return `${Math.floor(whole / 60_000)}m ${Math.floor((whole % 60_000) / 1_000)}s`;
}

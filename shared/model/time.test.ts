import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type TimeUnit, toMillis } from './time.ts';

describe('toMillis', () => {
  it.each([
    ['1785395043831', 'ms', 1785395043831],
    ['1785395043831.0', 'ms', 1785395043831],
    ['1785395043831.123', 'ms', 1785395043831.123],
    ['1.785395043831E12', 'ms', 1785395043831],
    ['1785397735004123', 'us', 1785397735004.123],
    ['1785397735004001', 'us', 1785397735004.001],
    ['1785397735004000', 'us', 1785397735004],
    ['1785397735004123999', 'ns', 1785397735004.123],
    ['1785397735', 's', 1785397735000],
    ['1785397735.004', 's', 1785397735004],
    ['1785397735.0041239', 's', 1785397735004.123],
    ['1.785397735004E9', 's', 1785397735004],
    ['946684800000', 'ms', Date.UTC(2000, 0, 1)],
    ['4102444799999', 'ms', Date.UTC(2100, 0, 1) - 1],
  ] as const)('reads %s %s as %d', (text, unit, expected) => {
    expect(toMillis(text, unit)).toBe(expected);
  });

  it.each([
    ['', 'ms'],
    ['0', 'ms'],
    ['-1785395043831', 'ms'],
    ['now', 'ms'],
    ['2026-07-30T00:00:00Z', 'ms'],
    ['NaN', 'ms'],
    ['946684799999', 'ms'],
    ['946684799999999', 'us'],
    ['4102444800000', 'ms'],
    ['4102444800', 's'],
    ['1785397735', 'ms'],
    ['1785397735004', 's'],
    ['1785397735004', 'us'],
    ['1785397735004123', 'ms'],
    ['1e99', 's'],
    ['9'.repeat(100), 'ns'],
  ] as const)('refuses %j %s', (text, unit) => {
    expect(toMillis(text, unit)).toBeNull();
  });

  it('gives every microsecond its own number, which prints as the digits that came', () => {
    const micros = fc.bigInt({ min: 946_684_800_000_000n, max: 4_102_444_799_999_999n });
    fc.assert(
      fc.property(micros, count => {
        const time = toMillis(String(count), 'us')!;
        expect(BigInt(time.toFixed(3).replace('.', ''))).toBe(count);
        expect(String(time)).toBe(`${count / 1000n}.${String(count % 1000n).padStart(3, '0')}`.replace(/\.?0*$/, ''));
      }),
      { numRuns: 2_000 },
    );
  });

  it('reads one moment alike in every unit', () => {
    const powers: Record<TimeUnit, number> = { s: -6, ms: -3, us: 0, ns: 3 };
    const micros = fc.bigInt({ min: 946_684_800_000_000n, max: 4_102_444_799_999_999n });
    fc.assert(
      fc.property(micros, fc.constantFrom<TimeUnit>('s', 'ms', 'us', 'ns'), (count, unit) => {
        expect(toMillis(`${count}e${powers[unit]}`, unit)).toBe(toMillis(String(count), 'us'));
      }),
    );
  });
});

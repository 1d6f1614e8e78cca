import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { divideRounded, fixed, java, plain, python, roundDecimals, roundSize } from './number-spelling.ts';

describe('number spellings', () => {
  it('print what the wires were seen to carry', () => {
    expect(plain(1_162_330_000_000, 4)).toBe('116233000');
    expect(plain(509_799, 8)).toBe('0.00509799');
    expect(plain(0, 8)).toBe('0');
    expect(plain(-560_000, 4)).toBe('-56');
    expect(python(1_098_470_000_000, 4)).toBe('109847000.0');
    expect(python(9_101, 8)).toBe('9.101e-05');
    expect(python(10_945, 8)).toBe('0.00010945');
    expect(python(0, 8)).toBe('0.0');
    expect(java(1_165_390_000_000, 4)).toBe('1.16539E8');
    expect(java(44_070_000_000, 4)).toBe('4407000.0');
    expect(java(50_000, 8)).toBe('5.0E-4');
    expect(java(79_276, 8)).toBe('7.9276E-4');
    expect(java(6_288_509, 8)).toBe('0.06288509');
    expect(fixed(8)(911_800_000_000, 4)).toBe('91180000.00000000');
    expect(fixed(4)(0, 4)).toBe('0.0000');
  });

  it('all mean the number they were given', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 9_000_000_000_000_000 }),
        fc.integer({ min: 0, max: 8 }),
        (units, decimals) => {
          const value = units / 10 ** decimals;
          for (const spell of [plain, python, java, fixed(8)]) {
            expect(Math.abs(Number(spell(units, decimals)) - value)).toBeLessThanOrEqual(value * 1e-15);
          }
          expect(BigInt(fixed(8)(units, decimals).replace('.', ''))).toBe(BigInt(units) * 10n ** BigInt(8 - decimals));
        },
      ),
    );
  });

  it('round halves up and away from zero', () => {
    expect(divideRounded(5n, 2n)).toBe(3n);
    expect(divideRounded(-5n, 2n)).toBe(-3n);
    expect(divideRounded(1n, 0n)).toBe(0n);
    expect(roundDecimals(12_345n, 4, 2)).toBe(123n);
    expect(roundSize(4_999, 8, 4)).toBe(0);
    expect(roundSize(5_000, 8, 4)).toBe(1);
  });
});

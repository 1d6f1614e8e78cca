import fc from 'fast-check';
import { expect, it } from 'vitest';
import { toDecimal } from '../../shared/model/decimal.ts';
import { writePlainNumber } from './plain-number.ts';

/** The plain spelling; `null` where the number is left to others. */
function plain(mantissa: string, exponent: number): string | null {
  const bytes = Buffer.alloc(1000, 0x78);
  bytes.write(mantissa);
  const end = writePlainNumber(bytes, 0, mantissa.length, exponent, 300);
  expect(bytes.subarray(mantissa.length, 300).every(byte => byte === 0x78)).toBe(true);
  return end === -1 ? null : bytes.toString('latin1', 300, end);
}

it.each([
  ['1.16539', 8, '116539000'],
  ['5.0', -4, '0.0005'],
  ['7.9276', -4, '0.00079276'],
  ['-9.101', -5, '-0.00009101'],
  ['1.5', 0, '1.5'],
  ['12.50', 1, '125'],
  ['0.00012', 3, '0.12'],
  ['0.00120', 5, '120'],
  ['100', -2, '1'],
])('writes %se%i out as %s', (mantissa, exponent, text) => {
  expect(plain(mantissa, exponent)).toBe(text);
});

it('writes what toDecimal gives, or leaves it to it', () => {
  const digits = fc.stringMatching(/^[0-9]{1,12}$/);
  const mantissa = fc
    .tuple(fc.constantFrom('', '-'), fc.constantFrom('0', '1', '10', '123456', '9'.repeat(60)), fc.option(digits))
    .map(([sign, integer, fraction]) => sign + integer + (fraction === null ? '' : `.${fraction}`));
  fc.assert(
    fc.property(mantissa, fc.integer({ min: -130, max: 130 }), (text, exponent) => {
      const expected = toDecimal(`${text}e${exponent}`);
      const written = plain(text, exponent);
      if (written === null) expect(expected === null || expected === '0').toBe(true);
      else expect(written).toBe(expected);
    }),
    { numRuns: 5_000 },
  );
});

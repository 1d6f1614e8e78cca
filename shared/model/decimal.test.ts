import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  addDecimals,
  compareDecimals,
  divideDecimals,
  isNegative,
  isPositive,
  isZero,
  MAX_DECIMAL_LENGTH,
  movePointLeft,
  multiplyDecimals,
  subtractDecimals,
  toDecimal,
} from './decimal.ts';

const JSON_NUMBER = /^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?$/;
const CANONICAL = /^(?:0|-?(?:[1-9][0-9]*|0(?=\.))(?:\.[0-9]*[1-9])?)$/;

/** The oracle: a number as an exact fraction, read from its text by other means than the code under test. */
type Rational = { readonly numerator: bigint; readonly denominator: bigint };

function rationalOf(text: string): Rational {
  const [mantissa, exponent = '0'] = text.toLowerCase().split('e') as [string, string?];
  const [integer, fraction = ''] = mantissa.split('.') as [string, string?];
  const power = BigInt(exponent) - BigInt(fraction.length);
  const digits = BigInt(integer + fraction);
  return power >= 0n
    ? { numerator: digits * 10n ** power, denominator: 1n }
    : { numerator: digits, denominator: 10n ** -power };
}

function difference(a: Rational, b: Rational): Rational {
  return {
    numerator: a.numerator * b.denominator - b.numerator * a.denominator,
    denominator: a.denominator * b.denominator,
  };
}

function signOf(value: Rational): -1 | 0 | 1 {
  return value.numerator === 0n ? 0 : value.numerator < 0n ? -1 : 1;
}

const digits = (minLength: number, maxLength: number) =>
  fc.string({ unit: fc.constantFrom(...'0011234567899'), minLength, maxLength });
const integerPart = fc.oneof(
  fc.constant('0'),
  fc.tuple(fc.constantFrom(...'123456789'), digits(0, 20)).map(parts => parts.join('')),
);
const jsonNumber = fc
  .tuple(
    fc.constantFrom('', '-'),
    integerPart,
    fc.oneof(
      fc.constant(''),
      digits(1, 20).map(fraction => `.${fraction}`),
    ),
    fc.oneof(
      fc.constant(''),
      fc
        .tuple(fc.constantFrom('e', 'E'), fc.constantFrom('', '+', '-'), fc.nat(25), fc.boolean())
        .map(([letter, sign, power, isPadded]) => `${letter}${sign}${isPadded ? '0' : ''}${power}`),
    ),
  )
  .map(parts => parts.join(''));
const decimal = jsonNumber.map(text => toDecimal(text)!);
/** Pairs that often share a prefix or are equal, which independent numbers almost never are. */
const decimalPair = fc.oneof(
  fc.tuple(decimal, decimal),
  decimal.map(value => [value, value] as [string, string]),
  fc
    .tuple(decimal, digits(1, 3))
    .map(([value, more]): [string, string] => [
      value,
      toDecimal(value.includes('.') ? value + more : `${value}.${more}`)!,
    ]),
);

describe('toDecimal', () => {
  it.each([
    ['116233000', '116233000'],
    ['109847000.0', '109847000'],
    ['91180000.00000000', '91180000'],
    ['9.101e-05', '0.00009101'],
    ['8.428e-05', '0.00008428'],
    ['1.16539E8', '116539000'],
    ['7.9276E-4', '0.00079276'],
    ['5.0E-4', '0.0005'],
    ['0.0000', '0'],
    ['1E+3', '1000'],
    ['198189163442.74924', '198189163442.74924'],
    ['0', '0'],
    ['-0', '0'],
    ['-0.00', '0'],
    ['-0e5', '0'],
    ['0e999999', '0'],
    ['-1.50', '-1.5'],
    ['10', '10'],
    ['10.01e1', '100.1'],
    ['0.001e2', '0.1'],
    ['0.001e3', '1'],
    ['120e-1', '12'],
    ['1e99', `1${'0'.repeat(99)}`],
    ['1e-98', `0.${'0'.repeat(97)}1`],
    ['1e0000000000000000000000000003', '1000'],
  ])('reads %s as %s', (text, expected) => {
    expect(toDecimal(text)).toBe(expected);
  });

  it.each([
    '',
    '-',
    '+1',
    'NaN',
    'Infinity',
    '-Infinity',
    'null',
    '0x1',
    '1n',
    ' 1',
    '1 ',
    '1\n',
    '1.',
    '.5',
    '-.5',
    '.',
    '01',
    '-01',
    '00',
    '1e',
    '1e+',
    '1e1.5',
    'e5',
    '1.e5',
    '1.5.5',
    '--1',
    '1,000',
    '1_000',
    '１',
    '1e999999',
    '1e-999999',
    '1e99999999999999999999999999',
    '1e100',
    '1e-99',
    '-1e99',
  ])('refuses %j', text => {
    expect(toDecimal(text)).toBeNull();
  });

  it('refuses text longer than the limit whatever it says, and reads text of exactly that length', () => {
    expect(toDecimal('1'.repeat(MAX_DECIMAL_LENGTH))).toBe('1'.repeat(MAX_DECIMAL_LENGTH));
    expect(toDecimal('1'.repeat(MAX_DECIMAL_LENGTH + 1))).toBeNull();
    expect(toDecimal(`0.${'0'.repeat(MAX_DECIMAL_LENGTH)}`)).toBeNull();
    expect(toDecimal('9'.repeat(1_000_000))).toBeNull();
  });

  it('keeps the value of every JSON number and gives its one canonical spelling', () => {
    fc.assert(
      fc.property(jsonNumber, text => {
        const result = toDecimal(text)!;
        expect(result).toMatch(CANONICAL);
        expect(signOf(difference(rationalOf(text), rationalOf(result)))).toBe(0);
        expect(toDecimal(result)).toBe(result);
      }),
      { numRuns: 2_000 },
    );
  });

  it('gives equal numbers equal text, however they are written', () => {
    fc.assert(
      fc.property(decimal, fc.integer({ min: -30, max: 30 }), (value, power) => {
        const moved = toDecimal(`${value}e${power}`)!;
        expect(toDecimal(`${moved}E${-power}`)).toBe(value);
        expect(toDecimal(value.includes('.') ? `${value}000` : `${value}.000`)).toBe(value);
      }),
    );
  });

  it('accepts exactly the number grammar of JSON', () => {
    const almostNumber = fc.string({ unit: fc.constantFrom(...'-+.eE0123456789 xN'), maxLength: 8 });
    fc.assert(
      fc.property(fc.oneof(almostNumber, fc.string()), text => {
        const result = toDecimal(text);
        if (!JSON_NUMBER.test(text)) expect(result).toBeNull();
        else if (result === null) expect(Math.abs(Math.log10(Math.abs(Number(text))))).toBeGreaterThan(90);
        else expect(result).toMatch(CANONICAL);
      }),
      { numRuns: 5_000 },
    );
  });
});

describe('compareDecimals', () => {
  it.each([
    ['0', '0', 0],
    ['-1', '1', -1],
    ['0', '-0.001', 1],
    ['9', '10', -1],
    ['-9', '-10', 1],
    ['1.5', '1.25', 1],
    ['1', '1.5', -1],
    ['-1', '-1.5', 1],
    ['12', '1.5', 1],
    ['0.0000001', '0.00000009', 1],
    ['17853950411240001', '17853950411240000', 1],
  ] as const)('orders %s and %s as %i', (a, b, expected) => {
    expect(compareDecimals(a, b)).toBe(expected);
  });

  it('agrees with exact fractions', () => {
    fc.assert(
      fc.property(decimalPair, ([a, b]) => {
        expect(compareDecimals(a, b)).toBe(signOf(difference(rationalOf(a), rationalOf(b))));
        expect(compareDecimals(b, a)).toBe(signOf(difference(rationalOf(b), rationalOf(a))));
      }),
      { numRuns: 2_000 },
    );
  });
});

describe('signs', () => {
  it('isZero and isPositive agree with exact fractions', () => {
    fc.assert(
      fc.property(fc.oneof(decimal, fc.constant('0')), value => {
        expect(isZero(value)).toBe(signOf(rationalOf(value)) === 0);
        expect(isPositive(value)).toBe(signOf(rationalOf(value)) === 1);
        expect(isNegative(value)).toBe(signOf(rationalOf(value)) === -1);
      }),
    );
  });
});

describe('movePointLeft', () => {
  it('divides by a power of ten, exactly and in canonical form', () => {
    fc.assert(
      fc.property(fc.oneof(decimal, fc.constant('0')), fc.integer({ min: 1, max: 12 }), (value, places) => {
        const moved = movePointLeft(value, places);
        expect(moved).toMatch(CANONICAL);
        expect(signOf(difference(rationalOf(`${moved}e${places}`), rationalOf(value)))).toBe(0);
      }),
    );
  });
});

describe('subtractDecimals', () => {
  it('has no rounding: 0.3 - 0.1 is 0.2', () => {
    expect(subtractDecimals('0.3', '0.1')).toBe('0.2');
    expect(subtractDecimals('91361000', '91424000')).toBe('-63000');
    expect(subtractDecimals('0.1', '0.1')).toBe('0');
  });

  it('is the exact difference in canonical form', () => {
    fc.assert(
      fc.property(decimalPair, ([a, b]) => {
        const result = subtractDecimals(a, b);
        expect(result).toMatch(CANONICAL);
        const rest = difference(difference(rationalOf(a), rationalOf(b)), rationalOf(result));
        expect(signOf(rest)).toBe(0);
      }),
      { numRuns: 1_000 },
    );
  });
});

describe('addDecimals', () => {
  it('has no rounding: 0.1 + 0.2 is 0.3', () => {
    expect(addDecimals('0.1', '0.2')).toBe('0.3');
    expect(addDecimals('9007199254740993', '0.00000001')).toBe('9007199254740993.00000001');
    expect(addDecimals('-0.5', '0.5')).toBe('0');
  });

  it('is the exact sum in canonical form', () => {
    fc.assert(
      fc.property(decimalPair, ([a, b]) => {
        const result = addDecimals(a, b);
        expect(result).toMatch(CANONICAL);
        expect(signOf(difference(difference(rationalOf(result), rationalOf(a)), rationalOf(b)))).toBe(0);
        expect(addDecimals(b, a)).toBe(result);
      }),
      { numRuns: 1_000 },
    );
  });
});

describe('multiplyDecimals', () => {
  it('has no rounding: 1.1 * 1.1 is 1.21', () => {
    expect(multiplyDecimals('1.1', '1.1')).toBe('1.21');
    expect(multiplyDecimals('141500000', '0.00004407')).toBe('6235.905');
    expect(multiplyDecimals('-0.5', '20')).toBe('-10');
    expect(multiplyDecimals('0', '-1.5')).toBe('0');
  });

  it('is the exact product in canonical form', () => {
    fc.assert(
      fc.property(decimalPair, ([a, b]) => {
        const result = multiplyDecimals(a, b);
        expect(result).toMatch(CANONICAL);
        const [x, y] = [rationalOf(a), rationalOf(b)];
        const product = { numerator: x.numerator * y.numerator, denominator: x.denominator * y.denominator };
        expect(signOf(difference(rationalOf(result), product))).toBe(0);
      }),
      { numRuns: 1_000 },
    );
  });
});

describe('divideDecimals', () => {
  it.each([
    ['1', '8', 2, '0.12'],
    ['3', '8', 2, '0.38'],
    ['-1', '8', 2, '-0.12'],
    ['1', '2', 0, '0'],
    ['3', '2', 0, '2'],
    ['-3', '2', 0, '-2'],
    ['1', '3', 4, '0.3333'],
    ['2', '-3', 4, '-0.6667'],
    ['-0.001', '1', 2, '0'],
    ['-63000', '91424000', 8, '-0.0006891'],
    ['1', '0.0001', 0, '10000'],
  ] as const)('%s / %s to %i digits is %s', (a, b, fractionDigits, expected) => {
    expect(divideDecimals(a, b, fractionDigits)).toBe(expected);
  });

  it('refuses a zero divisor', () => {
    expect(divideDecimals('1', '0', 4)).toBeNull();
  });

  it('calls a number of digits that is none a mistake of the program', () => {
    expect(() => divideDecimals('1', '3', -1)).toThrow(RangeError);
    expect(() => divideDecimals('1', '3', 1.5)).toThrow(RangeError);
  });

  it('is the nearest number of that many digits, and the even one of two equally near', () => {
    fc.assert(
      fc.property(decimalPair, fc.nat(12), ([a, b], fractionDigits) => {
        fc.pre(b !== '0');
        const result = divideDecimals(a, b, fractionDigits)!;
        expect(result).toMatch(CANONICAL);
        expect((result.split('.')[1] ?? '').length).toBeLessThanOrEqual(fractionDigits);
        const [dividend, divisor, rounded] = [rationalOf(a), rationalOf(b), rationalOf(result)];
        const quotient = {
          numerator: dividend.numerator * divisor.denominator,
          denominator: dividend.denominator * divisor.numerator,
        };
        const error = difference(quotient, rounded);
        const scaled = 2n * abs(error.numerator) * 10n ** BigInt(fractionDigits);
        expect(scaled <= abs(error.denominator)).toBe(true);
        if (scaled === abs(error.denominator)) {
          const lastDigit = (rounded.numerator * 10n ** BigInt(fractionDigits)) / rounded.denominator;
          expect(lastDigit % 2n).toBe(0n);
        }
      }),
      { numRuns: 1_000 },
    );
  });
});

function abs(value: bigint): bigint {
  return value < 0n ? -value : value;
}

import { describe, expect, it } from 'vitest';
import { clockTime, directionOf, duration, groupDigits, percent, shortAmount } from './format.ts';

describe('grouping digits', () => {
  it.each([
    ['0', '0'],
    ['999', '999'],
    ['1000', '1,000'],
    ['137421000', '137,421,000'],
    ['1234.56789', '1,234.56789'],
    ['0.00001234', '0.00001234'],
    ['-1234567', '-1,234,567'],
    ['12345678901234567890.12345678901234567890', '12,345,678,901,234,567,890.12345678901234567890'],
  ])('%s is %s, with every digit', (value, shown) => {
    expect(groupDigits(value)).toBe(shown);
  });
});

describe('per cent', () => {
  it.each([
    ['0.0064', '+0.64%'],
    ['-0.0123', '−1.23%'],
    ['0', '0.00%'],
    ['0.1', '+10.00%'],
    ['12.3456789', '+1,234.57%'],
    ['-0.00001', '0.00%'],
    ['0.014577', '+1.46%'],
  ])('of %s is %s', (rate, shown) => {
    expect(percent(rate)).toBe(shown);
  });
});

describe('a large amount', () => {
  it.each([
    ['234567890123', '2,345억', '234B'],
    ['1234567890123', '1.23조', '1.23T'],
    ['12034567890.99', '120억', '12B'],
    ['105000000', '1.05억', '105M'],
    ['100000000', '1억', '100M'],
    ['98765', '9.87만', '98.7K'],
    ['9999.5', '9,999', '9.99K'],
    ['0.5', '0', '0'],
    ['123456789012345678', '123,456조', '123,456T'],
  ])('%s is %s and %s, cut and never rounded up', (value, korean, english) => {
    expect(shortAmount(value, 'ko')).toBe(korean);
    expect(shortAmount(value, 'en')).toBe(english);
  });
});

describe('small things', () => {
  it('know directions', () => {
    expect(['0.1', '-0.1', '0', null].map(directionOf)).toEqual(['up', 'down', 'flat', 'flat']);
  });

  it('show a time of day to the millisecond', () => {
    expect(clockTime(new Date(2026, 0, 2, 9, 3, 7, 41).getTime() + 0.25)).toBe('09:03:07.041');
  });

  it('show durations in a fitting unit, and no clock difference below nothing', () => {
    expect([84.4, 3_210, 125_000, -30].map(duration)).toEqual(['84ms', '3.2s', '2m 5s', '0ms']);
  });
});

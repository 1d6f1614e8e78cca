import { describe, expect, it } from 'vitest';
import { kimchiPremium } from './premium.ts';

describe('the kimchi premium', () => {
  it.each([
    ['139200000', '98000', '1400', '0.014577'],
    ['137200000', '98000', '1400', '0'],
    ['135000000', '98000', '1400', '-0.016035'],
    // Prices far below one lose no digit on the way.
    ['0.0000713', '0.00000005', '1400', '0.018571'],
  ])('of %s KRW, %s USDT and %s KRW per USDT is %s', (upbit, binance, usdt, premium) => {
    expect(kimchiPremium(upbit, binance, usdt)).toBe(premium);
  });

  it.each([
    [null, '98000', '1400'],
    ['139200000', null, '1400'],
    ['139200000', '98000', null],
    ['139200000', '0', '1400'],
    ['139200000', '98000', '0'],
  ])('is left out for %s, %s, %s', (upbit, binance, usdt) => {
    expect(kimchiPremium(upbit, binance, usdt)).toBeNull();
  });
});

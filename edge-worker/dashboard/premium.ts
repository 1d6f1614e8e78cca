import { type Decimal, divideDecimals, isPositive, subtractDecimals } from '../../shared/model/decimal.ts';

/** Far more digits than any price has, so that only the last rounding shows. */
const WORKING_DIGITS = 30;

/**
 * How much more a coin costs in Korea: `Upbit KRW ÷ (Binance USDT × USDT/KRW) − 1`, a signed fraction with six digits.
 * `null` when one of the three is missing or not above zero: no premium is better than a wrong one.
 *
 * @example
 * kimchiPremium('139200000', '98000', '1400'); // '0.014577'
 */
export function kimchiPremium(
  upbitKrw: Decimal | null,
  binanceUsdt: Decimal | null,
  usdtKrw: Decimal | null,
): Decimal | null {
  if (upbitKrw === null || binanceUsdt === null || usdtKrw === null) return null;
  if (!isPositive(upbitKrw) || !isPositive(binanceUsdt) || !isPositive(usdtKrw)) return null;
  const krwPerUsdt = divideDecimals(upbitKrw, binanceUsdt, WORKING_DIGITS);
  const ratio = krwPerUsdt === null ? null : divideDecimals(krwPerUsdt, usdtKrw, 6);
  return ratio === null ? null : subtractDecimals(ratio, '1');
}

/** Price step in force at a price, both in the instrument's price units (10^-priceDecimals of the quote). */
export type TickTable = (priceUnits: number) => number;

/**
 * Steps of KRW markets, `[from price, step]` in won, largest first
 * (https://docs.upbit.com/kr/docs/krw-market-info, in force since 2025-07-31).
 */
const KRW_STEPS: ReadonlyArray<readonly [number, number]> = [
  [1_000_000, 1_000],
  [500_000, 500],
  [100_000, 100],
  [50_000, 50],
  [10_000, 10],
  [5_000, 5],
  [1_000, 1],
  [100, 1],
  [10, 0.1],
  [1, 0.01],
  [0.1, 0.001],
  [0.01, 0.0001],
  [0.001, 0.00001],
  [0.0001, 0.000001],
  [0.00001, 0.0000001],
  [0, 0.00000001],
];

/** The KRW table for an instrument that counts prices in 10^-decimals won. */
export function krwTickTable(decimals: number): TickTable {
  const unit = 10 ** decimals;
  const from = KRW_STEPS.map(([price]) => Math.round(price * unit));
  const steps = KRW_STEPS.map(([, step]) => Math.max(1, Math.round(step * unit)));
  return price => {
    let band = 0;
    while (price < from[band]!) band += 1;
    return steps[band]!;
  };
}

/** One fixed step, as Binance gives each symbol (`PRICE_FILTER.tickSize`), in 10^-decimals of the quote. */
export function fixedTick(stepUnits: number): TickTable {
  return () => stepUnits;
}

/** Decimals of a fixed price step that is about a hundred-thousandth of the price, 8 at most. */
export function stepDecimalsFor(price: number): number {
  return Math.min(8, Math.max(2, Math.ceil(4 - Math.log10(price))));
}

/** The highest price on the grid at or below `price`. */
export function floorToTick(price: number, tick: TickTable): number {
  const step = tick(price);
  return Math.floor(price / step) * step;
}

/** The grid price just above one that is on the grid. */
export function nextTick(price: number, tick: TickTable): number {
  return price + tick(price);
}

/** The grid price just below one that is on the grid: at a band's lower edge the step of the band below counts. */
export function previousTick(price: number, tick: TickTable): number {
  return price - tick(price - 1);
}

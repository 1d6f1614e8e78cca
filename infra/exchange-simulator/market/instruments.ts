import { type Coin, createCoins } from './coins.ts';
import { fixedTick, krwTickTable, stepDecimalsFor, type TickTable } from './tick-table.ts';

export const EXCHANGES = ['binance', 'upbit', 'bithumb', 'coinone'] as const;
export type ExchangeName = (typeof EXCHANGES)[number];

/**
 * One coin against one currency at one exchange. Prices and sizes are whole numbers below 2^53:
 * price × 10^priceDecimals and size × 10^sizeDecimals.
 */
export type Instrument = {
  index: number;
  exchange: ExchangeName;
  /** The exchange's own spelling: `BTCUSDT`, `KRW-BTC`. */
  nativeCode: string;
  /** Ours: `BTC/KRW`. */
  symbol: string;
  base: Coin;
  quote: string;
  /** Position of the base in the list of coins. */
  coin: number;
  priceDecimals: number;
  sizeDecimals: number;
  /** Smallest step of a size, in size units. */
  lotUnits: number;
  tick: TickTable;
  /** Levels kept on each side. */
  depth: number;
  /** Share of all market steps, not normalised. */
  weight: number;
};

/** How many over all exchanges, or how many at each. */
export type InstrumentCounts = number | Record<ExchangeName, number>;

/** What the exchanges list (measured in September 2026; Binance with room to spare). */
export const FULL_SIZE: Record<ExchangeName, number> = { binance: 2_000, upbit: 855, bithumb: 493, coinone: 363 };

/** KRW for one dollar at the start; only the scale of KRW prices depends on it. */
export const KRW_PER_USD = 1_420;

const SHARES: Record<ExchangeName, number> = { binance: 0.36, upbit: 0.26, bithumb: 0.19, coinone: 0.19 };
const CROSS_SHARE: Record<ExchangeName, number> = { binance: 0.12, upbit: 0.12, bithumb: 0.03, coinone: 0 };
const CROSS_QUOTES: Record<ExchangeName, readonly string[]> = {
  binance: ['BTC', 'FDUSD'],
  upbit: ['BTC', 'USDT'],
  bithumb: ['BTC'],
  coinone: [],
};
const ACTIVITY: Record<ExchangeName, number> = { binance: 1.3, upbit: 1, bithumb: 0.8, coinone: 0.7 };
const DEPTH: Record<ExchangeName, number> = { binance: 100, upbit: 30, bithumb: 30, coinone: 30 };
/** A pair whose price is only a few steps of 10^-8 would have no room for a book. */
const MIN_CROSS_PRICE = 0.000001;
const STABLE = new Set(['USDT', 'FDUSD']);

/**
 * Spread `total` instruments over the exchanges. Each lists the coins from the top against its main currency
 * (USDT or KRW), then a few against its other ones, so the same coins meet everywhere.
 */
export function createInstruments(total: InstrumentCounts, seed: number): { coins: Coin[]; instruments: Instrument[] } {
  const counts = typeof total === 'number' ? sharesOf(total) : total;
  const coins = createCoins(Math.max(60, ...Object.values(counts).map(count => count + 8)), seed);
  const instruments: Instrument[] = [];
  for (const exchange of EXCHANGES) {
    for (const [coin, quote] of pairsOf(exchange, counts[exchange], coins)) {
      instruments.push(createInstrument(instruments.length, exchange, coins, coin, quote));
    }
  }
  return { coins, instruments };
}

function sharesOf(total: number): Record<ExchangeName, number> {
  const counts: Record<ExchangeName, number> = { ...SHARES, binance: total };
  for (const exchange of EXCHANGES.filter(name => name !== 'binance')) {
    counts[exchange] = Math.max(1, Math.round(total * SHARES[exchange]));
    counts.binance -= counts[exchange];
  }
  counts.binance = Math.max(1, counts.binance);
  return counts;
}

function pairsOf(exchange: ExchangeName, count: number, coins: readonly Coin[]): Array<readonly [number, string]> {
  const crosses = Math.floor(count * CROSS_SHARE[exchange]);
  const main = exchange === 'binance' ? 'USDT' : 'KRW';
  const pairs: Array<readonly [number, string]> = [];
  for (let coin = 0; pairs.length < count - crosses; coin += 1) {
    const ticker = coins[coin]!.ticker;
    const isListed = ticker !== main && (exchange === 'binance' || /^[A-Z0-9]+$/.test(ticker));
    if (isListed) pairs.push([coin, main]);
  }
  const quotes = CROSS_QUOTES[exchange];
  for (let step = 0; pairs.length < count; step += 1) {
    const coin = Math.floor(step / quotes.length);
    const quote = quotes[step % quotes.length]!;
    const { ticker, usd } = coins[coin]!;
    const isDear = priceIn(quote, usd, coins[0]!.usd) >= MIN_CROSS_PRICE;
    if (isDear && ticker !== quote && !STABLE.has(ticker) && /^[A-Z0-9]+$/.test(ticker)) pairs.push([coin, quote]);
  }
  return pairs;
}

/** One market of a coin at an exchange; what it costs decides its steps and decimals. */
export function createInstrument(
  index: number,
  exchange: ExchangeName,
  coins: readonly Coin[],
  coin: number,
  quote: string,
): Instrument {
  const base = coins[coin]!;
  const price = priceIn(quote, base.usd, coins[0]!.usd);
  const priceDecimals = price >= 1_000_000 ? 4 : 8;
  const sizeDecimals = base.usd >= 0.1 ? 8 : base.usd >= 0.001 ? 6 : base.usd >= 0.00001 ? 4 : 2;
  return {
    index,
    exchange,
    nativeCode: exchange === 'binance' ? `${base.ticker}${quote}` : `${quote}-${base.ticker}`,
    symbol: `${base.ticker}/${quote}`,
    base,
    quote,
    coin,
    priceDecimals,
    sizeDecimals,
    lotUnits: exchange === 'binance' ? 10 ** Math.max(0, sizeDecimals - lotDecimals(base.usd)) : 1,
    tick: tickOf(quote, price, priceDecimals),
    depth: DEPTH[exchange],
    weight: (ACTIVITY[exchange] * (quote === 'KRW' || quote === 'USDT' ? 1 : 0.3)) / (coin + 1.5) ** 0.85,
  };
}

function priceIn(quote: string, usd: number, btcUsd: number): number {
  if (quote === 'KRW') return usd * KRW_PER_USD;
  return quote === 'BTC' ? usd / btcUsd : usd;
}

/** Decimals of a Binance size: dearer coins trade in smaller parts. */
function lotDecimals(usd: number): number {
  return Math.min(5, Math.max(0, Math.ceil(Math.log10(usd))));
}

function tickOf(quote: string, price: number, priceDecimals: number): TickTable {
  if (quote === 'KRW') return krwTickTable(priceDecimals);
  if (quote === 'BTC') return fixedTick(1);
  return fixedTick(10 ** (priceDecimals - stepDecimalsFor(price)));
}

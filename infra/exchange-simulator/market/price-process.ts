import type { Coin } from './coins.ts';
import { type ExchangeName, type Instrument, KRW_PER_USD } from './instruments.ts';
import type { Prng } from './prng.ts';

/** A value that wanders around a mean and is pulled back to it (an Ornstein-Uhlenbeck process, stepped lazily). */
class Wanderer {
  value: number;
  #timeMs: number;
  readonly #mean: number;
  readonly #deviation: number;
  readonly #memoryMs: number;

  /** `deviation` is its long-run spread, `memoryMs` how long it takes to forget where it was. */
  constructor(mean: number, deviation: number, memoryMs: number, startMs: number) {
    this.value = mean;
    this.#mean = mean;
    this.#deviation = deviation;
    this.#memoryMs = memoryMs;
    this.#timeMs = startMs;
  }

  at(timeMs: number, prng: Prng): number {
    const elapsed = timeMs - this.#timeMs;
    if (elapsed <= 0) return this.value;
    this.#timeMs = timeMs;
    const share = Math.min(1, elapsed / this.#memoryMs);
    this.value += (this.#mean - this.value) * share + this.#deviation * Math.sqrt(2 * share) * prng.gauss();
    return this.value;
  }
}

const HOUR_MS = 3_600_000;

/** Tether follows the premium only in part, so that a premium measured through it stays visible. */
const TETHER_SHARE = 0.2;

/** What one exchange's own people pay on top of the others'. */
const LOCAL_PREMIUM: Partial<Record<ExchangeName, number>> = { bithumb: 0.0006, coinone: -0.0004 };

/**
 * What coins are worth: a dollar price per coin that follows one market factor and its own noise, the won rate, and
 * the premium Koreans pay (1 to 4 %, alive within minutes, slightly different per coin and exchange). Every read
 * moves the processes forward, so only the market itself may ask.
 */
export class PriceProcess {
  readonly #prng: Prng;
  readonly #coins: Coin[];
  readonly #factor: Wanderer;
  readonly #own: Wanderer[];
  readonly #beta: number[];
  readonly #won: Wanderer;
  readonly #premium: Wanderer;
  readonly #premiumOfCoin: number[];

  constructor(coins: Coin[], prng: Prng, startMs: number) {
    this.#prng = prng;
    this.#coins = coins;
    this.#factor = new Wanderer(0, 0.03, 30 * HOUR_MS, startMs);
    this.#own = coins.map((_, rank) => new Wanderer(0, rank === 0 ? 0.004 : 0.025, 20 * HOUR_MS, startMs));
    this.#beta = coins.map((_, rank) => (rank === 0 ? 1 : 0.8 + prng.unit() * 0.7));
    this.#won = new Wanderer(KRW_PER_USD, 3, HOUR_MS, startMs);
    this.#premium = new Wanderer(0.025, 0.005, HOUR_MS / 2, startMs);
    this.#premiumOfCoin = coins.map(() => (prng.unit() - 0.5) * 0.006);
  }

  /** A coin more; with `like` it is worth what that one is, under another name. Returns its position. */
  add(coin: Coin, timeMs: number, like: number | null): number {
    this.#coins.push(coin);
    this.#own.push(like === null ? new Wanderer(0, 0.025, 20 * HOUR_MS, timeMs) : this.#own[like]!);
    this.#beta.push(like === null ? 1 : this.#beta[like]!);
    this.#premiumOfCoin.push(like === null ? 0 : this.#premiumOfCoin[like]!);
    return this.#coins.length - 1;
  }

  /** Fair price of an instrument in its quote currency. */
  fair(instrument: Instrument, timeMs: number): number {
    const usd = this.#usd(instrument.coin, timeMs);
    if (instrument.quote === 'BTC') return usd / this.#usd(0, timeMs);
    if (instrument.quote !== 'KRW') return usd;
    return usd * this.#won.at(timeMs, this.#prng) * (1 + this.#premiumOf(instrument, timeMs));
  }

  /** Won per dollar as last used. */
  get krwPerUsd(): number {
    return this.#won.value;
  }

  #usd(coin: number, timeMs: number): number {
    const usd = this.#coins[coin]!.usd;
    if (this.#coins[coin]!.ticker === 'USDT') return usd;
    const log = this.#beta[coin]! * this.#factor.at(timeMs, this.#prng) + this.#own[coin]!.at(timeMs, this.#prng);
    return usd * Math.exp(log);
  }

  #premiumOf(instrument: Instrument, timeMs: number): number {
    const local = LOCAL_PREMIUM[instrument.exchange] ?? 0;
    const premium = this.#premium.at(timeMs, this.#prng) + this.#premiumOfCoin[instrument.coin]! + local;
    const bounded = Math.min(0.04, Math.max(0.01, premium));
    return this.#coins[instrument.coin]!.ticker === 'USDT' ? bounded * TETHER_SHARE : bounded;
  }
}

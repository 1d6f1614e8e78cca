/**
 * One side of a whole book: its levels by price, exact, changed one at a time.
 *
 * Levels lie in an array with the best at its end, where nearly all changes happen, so that making room moves few of
 * them. Searches compare doubles: reading two prices as doubles never turns their order around, it can only make them
 * equal, and then the exact texts decide. `book-levels.bench.ts` measures it.
 */
import { compareDecimals, type Decimal, isZero } from '../../shared/model/decimal.ts';
import type { Level } from '../../shared/model/market-event.ts';

/** Levels kept at most: a bound for a side that grows over weeks. The worst give way. */
export const MAX_LEVELS = 5000;

export class BookLevels {
  /** Bids rise towards the end of the array, asks fall. */
  readonly #sign: 1 | -1;
  /** Prices as doubles times `#sign`, rising; `#keys[i]` belongs to `#levels[i]`. */
  readonly #keys: number[];
  readonly #levels: Level[];
  /**
   * Behind this price nothing is kept; `null` when all of the side is known. A level that changes there becomes known,
   * but those between it and us do not: shown, it would pass for their neighbour.
   */
  #horizon: Decimal | null = null;

  /**
   * @param levels in any order; of two with one price the later counts
   * @param isCutOff whether the exchange has more levels behind the worst of these
   */
  constructor(side: 'bid' | 'ask', levels: readonly Level[], isCutOff: boolean) {
    this.#sign = side === 'bid' ? 1 : -1;
    this.#levels = [...new Map(levels)].sort((a, b) => this.#sign * compareDecimals(a[0], b[0]));
    this.#keys = this.#levels.map(([price]) => this.#sign * Number(price));
    if (isCutOff) this.#horizon = this.#levels[0]?.[0] ?? null;
    this.#shed();
  }

  get length(): number {
    return this.#levels.length;
  }

  /** Price of the worst level that was known when the rest was cut off. */
  get horizon(): Decimal | null {
    return this.#horizon;
  }

  get best(): Decimal | null {
    return this.#levels.at(-1)?.[0] ?? null;
  }

  /** Gives a price this size; size 0 takes it away, whether it was there or not. */
  set(level: Level): void {
    const [price, size] = level;
    if (this.#horizon !== null && this.#sign * compareDecimals(price, this.#horizon) < 0) return;
    const key = this.#sign * Number(price);
    const at = this.#find(key, price);
    const isThere = this.#levels[at]?.[0] === price;
    if (isZero(size)) {
      if (!isThere) return;
      this.#keys.splice(at, 1);
      this.#levels.splice(at, 1);
    } else if (isThere) {
      this.#levels[at] = level;
    } else {
      this.#keys.splice(at, 0, key);
      this.#levels.splice(at, 0, level);
      this.#shed();
    }
  }

  /** The best levels, best first: all of them known to follow each other without one between. */
  top(count: number): Level[] {
    return this.#levels.slice(-count).reverse();
  }

  /** Whether this many levels are known to be the best ones, or there are no more. */
  isKnownTo(count: number): boolean {
    return this.#horizon === null || this.#levels.length >= count;
  }

  /** Index of the price, or where it would stand. */
  #find(key: number, price: Decimal): number {
    let [low, high] = [0, this.#keys.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      const other = this.#keys[middle]!;
      const isBefore =
        other < key || (other === key && this.#sign * compareDecimals(this.#levels[middle]![0], price) < 0);
      if (isBefore) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #shed(): void {
    const tooMany = this.#levels.length - MAX_LEVELS;
    if (tooMany <= 0) return;
    this.#keys.splice(0, tooMany);
    this.#levels.splice(0, tooMany);
    this.#horizon = this.#levels[0]![0];
  }
}

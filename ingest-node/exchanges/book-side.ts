/**
 * Collects one side of an order book from a frame that lists whole levels, and hands out the top of it.
 *
 * Levels with price 0 or size 0 are dropped: Upbit pads thin sides with them, and Bithumb rounds dust to size 0 at
 * prices that are alive. A negative or unreadable number condemns the side, since the levels around it cannot be trusted.
 */
import { compareDecimals, type Decimal, isNegative, isZero } from '../../shared/model/decimal.ts';
import type { Level, OrderBook, Quote } from '../../shared/model/market-event.ts';
import type { LosslessValue } from '../conversion/lossless-json.ts';
import { decimalOf, describe } from './field-reader.ts';

/** Levels per side that an order book event carries. */
const BOOK_DEPTH = 15;

export class BookSide {
  /** What was wrong with the first bad level; `null` while all is well. */
  fault: string | null = null;
  readonly #name: 'bid' | 'ask';
  /** What comparing a level with the one behind it gives: bids fall, asks rise. */
  readonly #order: 1 | -1;
  readonly #levels: Level[] = [];
  #isSorted = true;

  constructor(name: 'bid' | 'ask') {
    this.#name = name;
    this.#order = name === 'bid' ? 1 : -1;
  }

  add(priceValue: LosslessValue | undefined, sizeValue: LosslessValue | undefined): void {
    const price = decimalOf(priceValue);
    const size = decimalOf(sizeValue);
    if (price === null || size === null || isNegative(price) || isNegative(size)) {
      this.fault ??= `${this.#name} level: ${describe(priceValue)}, ${describe(sizeValue)}`;
      return;
    }
    if (isZero(price) || isZero(size)) return;
    const last = this.#levels.at(-1);
    if (last !== undefined && compareDecimals(last[0], price) !== this.#order) this.#isSorted = false;
    this.#levels.push([price, size]);
  }

  /** The best levels, best first. Notes a `fault` when two levels have the same price. */
  top(): readonly Level[] {
    const levels = this.#levels;
    if (!this.#isSorted) {
      levels.sort((a, b) => compareDecimals(b[0], a[0]) * this.#order);
      for (let i = 1; i < levels.length; i += 1) {
        if (levels[i]![0] === levels[i - 1]![0]) this.fault ??= `two ${this.#name} levels at ${levels[i]![0]}`;
      }
    }
    return levels.length > BOOK_DEPTH ? levels.slice(0, BOOK_DEPTH) : levels;
  }
}

/** Crossed or touching: nobody would leave such a book standing, so it is a moment's disorder and not a state. */
export function isCrossed(bid: Decimal | null, ask: Decimal | null): boolean {
  return bid !== null && ask !== null && compareDecimals(bid, ask) >= 0;
}

/** The best bid and ask as a book shows them, for exchanges without a channel of their own for it. */
export function quoteOf(book: OrderBook): Quote {
  const bid = book.bids[0];
  const ask = book.asks[0];
  return {
    type: 'quote',
    offset: 0,
    exchange: book.exchange,
    symbol: book.symbol,
    exchangeTime: book.exchangeTime,
    receivedTime: book.receivedTime,
    bid: bid === undefined ? null : bid[0],
    bidSize: bid === undefined ? null : bid[1],
    ask: ask === undefined ? null : ask[0],
    askSize: ask === undefined ? null : ask[1],
  };
}

/**
 * Collects one side of an order book from a frame that lists whole levels, and hands out the top of it.
 *
 * Levels with price 0 or size 0 are dropped: Upbit pads thin sides with them, and Bithumb rounds dust to size 0 at
 * prices that are alive. A negative or unreadable number condemns the side, since the levels around it cannot be trusted.
 */
import { compareDecimals, type Decimal } from '../../shared/model/decimal.ts';
import type { Level, OrderBook, Quote } from '../../shared/model/market-event.ts';
import { ABSENT, type FrameNode, type FrameReader } from '../conversion/frame-reader.ts';
import { describeNode } from './frame-fields.ts';

/** Levels per side that an order book event carries. */
const BOOK_DEPTH = 15;

export class BookSide {
  /** What was wrong with the first bad level; `null` while all is well. */
  fault: string | null = null;
  readonly #frame: FrameReader;
  readonly #name: 'bid' | 'ask';
  /** What comparing a level with the one behind it gives: bids fall, asks rise. */
  readonly #order: 1 | -1;
  readonly #levels: Level[] = [];
  /** Price and size of the levels behind the top, which are made only where they turn out to belong into it. */
  readonly #rest: FrameNode[] = [];
  #lastPrice: FrameNode = ABSENT;
  #isSorted = true;

  constructor(frame: FrameReader, name: 'bid' | 'ask') {
    this.#frame = frame;
    this.#name = name;
    this.#order = name === 'bid' ? 1 : -1;
  }

  add(price: FrameNode, size: FrameNode): void {
    const frame = this.#frame;
    const priceSign = frame.sign(price);
    const sizeSign = frame.sign(size);
    if (priceSign === null || sizeSign === null || priceSign < 0 || sizeSign < 0) {
      this.fault ??= `${this.#name} level: ${describeNode(frame, price)}, ${describeNode(frame, size)}`;
      return;
    }
    if (priceSign === 0 || sizeSign === 0) return;
    const last = this.#lastPrice;
    if (last !== ABSENT && frame.compare(last, price) !== this.#order) this.#isSorted = false;
    this.#lastPrice = price;
    if (this.#levels.length < BOOK_DEPTH) this.#make(price, size);
    else this.#rest.push(price, size);
  }

  /** The best levels, best first. Notes a `fault` when two levels have the same price. */
  top(): readonly Level[] {
    return this.#isSorted ? this.#levels : this.#sortedTop();
  }

  #make(price: FrameNode, size: FrameNode): void {
    this.#levels.push([this.#frame.decimal(price)!, this.#frame.decimal(size)!]);
  }

  #sortedTop(): readonly Level[] {
    const [levels, rest] = [this.#levels, this.#rest];
    for (let i = 0; i < rest.length; i += 2) this.#make(rest[i]!, rest[i + 1]!);
    levels.sort((a, b) => compareDecimals(b[0], a[0]) * this.#order);
    for (let i = 1; i < levels.length; i += 1) {
      if (levels[i]![0] === levels[i - 1]![0]) this.fault ??= `two ${this.#name} levels at ${levels[i]![0]}`;
    }
    return levels.slice(0, BOOK_DEPTH);
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

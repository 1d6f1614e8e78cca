/**
 * Collects one side of an order book from a frame that lists whole levels, and hands out the top of it.
 *
 * Levels with price 0 or size 0 are dropped: Upbit pads thin sides with them, and Bithumb rounds dust to size 0 at
 * prices that are alive. A negative or unreadable number condemns the side, since the levels around it cannot be trusted.
 */
import { compareDecimals, type Decimal } from '../../shared/model/decimal.ts';
import type { Level, OrderBook, Quote } from '../../shared/model/market-event.ts';
import type { FrameKey, FrameNode, FrameReader } from '../conversion/frame-reader.ts';
import { describeNode } from './frame-fields.ts';

/** Levels per side that an order book event carries. */
const BOOK_DEPTH = 15;
/** Room that is kept from one frame to the next: no exchange sends more levels, but a hostile frame may. */
const USUAL_NODES = 1024;

export class BookSide {
  /** What was wrong with the first bad level; `null` while all is well. */
  fault: string | null = null;
  readonly #frame: FrameReader;
  readonly #name: 'bid' | 'ask';
  /** What comparing a level with the one behind it gives: bids fall, asks rise. */
  readonly #order: 1 | -1;
  /** Price and size of each level, and what is left of longer sides. */
  readonly #nodes: FrameNode[] = [];
  #length = 0;
  #isSorted = true;

  constructor(frame: FrameReader, name: 'bid' | 'ask') {
    this.#frame = frame;
    this.#name = name;
    this.#order = name === 'bid' ? 1 : -1;
  }

  /** Goes on with another frame. */
  begin(): void {
    this.fault = null;
    if (this.#length > USUAL_NODES) this.#nodes.length = 0;
    this.#length = 0;
    this.#isSorted = true;
  }

  /** Adds the levels of an array of objects; whatever else is in it adds one that is none. */
  addEach(rows: FrameNode, priceKey: FrameKey, sizeKey: FrameKey): void {
    const frame = this.#frame;
    for (let row = frame.first(rows), end = frame.end(rows); row < end; row = frame.next(row)) {
      this.add(frame.member(row, priceKey), frame.member(row, sizeKey));
    }
  }

  add(price: FrameNode, size: FrameNode): void {
    const frame = this.#frame;
    if (frame.sign(price) !== 1 || frame.sign(size) !== 1) {
      this.#dropOrBlame(price, size);
      return;
    }
    const nodes = this.#nodes;
    const length = this.#length;
    if (length > 0 && frame.compare(nodes[length - 2]!, price) !== this.#order) this.#isSorted = false;
    nodes[length] = price;
    nodes[length + 1] = size;
    this.#length = length + 2;
  }

  /** The best levels, best first. Notes a `fault` when two levels have the same price. */
  top(): readonly Level[] {
    return this.#isSorted ? this.#levels(Math.min(this.#length, 2 * BOOK_DEPTH)) : this.#sortedTop();
  }

  #levels(length: number): Level[] {
    const frame = this.#frame;
    const nodes = this.#nodes;
    const levels = new Array<Level>(length / 2);
    for (let i = 0; i < length; i += 2) levels[i / 2] = [frame.decimal(nodes[i]!)!, frame.decimal(nodes[i + 1]!)!];
    return levels;
  }

  #sortedTop(): readonly Level[] {
    const levels = this.#levels(this.#length);
    levels.sort((a, b) => compareDecimals(b[0], a[0]) * this.#order);
    for (let i = 1; i < levels.length; i += 1) {
      if (levels[i]![0] === levels[i - 1]![0]) this.fault ??= `two ${this.#name} levels at ${levels[i]![0]}`;
    }
    return levels.slice(0, BOOK_DEPTH);
  }

  /** Not both are above zero. */
  #dropOrBlame(price: FrameNode, size: FrameNode): void {
    const frame = this.#frame;
    for (const sign of [frame.sign(price), frame.sign(size)]) {
      if (sign !== null && sign >= 0) continue;
      this.fault ??= `${this.#name} level: ${describeNode(frame, price)}, ${describeNode(frame, size)}`;
    }
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

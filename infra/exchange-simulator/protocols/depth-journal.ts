import type { Levels, OrderBook } from '../market/order-book.ts';

/** Levels that changed since the last event, with their newest size; every id in between is covered. */
export type DepthChanges = {
  firstId: number;
  lastId: number;
  bids: ReadonlyMap<number, number>;
  asks: ReadonlyMap<number, number>;
};

type Open = { firstId: number; bids: Map<number, number>; asks: Map<number, number> };

/**
 * Collects one book's changes into depth events, and remembers the book as it stood a moment ago for the snapshot
 * call, which on the real exchange lags the stream. Listens to the book from its creation on.
 */
export class DepthJournal {
  readonly #book: OrderBook;
  readonly #fast: Open;
  readonly #slow: Open;
  #lagging: { updateId: number; bids: Levels; asks: Levels };
  #previous: { updateId: number; bids: Levels; asks: Levels };

  constructor(book: OrderBook) {
    this.#book = book;
    this.#fast = { firstId: book.updateId + 1, bids: new Map(), asks: new Map() };
    this.#slow = { firstId: book.updateId + 1, bids: new Map(), asks: new Map() };
    this.#lagging = copyOf(book);
    this.#previous = this.#lagging;
    book.listener = (side, price, size) => {
      for (const open of [this.#fast, this.#slow]) (side === 'bid' ? open.bids : open.asks).set(price, size);
    };
  }

  /** End the event of the last 100 ms or of the last second; null when nothing changed in it. */
  take(speed: 'fast' | 'slow'): DepthChanges | null {
    const open = speed === 'fast' ? this.#fast : this.#slow;
    const lastId = this.#book.updateId;
    if (lastId < open.firstId) return null;
    const changes = { firstId: open.firstId, lastId, bids: new Map(open.bids), asks: new Map(open.asks) };
    open.firstId = lastId + 1;
    open.bids.clear();
    open.asks.clear();
    return changes;
  }

  /**
   * Once per 100 ms: from now on the snapshot call shows the book of one round ago. True when that is the newest
   * book, so that nothing more has to age.
   */
  age(): boolean {
    this.#lagging = this.#previous;
    if (this.#previous.updateId !== this.#book.updateId) this.#previous = copyOf(this.#book);
    return this.#lagging.updateId === this.#book.updateId;
  }

  snapshot(): { updateId: number; bids: Levels; asks: Levels } {
    return this.#lagging;
  }
}

function copyOf(book: OrderBook): { updateId: number; bids: Levels; asks: Levels } {
  return { updateId: book.updateId, bids: book.top('bid', 5_000), asks: book.top('ask', 5_000) };
}

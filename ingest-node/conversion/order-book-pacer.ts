/**
 * At most one order book per instrument in each interval, and never one that says the same as the last.
 *
 * The first book after a quiet interval leaves at once. Those that follow within the interval wait, a newer one in the
 * place of an older one, and the newest leaves when the interval is over: the trailing edge is kept, so what a consumer
 * holds is never older than one interval. A book that returns to what was published last cancels the one that waits.
 *
 * The pacer holds no timer and reads no clock: the caller offers books with the time they came and asks for the due ones.
 */

import type { OrderBook } from '../../shared/model/market-event.ts';
import type { EpochMillis } from '../../shared/model/time.ts';
import { InstrumentMap } from './instrument-map.ts';
import { TextDigest } from './text-digest.ts';

/** Of what was published only a digest is kept: the levels of thousands of books would live, and be moved, for nothing. */
type PacedBook = {
  published: number;
  publishedAt: EpochMillis;
  waiting: OrderBook | null;
  waitingDigest: number;
};

/** What became of an offered book. */
export type Pacing =
  /** Publish it now. */
  | 'publish'
  /** It waits for its interval to end; `flush` will hand it out unless a newer one takes its place. */
  | 'wait'
  /** It waits in the place of an older one, which is never published. */
  | 'replace'
  /** It says what was published last. */
  | 'unchanged';

export class OrderBookPacer {
  readonly #intervalMs: number;
  readonly #books = new InstrumentMap<PacedBook>();
  readonly #waiting = new Set<PacedBook>();

  /** `intervalMs` 0 lets every changed book pass. */
  constructor(intervalMs: number) {
    this.#intervalMs = intervalMs;
  }

  offer(book: OrderBook, now: EpochMillis): Pacing {
    const digest = digestOf(book);
    const paced = this.#books.get(book);
    if (paced === undefined) {
      this.#books.set(book, { published: digest, publishedAt: now, waiting: null, waitingDigest: 0 });
      return 'publish';
    }
    if (paced.published === digest) {
      this.#stopWaiting(paced);
      return 'unchanged';
    }
    if (this.#isDue(paced, now)) {
      this.#stopWaiting(paced);
      paced.published = digest;
      paced.publishedAt = now;
      return 'publish';
    }
    const hadOne = paced.waiting !== null;
    paced.waiting = book;
    paced.waitingDigest = digest;
    this.#waiting.add(paced);
    return hadOne ? 'replace' : 'wait';
  }

  /** The waiting books whose interval is over, to be published now. */
  flush(now: EpochMillis): readonly OrderBook[] {
    const due: OrderBook[] = [];
    for (const paced of this.#waiting) {
      if (paced.waiting === null || !this.#isDue(paced, now)) continue;
      due.push(paced.waiting);
      paced.published = paced.waitingDigest;
      paced.publishedAt = now;
      this.#stopWaiting(paced);
    }
    return due;
  }

  /** Forgets what was published and what waits. */
  clear(): void {
    this.#books.clear();
    this.#waiting.clear();
  }

  /** How many books wait. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** A clock that was set back makes every book due: better one too early than none for an hour. */
  #isDue(paced: PacedBook, now: EpochMillis): boolean {
    return now - paced.publishedAt >= this.#intervalMs || now < paced.publishedAt;
  }

  #stopWaiting(paced: PacedBook): void {
    paced.waiting = null;
    this.#waiting.delete(paced);
  }
}

function digestOf({ bids, asks }: OrderBook): number {
  const digest = new TextDigest();
  for (const side of [bids, asks]) {
    for (const [price, size] of side) {
      digest.add(price);
      digest.add(size);
    }
    // A level may not pass for one of the other side.
    digest.add('');
  }
  return digest.value;
}

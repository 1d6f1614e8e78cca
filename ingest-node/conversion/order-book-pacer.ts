/**
 * At most one order book per instrument in each interval, and never one that says the same as the last.
 *
 * The first book after a quiet interval leaves at once. Those that follow within the interval wait, a newer one in the
 * place of an older one, and the newest leaves when the interval is over: the trailing edge is kept, so what a consumer
 * holds is never older than one interval. A book that returns to what was published last cancels the one that waits.
 *
 * The pacer holds no timer and reads no clock: the caller offers books with the time they came and asks for the due ones.
 */
import type { Level, OrderBook } from '../../shared/model/market-event.ts';
import type { EpochMillis } from '../../shared/model/time.ts';

type PacedBook = { published: OrderBook; publishedAt: EpochMillis; waiting: OrderBook | null };

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
  readonly #books = new Map<string, PacedBook>();
  readonly #waiting = new Set<PacedBook>();

  /** `intervalMs` 0 lets every changed book pass. */
  constructor(intervalMs: number) {
    this.#intervalMs = intervalMs;
  }

  offer(book: OrderBook, now: EpochMillis): Pacing {
    const key = `${book.exchange}:${book.symbol}`;
    const paced = this.#books.get(key);
    if (paced === undefined) {
      this.#books.set(key, { published: book, publishedAt: now, waiting: null });
      return 'publish';
    }
    if (sameLevels(paced.published.bids, book.bids) && sameLevels(paced.published.asks, book.asks)) {
      this.#stopWaiting(paced);
      return 'unchanged';
    }
    if (this.#isDue(paced, now)) {
      this.#stopWaiting(paced);
      paced.published = book;
      paced.publishedAt = now;
      return 'publish';
    }
    const hadOne = paced.waiting !== null;
    paced.waiting = book;
    this.#waiting.add(paced);
    return hadOne ? 'replace' : 'wait';
  }

  /** The waiting books whose interval is over, to be published now. */
  flush(now: EpochMillis): readonly OrderBook[] {
    const due: OrderBook[] = [];
    for (const paced of this.#waiting) {
      if (paced.waiting === null || !this.#isDue(paced, now)) continue;
      due.push(paced.waiting);
      paced.published = paced.waiting;
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

function sameLevels(some: readonly Level[], others: readonly Level[]): boolean {
  if (some.length !== others.length) return false;
  for (let i = 0; i < some.length; i += 1) {
    if (some[i]![0] !== others[i]![0] || some[i]![1] !== others[i]![1]) return false;
  }
  return true;
}

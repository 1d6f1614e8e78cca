/**
 * Builds one book from a snapshot and the changes around it. Which change follows which state is the exchange's rule
 * (`judge`, see `exchanges/binance-book.ts`, whose step numbers stand below); here is what to do about it.
 *
 * - *waiting*: there is no book. Changes are kept until a snapshot comes that they continue.
 * - *live*: changes are applied as they come. One that leaves the book crossed ends it. One that does not follow may be
 *   ahead of those before it, while a second socket carries the book too: it is held until they come, or until the owner
 *   gives them up, which ends the book.
 * - *renewing*: live, but the known part of a side has become short, or it was asked for. A snapshot is wanted, and
 *   changes are kept for it.
 *
 * No clock, no request, no throw: the owner asks {@link OrderBookBuilder.wantsSnapshot} and fetches.
 */
import type { Decimal } from '../../shared/model/decimal.ts';
import { compareDecimals } from '../../shared/model/decimal.ts';
import type { Level } from '../../shared/model/market-event.ts';
import type { EpochMillis } from '../../shared/model/time.ts';
import type { BookDelta, BookSnapshot, DeltaBookRules } from '../exchanges/exchange-adapter.ts';
import { BookLevels } from './book-levels.ts';

/** Levels per side that an order book event carries. */
const BOOK_DEPTH = 15;
/** A side of which fewer levels than this are known wants a new snapshot: early enough to go on publishing. */
const RENEW_BELOW = 50;
/** Changes kept for a snapshot: nearly two minutes of them, where a request takes ten seconds at most. */
const MAX_KEPT = 1000;
/** Changes held for others before them: more than a second of them from two sockets. */
const MAX_EARLY = 25;

export type DeltaOutcome =
  | 'applied'
  /** It was part of the book already. */
  | 'ignored'
  /** Kept for the snapshot that is awaited. */
  | 'kept'
  /** Held for changes that are missing before it; see {@link OrderBookBuilder.giveUp}. */
  | 'early'
  /** Changes are missing before it: the book was thrown away, or what was kept before it is of no use. */
  | 'gap'
  /** It left the best bid at or over the best ask, so something had been missed: the book was thrown away. */
  | 'crossed';

export type AlignOutcome =
  | 'aligned'
  /** Changes between it and those we have are missing: a later one is needed. */
  | 'tooOld'
  | 'crossed';

/** The part of a book that is published. */
export type BookTop = {
  readonly bids: readonly Level[];
  readonly asks: readonly Level[];
  readonly sequence: number;
  /** Of the last change; `null` for a snapshot that nothing has changed since. */
  readonly exchangeTime: EpochMillis | null;
};

export type OrderBookBuilderOptions = {
  readonly judge: DeltaBookRules['judge'];
  /** A side of a snapshot with this many levels was cut off. */
  readonly snapshotLevels: number;
  readonly renewBelow?: number;
};

export class OrderBookBuilder {
  readonly #judge: DeltaBookRules['judge'];
  readonly #snapshotLevels: number;
  readonly #renewBelow: number;
  #book: WholeBook | null = null;
  /** What a snapshot will be continued by; `null` when none is wanted. */
  #kept: BookDelta[] | null = [];
  /** Those that follow the book only when others have come, in order. Empty without a book. */
  #early: BookDelta[] = [];

  constructor(options: OrderBookBuilderOptions) {
    this.#judge = options.judge;
    this.#snapshotLevels = options.snapshotLevels;
    this.#renewBelow = options.renewBelow ?? RENEW_BELOW;
  }

  get wantsSnapshot(): boolean {
    return this.#kept !== null;
  }

  /** Whether there is a book, and changes are applied. */
  get isLive(): boolean {
    return this.#book !== null;
  }

  /** Whether changes are held for others that are missing before them. */
  get isAhead(): boolean {
    return this.#early.length > 0;
  }

  add(delta: BookDelta): DeltaOutcome {
    const book = this.#book;
    if (book === null) return this.#keep(delta) ? 'kept' : 'gap';
    // Step 4.
    const verdict = this.#judge(delta, book.sequence);
    if (verdict === 'gap') return this.#hold(delta);
    this.#keep(delta);
    if (verdict === 'ignore') return 'ignored';
    return this.#apply(book, delta) && this.#catchUp(book) ? 'applied' : 'crossed';
  }

  /** What is missing will not come. Whether that cost the book. */
  giveUp(): boolean {
    if (!this.isAhead) return false;
    this.#startOver([]);
    return true;
  }

  /** Steps 2 and 3: makes the snapshot the book, if what was kept continues it. */
  align(snapshot: BookSnapshot): AlignOutcome {
    const book = new WholeBook(snapshot, this.#snapshotLevels);
    for (const delta of this.#kept ?? []) {
      const verdict = this.#judge(delta, book.sequence);
      if (verdict === 'gap') return 'tooOld';
      if (verdict === 'apply') book.apply(delta);
    }
    if (this.#book !== null && book.sequence < this.#book.sequence) return 'tooOld';
    if (book.isCrossed) return 'crossed';
    this.#book = book;
    this.#kept = book.isKnownTo(this.#renewBelow) ? null : [];
    return this.#catchUp(book) ? 'aligned' : 'crossed';
  }

  /** Wants a snapshot, and goes on with the book there is: for when nobody knows whether changes were missed. */
  renew(): void {
    this.#kept ??= [];
  }

  /** `null` while there is no book. */
  top(): BookTop | null {
    return this.#book?.top() ?? null;
  }

  /** False when it crossed the book, which is over then. */
  #apply(book: WholeBook, delta: BookDelta): boolean {
    book.apply(delta);
    if (book.isCrossed) {
      this.#startOver([delta]);
      return false;
    }
    if (!book.isKnownTo(this.#renewBelow)) this.#kept ??= [delta];
    return true;
  }

  #hold(delta: BookDelta): DeltaOutcome {
    const place = this.#early.findLastIndex(({ last }) => last <= delta.last);
    if (this.#early[place]?.last !== delta.last) this.#early.splice(place + 1, 0, delta);
    if (this.#early.length <= MAX_EARLY) return 'early';
    this.giveUp();
    return 'gap';
  }

  /** Applies what was early and follows now. False when it crossed the book. */
  #catchUp(book: WholeBook): boolean {
    for (let next = this.#early[0]; next !== undefined; next = this.#early[0]) {
      const verdict = this.#judge(next, book.sequence);
      if (verdict === 'gap') return true;
      this.#early.shift();
      if (verdict === 'ignore') continue;
      this.#keep(next);
      if (!this.#apply(book, next)) return false;
    }
    return true;
  }

  /** With step 1: what follows can continue a snapshot. */
  #startOver(from: BookDelta[]): void {
    this.#book = null;
    this.#kept = [...from, ...this.#early];
    this.#early = [];
  }

  /** False when it does not follow what was kept before: only a snapshot from between the two will fit then. */
  #keep(delta: BookDelta): boolean {
    const kept = this.#kept;
    if (kept === null) return true;
    const last = kept.at(-1);
    const verdict = last === undefined ? 'apply' : this.#judge(delta, last.last);
    if (verdict === 'ignore') return true;
    // The oldest may go: a snapshot that is fetched later continues what is left.
    if (kept.length === MAX_KEPT) kept.splice(0, MAX_KEPT / 2);
    kept.push(delta);
    return verdict !== 'gap';
  }
}

/** Both sides at one state. */
class WholeBook {
  sequence: number;
  readonly #bids: BookLevels;
  readonly #asks: BookLevels;
  #exchangeTime: EpochMillis | null = null;

  constructor({ sequence, bids, asks }: BookSnapshot, snapshotLevels: number) {
    this.sequence = sequence;
    // Step 5.
    this.#bids = new BookLevels('bid', bids, bids.length >= snapshotLevels);
    this.#asks = new BookLevels('ask', asks, asks.length >= snapshotLevels);
  }

  apply({ bids, asks, last, exchangeTime }: BookDelta): void {
    for (const level of bids) this.#bids.set(level);
    for (const level of asks) this.#asks.set(level);
    this.sequence = last;
    this.#exchangeTime = exchangeTime;
  }

  get isCrossed(): boolean {
    return isAtOrOver(this.#bids.best, this.#asks.best);
  }

  isKnownTo(count: number): boolean {
    return this.#bids.isKnownTo(count) && this.#asks.isKnownTo(count);
  }

  top(): BookTop {
    return {
      bids: this.#bids.top(BOOK_DEPTH),
      asks: this.#asks.top(BOOK_DEPTH),
      sequence: this.sequence,
      exchangeTime: this.#exchangeTime,
    };
  }
}

function isAtOrOver(bid: Decimal | null, ask: Decimal | null): boolean {
  return bid !== null && ask !== null && compareDecimals(bid, ask) >= 0;
}

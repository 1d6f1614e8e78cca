/**
 * The books of one exchange that are built from changes: changes in, order books out. A book that lost its place says
 * nothing until it has found it again, so consumers keep the last good one, and the others go on undisturbed.
 */
import type { CancelTimer, Clock } from '../../shared/base/clock.ts';
import type { ExchangeName } from '../../shared/model/exchange.ts';
import type { Instrument } from '../../shared/model/instrument.ts';
import type { OrderBook } from '../../shared/model/market-event.ts';
import type { EpochMillis } from '../../shared/model/time.ts';
import type { BookDelta, BookSnapshot, DeltaBookRules } from '../exchanges/exchange-adapter.ts';
import { BookResync, type BookResyncCounts, type FetchSnapshot } from './book-resync.ts';
import { type AlignOutcome, type BookTop, OrderBookBuilder } from './order-book-builder.ts';

export type DeltaBooksOptions = {
  readonly exchange: ExchangeName;
  readonly rules: DeltaBookRules;
  /** Canonical symbols of the books to build: changes of others are counted and left. */
  readonly symbols: ReadonlySet<string>;
  /** Gets one snapshot, within the budget for requests. */
  readonly fetch: FetchSnapshot;
  /** A book found its place, outside of {@link DeltaBooks.apply}. */
  readonly onBook: (book: OrderBook) => void;
  /** For the log. */
  readonly onReport: (report: DeltaBookReport) => void;
  readonly clock: Clock;
  readonly random?: () => number;
};

/** What became of one book, when it is worth a word. */
export type DeltaBookReport = {
  readonly exchange: ExchangeName;
  readonly symbol: string;
} & (
  | { readonly kind: 'lost'; readonly reason: 'gap' | 'crossed' }
  | { readonly kind: 'retrying'; readonly reason: string }
  /** `waitedMs` from the loss, or from the first change, to the book. */
  | { readonly kind: 'built'; readonly waitedMs: number }
);

/** Since the start, but for the gauges `live`, `waiting` and `longestWaitMs`. */
export type DeltaBookCounts = {
  readonly exchange: ExchangeName;
  /** Books that are up to date. */
  readonly live: number;
  /** Books in line for a snapshot, and how long the first of them has been: what is shown of it is that old. */
  readonly waiting: number;
  readonly longestWaitMs: number;
  readonly deltas: number;
  /** Changes of instruments whose book is not built. */
  readonly unwantedDeltas: number;
  /** Times that changes were missing, and that a book came out crossed. */
  readonly gaps: number;
  readonly crossed: number;
  readonly snapshots: BookResyncCounts;
};

/**
 * After a feed has become live, a market that says nothing for so long is asked for its book: it may be quiet and have
 * none yet, or have changed while we were away. One that says something tells by its numbers.
 */
const QUIET_MS = 5_000;

/**
 * While two sockets carry a book the one ahead brings changes before the one behind has brought those before them. One
 * that lags more costs the book a snapshot.
 */
const GRACE_MS = 500;

type Entry = {
  readonly symbol: string;
  readonly builder: OrderBookBuilder;
  /** Since when there has been no book, on the monotonic clock; `null` while there is one. */
  lostAt: number | null;
  /** When its last change came, on the monotonic clock. */
  changedAt: number;
  /** Running while changes are ahead of others. */
  cancelGrace: CancelTimer | null;
};

export class DeltaBooks {
  readonly #options: DeltaBooksOptions;
  readonly #resync: BookResync;
  /** By native code. */
  readonly #books = new Map<string, Entry>();
  readonly #timers = new Set<CancelTimer>();
  readonly #counts = { deltas: 0, unwantedDeltas: 0, gaps: 0, crossed: 0 };

  constructor(options: DeltaBooksOptions) {
    const { fetch, clock, random = Math.random } = options;
    this.#options = options;
    this.#resync = new BookResync({
      fetch,
      clock,
      random,
      onSnapshot: (nativeCode, snapshot) => this.#align(nativeCode, snapshot),
      onFailure: (nativeCode, reason) => {
        const symbol = this.#books.get(nativeCode)?.symbol ?? nativeCode;
        this.#options.onReport({ exchange: options.exchange, symbol, kind: 'retrying', reason });
      },
    });
  }

  /** The books as they stand after these changes; nothing of those that wait for a snapshot. */
  apply(deltas: readonly BookDelta[], receivedTime: EpochMillis): OrderBook[] {
    const books: OrderBook[] = [];
    for (const delta of deltas) {
      this.#counts.deltas += 1;
      if (!this.#options.symbols.has(delta.symbol)) {
        this.#counts.unwantedDeltas += 1;
        continue;
      }
      const entry = this.#entryOf(delta);
      entry.changedAt = this.#options.clock.monotonic();
      const outcome = entry.builder.add(delta);
      this.#grace(entry, delta.nativeCode);
      if (outcome === 'gap' || outcome === 'crossed') this.#lost(entry, outcome);
      const top = outcome === 'applied' ? entry.builder.top() : null;
      if (top !== null) books.push(this.#eventOf(entry.symbol, top, receivedTime));
      if (entry.builder.wantsSnapshot) this.#resync.request(delta.nativeCode);
    }
    return books;
  }

  /** A feed delivers, for the first time or again; its subscriptions are complete after `subscribingMs`. */
  onFeedLive(carried: readonly Instrument[], subscribingMs: number): void {
    const { clock, symbols } = this.#options;
    const wanted = carried.filter(({ symbol }) => symbols.has(symbol));
    if (wanted.length === 0) return;
    const liveAt = clock.monotonic();
    const cancel = clock.setTimer(subscribingMs + QUIET_MS, () => {
      this.#timers.delete(cancel);
      for (const instrument of wanted) {
        const entry = this.#entryOf(instrument);
        if (entry.changedAt >= liveAt) continue;
        entry.builder.renew();
        this.#resync.request(instrument.nativeCode);
      }
    });
    this.#timers.add(cancel);
  }

  /** Asks for a snapshot of each, though nothing is known to be missing. */
  renew(): void {
    for (const [nativeCode, { builder }] of this.#books) {
      builder.renew();
      this.#resync.request(nativeCode);
    }
  }

  /** Forgets every book: what comes after a pause continues nothing. */
  stop(): void {
    this.#resync.stop();
    for (const cancel of this.#timers) cancel();
    this.#timers.clear();
    for (const { cancelGrace } of this.#books.values()) cancelGrace?.();
    this.#books.clear();
  }

  counts(): DeltaBookCounts {
    const { count, longestMs } = this.#resync.waiting();
    return {
      exchange: this.#options.exchange,
      live: [...this.#books.values()].filter(({ builder }) => builder.isLive).length,
      waiting: count,
      longestWaitMs: longestMs,
      ...this.#counts,
      snapshots: this.#resync.counts(),
    };
  }

  #entryOf({ symbol, nativeCode }: Pick<Instrument, 'symbol' | 'nativeCode'>): Entry {
    let entry = this.#books.get(nativeCode);
    if (entry === undefined) {
      const { rules, clock } = this.#options;
      const builder = new OrderBookBuilder({ judge: rules.judge, snapshotLevels: rules.snapshot.levels });
      const lostAt = clock.monotonic();
      entry = { symbol, builder, lostAt, changedAt: Number.NEGATIVE_INFINITY, cancelGrace: null };
      this.#books.set(nativeCode, entry);
    }
    return entry;
  }

  /** What a change is ahead of must come soon. */
  #grace(entry: Entry, nativeCode: string): void {
    if (!entry.builder.isAhead) {
      entry.cancelGrace?.();
      entry.cancelGrace = null;
      return;
    }
    entry.cancelGrace ??= this.#options.clock.setTimer(GRACE_MS, () => {
      entry.cancelGrace = null;
      if (!entry.builder.giveUp()) return;
      this.#lost(entry, 'gap');
      this.#resync.request(nativeCode);
    });
  }

  #lost(entry: Entry, reason: 'gap' | 'crossed'): void {
    const { exchange, clock, onReport } = this.#options;
    this.#counts[reason === 'gap' ? 'gaps' : 'crossed'] += 1;
    entry.lostAt ??= clock.monotonic();
    onReport({ exchange, symbol: entry.symbol, kind: 'lost', reason });
  }

  #align(nativeCode: string, snapshot: BookSnapshot): AlignOutcome {
    // Who stands in line has an entry: both are forgotten together.
    const entry = this.#books.get(nativeCode)!;
    const outcome = entry.builder.align(snapshot);
    this.#grace(entry, nativeCode);
    const top = outcome === 'aligned' ? entry.builder.top() : null;
    if (top === null) return outcome;
    const { exchange, clock, onBook, onReport } = this.#options;
    if (entry.lostAt !== null) {
      onReport({ exchange, symbol: entry.symbol, kind: 'built', waitedMs: clock.monotonic() - entry.lostAt });
    }
    entry.lostAt = null;
    onBook(this.#eventOf(entry.symbol, top, clock.now()));
    return outcome;
  }

  #eventOf(symbol: string, top: BookTop, receivedTime: EpochMillis): OrderBook {
    const { bids, asks, sequence, exchangeTime } = top;
    const { exchange } = this.#options;
    return {
      type: 'orderBook',
      offset: 0,
      exchange,
      symbol,
      exchangeTime,
      receivedTime,
      bids,
      asks,
      sequence: String(sequence),
    };
  }
}

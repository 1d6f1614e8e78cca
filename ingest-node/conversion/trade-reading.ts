/** The reading of one miss, page by page: where the next page begins, what the pages give, when it is over. Pure. */
import type { Trade } from '../../shared/model/market-event.ts';
import type { EpochMillis } from '../../shared/model/time.ts';
import type { TradeHistory } from '../exchanges/exchange-adapter.ts';
import type { Miss } from './trade-continuity.ts';
import { findMissedByContent, findMissedById } from './trade-overlap.ts';

/** What there is to do after a page, and trades to publish now, in order. */
export type Finding = {
  readonly missed: readonly Trade[];
  /**
   * `more`: take the next page. `wait`: judge what was read when the stream has gone on for a moment. `later`: read all
   * anew after a while. `absent`: the same, but what is wanted should have been there. `done`: nothing is missing any more.
   */
  readonly next: 'more' | 'wait' | 'later' | 'absent' | 'done';
};

/** What cannot be had, when no more is asked. */
export type Remains = {
  /** Trades that were read and are surely among the missed ones, although they do not fill the gap. */
  readonly missed: readonly Trade[];
  readonly afterId: string;
  readonly untilId: string | null;
};

export type MissReading = {
  /** Where the next page begins, see {@link TradeHistory.path}. */
  readonly from: string | null;
  /** All that was missing came by itself. */
  readonly isHealed: boolean;
  /** A page came, in the order of the exchange. */
  take(page: readonly Trade[]): Finding;
  /** After `wait`. */
  judge(): Finding;
  /** Begins anew, but does not ask again for what was found. */
  rewind(): void;
  remains(): Remains;
};

/** More trades than this are not read of one miss: the older ones are a gap. */
const MOST_TRADES = 50_000;

export function readingOf(miss: Miss, history: Pick<TradeHistory, 'ids' | 'pageSize'>): MissReading {
  return history.ids === 'contiguous' ? new UpwardReading(miss, history.pageSize) : new BackwardReading(miss, history);
}

const NOTHING: readonly Trade[] = [];

/** Contiguous ids: every one between two known ones is wanted by name. */
class UpwardReading implements MissReading {
  readonly #miss: Miss;
  readonly #pageSize: number;
  readonly #until: bigint;
  #next: bigint;
  /** The lowest and the highest id that were not where they should be. */
  #absent: { readonly first: bigint; readonly last: bigint } | null = null;

  constructor(miss: Miss, pageSize: number) {
    this.#miss = miss;
    this.#pageSize = pageSize;
    this.#until = miss.until;
    this.#next = miss.from;
    const reach = this.#until - BigInt(MOST_TRADES);
    if (this.#next < reach) {
      this.#absent = { first: this.#next, last: reach - 1n };
      this.#next = reach;
    }
  }

  get from(): string {
    return String(this.#next);
  }

  get isHealed(): boolean {
    const { after, from } = this.#miss;
    const found = after.size - (after.has(String(this.#until)) ? 1 : 0);
    return BigInt(found) >= this.#until - from;
  }

  take(page: readonly Trade[]): Finding {
    const missed: Trade[] = [];
    for (const trade of page) {
      const id = BigInt(trade.id);
      if (id < this.#next || id >= this.#until) continue;
      this.#skipTo(id);
      missed.push(trade);
      this.#next = id + 1n;
    }
    const last = page.at(-1);
    const isBehind = last !== undefined && BigInt(last.id) >= this.#until;
    if (isBehind) this.#skipTo(this.#until);
    if (this.#next >= this.#until) return { missed, next: this.#absent === null ? 'done' : 'absent' };
    return { missed, next: page.length >= this.#pageSize ? 'more' : 'absent' };
  }

  judge(): Finding {
    return { missed: NOTHING, next: 'more' };
  }

  rewind(): void {
    if (this.#absent !== null) this.#next = this.#absent.first;
    this.#absent = null;
  }

  remains(): Remains {
    const first = this.#absent?.first ?? this.#next;
    const last = this.#next < this.#until ? this.#until - 1n : (this.#absent?.last ?? this.#next);
    return { missed: NOTHING, afterId: String(first - 1n), untilId: String(last + 1n) };
  }

  /** What lies before `id` is not in the page; unless the stream brought it late. */
  #skipTo(id: bigint): void {
    for (let absent = this.#next; absent < id; absent += 1n) {
      if (this.#miss.after.has(String(absent))) continue;
      this.#absent = { first: this.#absent?.first ?? absent, last: absent };
    }
    this.#next = id;
  }
}

/** Other ids: from the newest trade back to one that was known before. */
class BackwardReading implements MissReading {
  readonly #miss: Miss;
  readonly #history: Pick<TradeHistory, 'ids' | 'pageSize'>;
  readonly isHealed = false;
  /** Newest first. */
  #rows: Trade[] = [];
  #from: string | null = null;
  #isEnd = false;
  #passedUntil: EpochMillis | null = null;

  constructor(miss: Miss, history: Pick<TradeHistory, 'ids' | 'pageSize'>) {
    this.#miss = miss;
    this.#history = history;
  }

  get from(): string | null {
    return this.#from;
  }

  take(page: readonly Trade[]): Finding {
    const { ids, pageSize } = this.#history;
    this.#isEnd = page.length < pageSize || this.#rows.length + page.length > MOST_TRADES;
    const oldest = page.at(-1)?.id ?? null;
    this.#from = oldest;
    if (ids === 'separate' && oldest !== null && !this.#isEnd) {
      // The page may end within the trades that share an id: the next one brings them all.
      const whole = page.filter(({ id }) => id !== oldest);
      if (whole.length > 0) {
        this.#rows.push(...whole);
        this.#from = String(BigInt(oldest) + 1n);
        return this.#look();
      }
      this.#isEnd = true;
    }
    this.#rows.push(...page);
    return this.#look();
  }

  judge(): Finding {
    return this.#history.ids === 'separate' ? this.#findByContent() : this.#findById();
  }

  rewind(): void {
    this.#rows = [];
    this.#from = null;
    this.#isEnd = false;
  }

  remains(): Remains {
    const newest = this.#newestBefore();
    const isShared = this.#history.ids === 'unordered';
    const missed = isShared ? this.#rows.filter(row => (row.exchangeTime ?? 0) > (newest?.exchangeTime ?? 0)) : [];
    const [firstAfter] = this.#miss.after.keys();
    return { missed: missed.reverse(), afterId: newest?.id ?? '0', untilId: missed[0]?.id ?? firstAfter ?? null };
  }

  /** Whether it is deep enough; matching by content also needs what the stream brought until the page came. */
  #look(): Finding {
    const finding = this.judge();
    if (finding.next === 'more' || this.#history.ids !== 'separate') return finding;
    return { missed: NOTHING, next: 'wait' };
  }

  #findById(): Finding {
    const verdict = findMissedById(this.#miss, this.#reading());
    if (verdict.kind === 'found') return { missed: verdict.missed, next: 'done' };
    return { missed: NOTHING, next: verdict.kind === 'older' ? 'more' : 'absent' };
  }

  #findByContent(): Finding {
    const verdict = findMissedByContent(this.#miss, this.#reading());
    switch (verdict.kind) {
      case 'found':
        return { missed: verdict.missed, next: 'done' };
      case 'older':
        return { missed: NOTHING, next: 'more' };
      case 'early':
        // If the stream brings nothing of it until the next reading, it went by.
        this.#passedUntil = verdict.newest;
        return { missed: NOTHING, next: 'later' };
      case 'noOverlap':
        return { missed: NOTHING, next: 'absent' };
    }
  }

  #reading() {
    return { rows: this.#rows, isEnd: this.#isEnd, passedUntil: this.#passedUntil };
  }

  #newestBefore(): Trade | undefined {
    return this.#miss.before.at(-1);
  }
}

import type { Trade } from '../../shared/model/market-event.ts';
import type { EpochMillis } from '../../shared/model/time.ts';
import type { TradeHistory } from '../exchanges/exchange-adapter.ts';
import type { Miss } from './trade-continuity.ts';
import { findMissedByContent, findMissedById } from './trade-overlap.ts';
import {
  type Finding,
  MOST_TRADES,
  NOTHING,
  type Remains,
  type TradeReading,
  type WantedPage,
} from './trade-reading.ts';

/** Other ids: from the newest trade back to one that was known before. */
export class BackwardReading implements TradeReading {
  readonly #miss: Miss;
  readonly #history: Pick<TradeHistory, 'ids' | 'pageSize'>;
  /** Newest first. */
  #rows: Trade[] = [];
  #from: string | null = null;
  #isEnd = false;
  #passed: { readonly until: EpochMillis; readonly interruptions: number | undefined } | null = null;

  constructor(miss: Miss, history: Pick<TradeHistory, 'ids' | 'pageSize'>) {
    this.#miss = miss;
    this.#history = history;
  }

  get isHealed(): boolean {
    return this.#miss.isVoid === true;
  }

  get wanted(): Extract<WantedPage, { readonly kind: 'trades' }> {
    return { kind: 'trades', from: this.#from };
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
        this.#passed = { until: verdict.newest, interruptions: this.#miss.interruptions };
        return { missed: NOTHING, next: 'later' };
      case 'noOverlap':
        return { missed: NOTHING, next: 'absent' };
    }
  }

  #reading() {
    // What another interruption swallowed did not go by.
    const isValid = this.#passed !== null && this.#passed.interruptions === this.#miss.interruptions;
    return { rows: this.#rows, isEnd: this.#isEnd, passedUntil: isValid ? this.#passed!.until : null };
  }

  #newestBefore(): Trade | undefined {
    return this.#miss.before.at(-1);
  }
}

import type { Trade } from '../../shared/model/market-event.ts';
import type { EpochMillis } from '../../shared/model/time.ts';
import type { TradeHistory } from '../exchanges/exchange-adapter.ts';
import { dayBegan } from './trade-days.ts';
import { MOST_TRADES, type WantedPage } from './trade-reading.ts';

/** What a walk must know of a history. */
export type WalkedHistory = Pick<TradeHistory, 'ids' | 'pageSize' | 'mostTrades' | 'days'>;

/**
 * The way back through an exchange's pages, newest trades first: which page comes next, and how far back nothing is left
 * out. Where pages end with the day, the day before follows, and after the oldest of them nothing.
 */
export class BackwardWalk {
  readonly #history: WalkedHistory;
  readonly #now: () => EpochMillis;
  readonly #rows: Trade[] = [];
  #from: string | null = null;
  #daysAgo = 0;
  #readTo: EpochMillis = Number.POSITIVE_INFINITY;
  #isAtEnd = false;
  /** Whether a row was read with a later day: at midnight the day that was the newest is served as the one before. */
  #wasRead: (row: Trade) => boolean = () => false;

  /** @param now the exchange's time; may lag behind it by a minute */
  constructor(history: WalkedHistory, now: () => EpochMillis) {
    this.#history = history;
    this.#now = now;
  }

  get wanted(): Extract<WantedPage, { readonly kind: 'trades' }> {
    return { kind: 'trades', from: this.#from, daysAgo: this.#daysAgo };
  }

  /** Newest first. */
  get rows(): readonly Trade[] {
    return this.#rows;
  }

  /** All trades from this time on are among the rows, but for those that the exchange does not show yet. */
  get readTo(): EpochMillis {
    return this.#readTo;
  }

  /** No older trades are to be had. */
  get isAtEnd(): boolean {
    return this.#isAtEnd;
  }

  add(page: readonly Trade[]): void {
    const { pageSize, mostTrades = MOST_TRADES } = this.#history;
    this.#isAtEnd = this.#rows.length + page.length >= mostTrades;
    if (page.length < pageSize) this.#endDay(page);
    else this.#goOn(page);
  }

  /** The page is full: the day goes on. */
  #goOn(page: readonly Trade[]): void {
    const oldest = page.at(-1)!.id;
    this.#from = oldest;
    let taken = page;
    if (this.#history.ids === 'separate' && !this.#isAtEnd) {
      // The page may end within the trades that share an id: the next one brings them all.
      const whole = page.filter(({ id }) => id !== oldest);
      this.#from = String(BigInt(oldest) + 1n);
      this.#isAtEnd = whole.length === 0;
      if (!this.#isAtEnd) taken = whole;
    }
    this.#take(taken);
    this.#readTo = timeOf(this.#rows.at(-1));
  }

  #endDay(page: readonly Trade[]): void {
    const { days, ids } = this.#history;
    this.#take(page);
    if (days === undefined) {
      this.#readTo = Number.NEGATIVE_INFINITY;
      this.#isAtEnd = true;
      return;
    }
    this.#readTo = dayBegan(days, this.#daysAgo, this.#now(), page.at(-1)?.exchangeTime ?? null);
    this.#isAtEnd ||= this.#daysAgo >= days.earlier;
    this.#from = null;
    this.#daysAgo += 1;
    const oldest = this.#rows.at(-1)?.exchangeTime ?? Number.POSITIVE_INFINITY;
    const known = new Set(ids === 'separate' ? [] : this.#rows.map(({ id }) => id));
    this.#wasRead = ids === 'separate' ? row => timeOf(row) >= oldest : ({ id }) => known.has(id);
  }

  #take(page: readonly Trade[]): void {
    for (const row of page) if (!this.#wasRead(row)) this.#rows.push(row);
  }
}

export function timeOf(trade: Trade | undefined): EpochMillis {
  return trade?.exchangeTime ?? 0;
}

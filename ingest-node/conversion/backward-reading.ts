import type { Trade } from '../../shared/model/market-event.ts';
import type { EpochMillis } from '../../shared/model/time.ts';
import type { TradeHistory } from '../exchanges/exchange-adapter.ts';
import { contentOf, countBy, fetchedId } from './fetched-trade.ts';
import type { Interruption } from './trade-continuity.ts';
import {
  type Finding,
  MOST_TRADES,
  NOTHING,
  type Remains,
  type TradeReading,
  type WantedPage,
} from './trade-reading.ts';

/** Neither ids nor pages promise an order, so a trade may stand this far from where its time would put it. */
const DISORDER_MS = 1_000;

/**
 * Ids that prove nothing: all trades of the time of an interruption, from the newest back to one that was known before.
 * Which of them were published is not its business, so that the same time may be read again, by whoever leads then.
 */
export class BackwardReading implements TradeReading {
  readonly #miss: Interruption;
  readonly #history: Pick<TradeHistory, 'ids' | 'pageSize'>;
  readonly #keyOf: (trade: Trade) => string;
  /** Newest first. */
  #rows: Trade[] = [];
  #from: string | null = null;
  #isEnd = false;

  constructor(miss: Interruption, history: Pick<TradeHistory, 'ids' | 'pageSize'>) {
    this.#miss = miss;
    this.#history = history;
    this.#keyOf = history.ids === 'separate' ? contentOf : ({ id }) => id;
  }

  get isHealed(): boolean {
    return this.#miss.isVoid;
  }

  get wanted(): Extract<WantedPage, { readonly kind: 'trades' }> {
    return { kind: 'trades', from: this.#from };
  }

  take(page: readonly Trade[]): Finding {
    this.#add(page);
    const { before, resumed } = this.#miss;
    const reached = this.#rows.at(-1)?.exchangeTime ?? Number.POSITIVE_INFINITY;
    const isDeep = before.length > 0 && reached < this.#since - DISORDER_MS;
    if (!isDeep && !this.#isEnd) return { found: NOTHING, next: 'more' };
    if (!this.#overlaps()) return { found: NOTHING, next: 'absent' };
    // REST may lag behind the frames: not before it shows what they went on with, it shows all that came before.
    const isUpToDate = resumed === null || timeOf(this.#rows[0]) >= timeOf(resumed);
    return { found: this.#found(), next: isUpToDate ? 'done' : 'absent' };
  }

  rewind(): void {
    this.#rows = [];
    this.#from = null;
    this.#isEnd = false;
  }

  remains(): Remains {
    const { before, resumed } = this.#miss;
    const isReached = this.#overlaps();
    const after = isReached ? this.#rows[0] : newestOf(before);
    // Shared ids tell which ones are surely new, even where it is not known what lies before them.
    const found = isReached || this.#history.ids === 'separate' ? NOTHING : this.#found();
    const until = found[0] ?? (resumed !== null && timeOf(resumed) >= timeOf(after) ? resumed : null);
    return {
      found,
      afterId: after?.id ?? '0',
      afterTime: after?.exchangeTime ?? null,
      untilId: until?.id ?? null,
      untilTime: until?.exchangeTime ?? null,
    };
  }

  #add(page: readonly Trade[]): void {
    const { ids, pageSize } = this.#history;
    this.#isEnd = page.length < pageSize || this.#rows.length + page.length > MOST_TRADES;
    const oldest = page.at(-1)?.id ?? null;
    const whole = page.filter(({ id }) => id !== oldest);
    this.#from = oldest;
    if (ids === 'separate' && oldest !== null && !this.#isEnd && whole.length > 0) {
      // The page may end within the trades that share an id: the next one brings them all.
      this.#rows.push(...whole);
      this.#from = String(BigInt(oldest) + 1n);
      return;
    }
    this.#isEnd ||= ids === 'separate' && whole.length === 0;
    this.#rows.push(...page);
  }

  /**
   * Whether the rows reach back to what was known. With separate ids every known trade of their time must be among them:
   * otherwise the exchange counts its executions differently in the two, and what looks missed may have been delivered in
   * other pieces.
   */
  #overlaps(): boolean {
    const { before } = this.#miss;
    // Where nothing was traded before, the overlap is the end.
    if (before.length === 0) return this.#isEnd;
    const keys = new Set(this.#rows.map(this.#keyOf));
    const isThere = (trade: Trade) => keys.has(this.#keyOf(trade));
    if (this.#history.ids === 'unordered') return before.some(isThere);
    const [from, until] = [timeOf(this.#rows.at(-1)), timeOf(this.#rows[0])];
    const isStranger = (trade: Trade) => timeOf(trade) > from && timeOf(trade) < until && !isThere(trade);
    return before.some(isThere) && !before.some(isStranger);
  }

  /** Oldest first: what may have been missed, about a second on both sides of it, and what was known. */
  #found(): Trade[] {
    const { before, resumed } = this.#miss;
    const overlap = this.#newestKnown();
    const known = new Set(before.map(this.#keyOf));
    // What is older than all that we remember may have been published and forgotten.
    const oldest = before.reduce((time, trade) => Math.min(time, timeOf(trade)), Number.POSITIVE_INFINITY);
    const floor = Math.max(oldest, this.#since - DISORDER_MS);
    const ceiling = resumed === null ? Number.POSITIVE_INFINITY : Math.max(timeOf(resumed), this.#since) + DISORDER_MS;
    const isWithin = (row: Trade, index: number) =>
      (before.length === 0 || index < overlap || timeOf(row) > floor || known.has(this.#keyOf(row))) &&
      timeOf(row) <= ceiling;
    const ids = this.#history.ids === 'separate' ? ownIds(this.#rows) : this.#rows.map(({ id }) => id);
    return this.#rows
      .map((row, index) => ({ ...row, id: ids[index]! }))
      .filter(isWithin)
      .reverse();
  }

  /** The place of the newest row that was known; of equal ones those that came first were. */
  #newestKnown(): number {
    const left = countBy(this.#miss.before, this.#keyOf);
    return this.#rows.reduceRight((newest, row, index) => {
      const count = left.get(this.#keyOf(row)) ?? 0;
      left.set(this.#keyOf(row), count - 1);
      return count > 0 ? index : newest;
    }, -1);
  }

  get #since(): EpochMillis {
    return timeOf(newestOf(this.#miss.before));
  }
}

/** Ids of ours, for rows of which the newest comes first. */
function ownIds(rows: readonly Trade[]): string[] {
  const ordinals = new Map<string, number>();
  const ids = rows.toReversed().map(({ id }) => {
    const ordinal = ordinals.get(id) ?? 0;
    ordinals.set(id, ordinal + 1);
    return fetchedId(id, ordinal);
  });
  return ids.reverse();
}

function newestOf(trades: readonly Trade[]): Trade | undefined {
  return trades.reduce<Trade | undefined>(
    (newest, trade) => (newest === undefined || timeOf(trade) >= timeOf(newest) ? trade : newest),
    undefined,
  );
}

function timeOf(trade: Trade | undefined): EpochMillis {
  return trade?.exchangeTime ?? 0;
}

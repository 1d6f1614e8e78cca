import type { Trade } from '../../shared/model/market-event.ts';
import type { EpochMillis } from '../../shared/model/time.ts';
import { BackwardWalk, timeOf, type WalkedHistory } from './backward-walk.ts';
import { contentOf, countBy, fetchedId } from './fetched-trade.ts';
import type { Interruption } from './trade-continuity.ts';
import { type Finding, NOTHING, type Remains, type TradeReading, type WantedPage } from './trade-reading.ts';

/** Neither ids nor pages promise an order, so a trade may stand this far from where its time would put it. */
const DISORDER_MS = 1_000;

/** An interruption may have begun this long before it was noticed, while other trades of the exchange still came. */
const NOTICED_AFTER_MS = 10 * 60_000;

/**
 * Ids that prove nothing: all trades of the time of an interruption, from the newest back to one that was known before.
 * Which of them were published is not its business, so that the same time may be read again, by whoever leads then.
 */
export class BackwardReading implements TradeReading {
  readonly #miss: Interruption;
  readonly #history: WalkedHistory;
  readonly #now: () => EpochMillis;
  readonly #keyOf: (trade: Trade) => string;
  #walk: BackwardWalk;

  /** @param now the exchange's time; may lag behind it by a minute */
  constructor(miss: Interruption, history: WalkedHistory, now: () => EpochMillis) {
    this.#miss = miss;
    this.#history = history;
    this.#now = now;
    this.#keyOf = history.ids === 'separate' ? contentOf : ({ id }) => id;
    this.#walk = new BackwardWalk(history, now);
  }

  get isHealed(): boolean {
    return this.#miss.isVoid;
  }

  get wanted(): WantedPage {
    return this.#walk.wanted;
  }

  take(page: readonly Trade[]): Finding {
    this.#walk.add(page);
    const isDeep = this.#miss.before.length > 0 && this.#walk.readTo < this.#since - DISORDER_MS;
    if (!isDeep && !this.#isAllRead && !this.#walk.isAtEnd) return { found: NOTHING, next: 'more' };
    if (this.#isWhole) return { found: this.#found(), next: this.#isUpToDate ? 'done' : 'absent' };
    if (isDeep) return { found: NOTHING, next: 'absent' };
    // A later look would find less, so this is published although it does not fill the gap.
    return { found: this.#surelyNew(), next: this.#isUpToDate ? 'lost' : 'absent' };
  }

  rewind(): void {
    this.#walk = new BackwardWalk(this.#history, this.#now);
  }

  remains(): Remains {
    const { before, resumed } = this.#miss;
    const isWhole = this.#isWhole;
    const found = isWhole ? this.#found() : this.#surelyNew();
    const after = (isWhole ? this.#rows[0] : undefined) ?? newestOf(before);
    const behind = resumed !== null && timeOf(resumed) >= timeOf(after) ? resumed : null;
    const until = !isWhole && this.#isUpToDate ? (found[0] ?? behind) : behind;
    return {
      found,
      afterId: after?.id ?? '0',
      afterTime: after?.exchangeTime ?? null,
      untilId: until?.id ?? null,
      untilTime: until?.exchangeTime ?? null,
    };
  }

  get #rows(): readonly Trade[] {
    return this.#walk.rows;
  }

  /** REST may lag behind the frames: not before it shows what they went on with, it shows all that came before. */
  get #isUpToDate(): boolean {
    const { resumed } = this.#miss;
    return resumed === null || timeOf(this.#rows[0]) >= timeOf(resumed);
  }

  get #isWhole(): boolean {
    return this.#overlaps() || this.#isAllRead;
  }

  /**
   * Whether the rows cover the interruption although the last known trade is older than all that was read: the market was
   * quiet before it. Any older row belies that.
   */
  get #isAllRead(): boolean {
    const { readTo, isAtEnd } = this.#walk;
    const { before, heardUntil } = this.#miss;
    if (readTo === Number.NEGATIVE_INFINITY) return before.length === 0;
    const begun = heardUntil - NOTICED_AFTER_MS;
    if (readTo > begun || this.#since >= readTo) return false;
    // Of a market that had never been traded there is no more to be had.
    return (before.length === 0 && isAtEnd) || !this.#rows.some(row => timeOf(row) <= begun);
  }

  /**
   * Whether the rows reach back to what was known. With separate ids every known trade of their time must be among them:
   * otherwise the exchange counts its executions differently in the two, and what looks missed may have been delivered in
   * other pieces.
   */
  #overlaps(): boolean {
    const { before } = this.#miss;
    const keys = this.#keys();
    return before.some(trade => keys.has(this.#keyOf(trade))) && !this.#hasStrangers(keys);
  }

  /** Known trades that should be among the rows and are not. */
  #hasStrangers(keys: ReadonlySet<string>): boolean {
    if (this.#history.ids === 'unordered') return false;
    const [from, until] = [timeOf(this.#rows.at(-1)), timeOf(this.#rows[0])];
    const isWithin = (trade: Trade) => timeOf(trade) > from && timeOf(trade) < until;
    return this.#miss.before.some(trade => isWithin(trade) && !keys.has(this.#keyOf(trade)));
  }

  #keys(): Set<string> {
    return new Set(this.#rows.map(this.#keyOf));
  }

  /**
   * What was missed beyond doubt even where it is not known what lies before it: shared ids tell, else it must be newer
   * than all that was known.
   */
  #surelyNew(): readonly Trade[] {
    if (this.#history.ids === 'unordered') return this.#found();
    if (this.#hasStrangers(this.#keys())) return NOTHING;
    return this.#found().filter(row => timeOf(row) > this.#since);
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
export function ownIds(rows: readonly Trade[]): string[] {
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

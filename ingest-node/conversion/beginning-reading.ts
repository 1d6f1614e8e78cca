/**
 * The first trades of a market that the lists did not show as trading before: what happened until its subscription. How
 * old the market is nobody says; it may have been renamed, or suspended for a year. So nothing is read that is older than
 * the last list without it.
 */
import type { Trade } from '../../shared/model/market-event.ts';
import { ownIds } from './backward-reading.ts';
import { BackwardWalk, timeOf, type WalkedHistory } from './backward-walk.ts';
import type { Beginning } from './trade-continuity.ts';
import { type Finding, NOTHING, type Remains, type TradeReading, type WantedPage } from './trade-reading.ts';

/** Frames and REST need not agree about the order of trades that stand this close to each other. */
const DISORDER_MS = 1_000;

/** With contiguous ids only the first one is wanted: the others are found as those of a jump. */
export class FirstIdReading implements TradeReading {
  readonly isHealed = false;
  readonly #miss: Beginning;
  readonly #onFirst: (first: bigint, last: bigint) => void;

  /** @param onFirst the first trade, and the last one that REST knows */
  constructor(miss: Beginning, onFirst: (first: bigint, last: bigint) => void) {
    this.#miss = miss;
    this.#onFirst = onFirst;
  }

  get wanted(): WantedPage {
    return { kind: 'runs', since: this.#miss.since };
  }

  take(): Finding {
    return { found: NOTHING, next: 'absent' };
  }

  takeRuns(runs: Parameters<NonNullable<TradeReading['takeRuns']>>[0]): Finding {
    const [first, last] = [runs[0], runs.at(-1)];
    if (first === undefined || last === undefined) {
      // REST may lag behind what has been traded.
      return { found: NOTHING, next: this.#miss.knownFrom === null ? 'done' : 'absent' };
    }
    this.#onFirst(first.first, last.last);
    return { found: NOTHING, next: 'done' };
  }

  rewind(): void {}

  remains(): Remains {
    return remainsOf(this.#miss, this.#miss.resumed);
  }
}

/** Ids that prove nothing: all trades since then. */
export class FirstTradesReading implements TradeReading {
  readonly isHealed = false;
  readonly #miss: Beginning;
  readonly #history: WalkedHistory;
  readonly #now: () => number;
  #walk: BackwardWalk;

  /** @param now the exchange's time; may lag behind it by a minute */
  constructor(miss: Beginning, history: WalkedHistory, now: () => number) {
    this.#miss = miss;
    this.#history = history;
    this.#now = now;
    this.#walk = new BackwardWalk(history, now);
  }

  get wanted(): WantedPage {
    return this.#walk.wanted;
  }

  take(page: readonly Trade[]): Finding {
    this.#walk.add(page);
    const isWhole = this.#walk.readTo < this.#miss.since;
    if (!isWhole && !this.#walk.isAtEnd) return { found: NOTHING, next: 'more' };
    if (!this.#isUpToDate) return { found: this.#found(), next: 'absent' };
    return { found: this.#found(), next: isWhole ? 'done' : 'lost' };
  }

  rewind(): void {
    this.#walk = new BackwardWalk(this.#history, this.#now);
  }

  remains(): Remains {
    const [oldest] = this.#found();
    return remainsOf(this.#miss, oldest ?? this.#miss.resumed);
  }

  /** Not before it shows what the frames began with, REST shows all that came before. */
  get #isUpToDate(): boolean {
    const { resumed } = this.#miss;
    return resumed === null || timeOf(this.#walk.rows[0]) >= timeOf(resumed);
  }

  /** Oldest first: up to where the frames began. */
  #found(): Trade[] {
    const { since, resumed } = this.#miss;
    const { rows } = this.#walk;
    const ids = this.#history.ids === 'separate' ? ownIds(rows) : rows.map(({ id }) => id);
    const ceiling = resumed === null ? Number.POSITIVE_INFINITY : timeOf(resumed) + DISORDER_MS;
    return rows
      .map((row, index) => ({ ...row, id: ids[index]! }))
      .filter(row => timeOf(row) >= since && timeOf(row) <= ceiling)
      .reverse();
  }
}

function remainsOf({ since }: Beginning, until: Trade | null): Remains {
  const [untilId, untilTime] = [until?.id ?? null, until?.exchangeTime ?? null];
  return { found: NOTHING, afterId: '0', afterTime: since, untilId, untilTime };
}

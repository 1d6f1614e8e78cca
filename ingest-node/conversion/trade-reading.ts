/** What a reading of past trades says, page by page: which page it wants next, what it found, when it is over. */
import type { Trade } from '../../shared/model/market-event.ts';
import type { EpochMillis } from '../../shared/model/time.ts';
import type { TradeRun } from '../exchanges/exchange-adapter.ts';

/** What there is to do after a page, and trades to publish now unless they were published before, in order. */
export type Finding = {
  readonly found: readonly Trade[];
  /**
   * `more`: take the next page. `absent`: what is wanted should have been there, so read all anew after a while. `lost`: it
   * cannot be had any more. `done`: nothing is missing any more.
   */
  readonly next: 'more' | 'absent' | 'lost' | 'done';
};

/** What cannot be had, when no more is asked. */
export type Remains = {
  /** Trades that were read and are surely among the missed ones, although they do not fill the gap. */
  readonly found: readonly Trade[];
  readonly afterId: string;
  readonly afterTime: EpochMillis | null;
  readonly untilId: string | null;
  readonly untilTime: EpochMillis | null;
};

/** See `path` and `runs` of `TradeHistory`; of the newest day by default. */
export type WantedPage =
  | { readonly kind: 'trades'; readonly from: string | null; readonly daysAgo?: number }
  | { readonly kind: 'runs'; readonly since: EpochMillis };

export type TradeReading = {
  readonly wanted: WantedPage;
  /** All that was missing came by itself, or nothing was. */
  readonly isHealed: boolean;
  /** A page came, in the order of the exchange. */
  take(page: readonly Trade[]): Finding;
  /** A page of runs came; only for readings that want them. */
  takeRuns?(runs: readonly TradeRun[]): Finding;
  /** Whether a page with these ids, asked for by another reading of the same instrument, answers this one too. */
  isAnsweredBy?(first: bigint, last: bigint): boolean;
  /** Begins anew, but does not ask again for what was found. */
  rewind(): void;
  /** `null` where nothing is lost by not reading on. */
  remains(): Remains | null;
};

export const NOTHING: readonly Trade[] = [];

/** More trades than this are not read of one miss: the older ones are a gap. */
export const MOST_TRADES = 50_000;

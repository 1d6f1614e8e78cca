/**
 * Where pages of past trades overlap what is known, and what lies between: the trades that were missed. Pure.
 *
 * Pages come newest first. Reading goes on until it is safely below the newest trade known from before.
 */
import type { Trade } from '../../shared/model/market-event.ts';
import type { EpochMillis } from '../../shared/model/time.ts';
import { contentOf, fetchedId } from './fetched-trade.ts';
import type { Miss } from './trade-continuity.ts';

export type Reading = {
  /** All pages so far in one, newest first. */
  readonly rows: readonly Trade[];
  /** There is nothing older to be had. */
  readonly isEnd: boolean;
  /** With separate ids, trades up to this time count as passed by the stream even if it has brought none after them. */
  readonly passedUntil: EpochMillis | null;
};

export type Verdict =
  /** Not deep enough yet. */
  | { readonly kind: 'older' }
  /** Oldest first; with separate ids they carry an id of ours. */
  | { readonly kind: 'found'; readonly missed: readonly Trade[] }
  /** The newest may still be on their way in the stream; ask again later. */
  | { readonly kind: 'early'; readonly newest: EpochMillis }
  /** The rows and what is known have nothing in common, or contradict each other. */
  | { readonly kind: 'noOverlap' };

/** Ids promise no order, so a trade may stand this far from where its time would put it. */
const DISORDER_MS = 1_000;

/** For ids that REST shares with the frames. */
export function findMissedById({ before, after }: Miss, { rows, isEnd }: Reading): Verdict {
  if (before.length === 0) {
    if (!isEnd) return { kind: 'older' };
    return { kind: 'found', missed: rows.filter(({ id }) => !after.has(id)).reverse() };
  }
  const known = new Set(before.map(({ id }) => id));
  const newest = timesOf(before).reduce((a, b) => Math.max(a, b));
  const oldest = timesOf(before).reduce((a, b) => Math.min(a, b));
  const reached = rows.at(-1)?.exchangeTime ?? Number.POSITIVE_INFINITY;
  if (reached >= newest - DISORDER_MS && !isEnd) return { kind: 'older' };
  const overlap = rows.findIndex(({ id }) => known.has(id));
  if (overlap === -1) return { kind: 'noOverlap' };
  // Behind the overlap only what is not older than all we remember: that may have been published and forgotten.
  const floor = Math.max(oldest, newest - DISORDER_MS);
  const missed = rows.filter(
    (row, index) => !known.has(row.id) && !after.has(row.id) && (index < overlap || (row.exchangeTime ?? 0) > floor),
  );
  return { kind: 'found', missed: missed.reverse() };
}

/**
 * For ids that mean nothing to the frames: trades are matched by time, price, size and side, each as often as it stands
 * there. Believed only where every known trade within the rows' time is among the rows; otherwise the exchange counts
 * its executions differently in the two, and what looks missed may have been delivered in other pieces.
 *
 * What is newer than the newest match belongs to the stream, which delivers in order and has not come to it yet, unless
 * the match is from before another interruption.
 */
export function findMissedByContent(miss: Miss, { rows, isEnd, passedUntil }: Reading): Verdict {
  const { before, after, cameBefore = 0 } = miss;
  const newestBefore = before.at(-1)?.exchangeTime ?? 0;
  const reached = rows.at(-1)?.exchangeTime ?? Number.POSITIVE_INFINITY;
  if (reached >= newestBefore && !isEnd) return { kind: 'older' };
  const from = reached;
  const until = rows[0]?.exchangeTime ?? 0;

  const owners = new Array<'before' | 'after' | null>(rows.length).fill(null);
  const lateOnes = countByContent(after.values());
  rows.forEach((row, index) => {
    if (takeOne(lateOnes, row)) owners[index] = 'after';
  });
  // From the other end, so that of equal rows the ones in the middle are left.
  const earlyOnes = countByContent(before);
  for (let index = rows.length - 1; index >= 0; index -= 1) {
    const row = rows[index];
    if (row !== undefined && owners[index] === null && takeOne(earlyOnes, row)) owners[index] = 'before';
  }
  const isStranger = (trade: Trade, unmatched: ReadonlyMap<string, number>) => {
    const time = trade.exchangeTime ?? 0;
    return time > from && time < until && (unmatched.get(contentOf(trade)) ?? 0) > 0;
  };
  // Where nothing was traded before, the overlap is the end.
  const overlap = before.length === 0 ? rows.length : owners.indexOf('before');
  const contradicts =
    before.some(trade => isStranger(trade, earlyOnes)) ||
    [...after.values()].some(trade => isStranger(trade, lateOnes));
  if (overlap === -1 || contradicts) return { kind: 'noOverlap' };

  const firstAfter = owners.indexOf('after');
  const isPassed = (row: Trade, index: number) =>
    (firstAfter !== -1 && index > firstAfter) || (passedUntil !== null && (row.exchangeTime ?? 0) <= passedUntil);
  const missed: Trade[] = [];
  let isEarly = false;
  const ordinals = new Map<string, number>();
  rows.forEach((row, index) => {
    const ordinal = ordinals.get(row.id) ?? 0;
    ordinals.set(row.id, ordinal + 1);
    if (index >= overlap || owners[index] !== null) return;
    if (isPassed(row, index)) missed.push({ ...row, id: fetchedId(row.id, ordinal) });
    else isEarly = true;
  });
  // With one trade behind them, the rest is the stream's business.
  const resumed = new Set([...after.values()].slice(cameBefore).map(contentOf));
  const hasResumed = rows.some((row, index) => owners[index] === 'after' && resumed.has(contentOf(row)));
  if (isEarly && !hasResumed && passedUntil === null) return { kind: 'early', newest: until };
  return { kind: 'found', missed: missed.reverse() };
}

function countByContent(trades: Iterable<Trade>): Map<string, number> {
  const counts = new Map<string, number>();
  for (const trade of trades) counts.set(contentOf(trade), (counts.get(contentOf(trade)) ?? 0) + 1);
  return counts;
}

function takeOne(counts: Map<string, number>, trade: Trade): boolean {
  const content = contentOf(trade);
  const count = counts.get(content) ?? 0;
  if (count > 0) counts.set(content, count - 1);
  return count > 0;
}

function timesOf(trades: readonly Trade[]): number[] {
  return trades.map(({ exchangeTime }) => exchangeTime ?? 0);
}

import type { Trade, TradeGap } from '../../shared/model/market-event.ts';
import type { EpochMillis } from '../../shared/model/time.ts';

/** Where trades stand that are left out. */
export type Surroundings = {
  /** All that is known of their time, themselves included. */
  readonly past: readonly Trade[];
  /** Whether the exchange counts its trades without a hole. */
  readonly isContiguous: boolean;
  readonly now: EpochMillis;
};

/**
 * Trades of one market that were fetched, and of which nobody can say whether they were published: the node that leads
 * joined in mid-stream, and whoever led before ended before it said that it had read back everything. Published now they
 * might come a second time (rule TRD1), and in silence they might be lost, so the stream says for which span that is:
 * by exact numbers where the exchange counts, else from the trade before to the trade behind.
 *
 * Never `provable`: what the numbers prove is that these trades happened, not that the stream lacks them.
 *
 * @param untold oldest first
 */
export function gapsOf(untold: readonly Trade[], { past, isContiguous, now }: Surroundings): TradeGap[] {
  const ids = new Set(untold.map(({ id }) => id));
  const known = past.filter(({ id }) => !ids.has(id)).sort((some, other) => timeOf(some) - timeOf(other));
  const gaps: TradeGap[] = [];
  for (const run of runsOf(untold, known, isContiguous)) {
    const [first, last] = [run[0]!, run.at(-1)!];
    const before = isContiguous ? neighbour(known, first, -1n) : known.findLast(one => timeOf(one) <= timeOf(first));
    const behind = isContiguous ? neighbour(known, last, 1n) : known.find(one => timeOf(one) > timeOf(last));
    const bounds = {
      afterId: isContiguous ? String(BigInt(first.id) - 1n) : (before?.id ?? null),
      untilId: isContiguous ? String(BigInt(last.id) + 1n) : (behind?.id ?? null),
      afterTime: before?.exchangeTime ?? first.exchangeTime,
      untilTime: behind?.exchangeTime ?? last.exchangeTime,
    };
    const { exchange, symbol } = first;
    const common = { offset: 0, exchange, symbol, exchangeTime: bounds.untilTime, receivedTime: now } as const;
    gaps.push({ type: 'gap', ...common, ...bounds, provable: false });
  }
  return gaps;
}

/** The same of a market of which no trade seems missing: nobody knows since when, or whether any happened. */
export function gapUntil(
  untilTime: EpochMillis,
  { exchange, symbol, now }: Pick<TradeGap, 'exchange' | 'symbol'> & { readonly now: EpochMillis },
): TradeGap {
  const bounds = { afterId: null, untilId: null, afterTime: null, untilTime, provable: false };
  return { type: 'gap', offset: 0, exchange, symbol, exchangeTime: untilTime, receivedTime: now, ...bounds };
}

/** Trades between which nothing else is known. */
function runsOf(untold: readonly Trade[], known: readonly Trade[], isContiguous: boolean): Trade[][] {
  const runs: Trade[][] = [];
  for (const trade of untold) {
    const last = runs.at(-1)?.at(-1);
    const isNext = isContiguous
      ? (one: Trade) => BigInt(trade.id) === BigInt(one.id) + 1n
      : (one: Trade) => !known.some(other => timeOf(other) > timeOf(one) && timeOf(other) < timeOf(trade));
    if (last !== undefined && isNext(last)) runs.at(-1)!.push(trade);
    else runs.push([trade]);
  }
  return runs;
}

function neighbour(known: readonly Trade[], { id }: Trade, distance: bigint): Trade | undefined {
  const wanted = String(BigInt(id) + distance);
  return known.find(trade => trade.id === wanted);
}

function timeOf({ exchangeTime }: Trade): EpochMillis {
  return exchangeTime ?? 0;
}

import type { Clock } from '../../shared/base/clock.ts';
import { catchUp } from '../../shared/stream/catch-up.ts';
import { batchOf } from '../../shared/stream/followed-log.ts';
import type { StreamSource } from '../../shared/stream/source.ts';
import type { Batch } from '../../shared/wire/messages.ts';
import type { Position } from '../../shared/wire/position.ts';

export type HistoryRequest = {
  /** Asked in turn until one answers. */
  readonly sources: readonly StreamSource[];
  /** What follows this… */
  readonly from: Position;
  /**
   * …up to here, at least; asked at every batch, because memory is forgotten while one reads. The last batch may reach further and is not shortened: a merged batch may have left out what
   * a later event in it replaces (rule CNF1), so its readers trim, not we.
   */
  readonly until: () => Position;
  readonly clock: Clock;
  /** How long one source may take. */
  readonly timeoutMs: number;
  /** Events beyond which it is given up: history is to be healed, not hoarded. */
  readonly maxEvents: number;
};

export type HistoryAnswer =
  | { readonly kind: 'read'; readonly batches: readonly Batch[] }
  /** A source answered, and does not remember it: nobody asked does. */
  | { readonly kind: 'unhealable'; readonly reason: 'lost' | 'diverged' }
  /** No source answered to the end: that says nothing about what they remember. */
  | { readonly kind: 'unreachable' };

/** Rule GAP1: reads a missing stretch of the stream from whoever still has it, on a connection of its own. */
export async function readHistory(request: HistoryRequest): Promise<HistoryAnswer> {
  let worst: HistoryAnswer = { kind: 'unhealable', reason: 'lost' };
  for (const source of request.sources) {
    const answer = await readFrom(source, request);
    if (answer.kind === 'read' || (answer.kind === 'unhealable' && answer.reason === 'diverged')) return answer;
    if (answer.kind === 'unreachable') worst = answer;
  }
  return worst;
}

async function readFrom(
  source: StreamSource,
  { from, until, clock, timeoutMs, maxEvents }: HistoryRequest,
): Promise<HistoryAnswer> {
  const options = { from, to: until, withinMs: timeoutMs, clock, maxEvents, takesSnapshot: false };
  const { outcome, snapshot, batches } = await catchUp({ source, ...options });
  if (snapshot !== null) return { kind: 'unhealable', reason: snapshot.reason === 'diverged' ? 'diverged' : 'lost' };
  if (outcome === 'tooMuch') return { kind: 'unhealable', reason: 'lost' };
  return outcome === 'reached' ? { kind: 'read', batches: batches.map(batchOf) } : { kind: 'unreachable' };
}

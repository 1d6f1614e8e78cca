import type { Clock } from '../../shared/base/clock.ts';
import type { OpenStream, StreamSource } from '../../shared/stream/source.ts';
import { StreamReceiver } from '../../shared/stream/stream-receiver.ts';
import type { Batch } from '../../shared/wire/messages.ts';
import { comparePositions, type Position } from '../../shared/wire/position.ts';

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

function readFrom(
  source: StreamSource,
  { from, until, clock, timeoutMs, maxEvents }: HistoryRequest,
): Promise<HistoryAnswer> {
  return new Promise(resolve => {
    const receiver = new StreamReceiver(from);
    const batches: Batch[] = [];
    let events = 0;
    let isDone = false;
    let stream: OpenStream | null = null;
    const finish = (answer: HistoryAnswer) => {
      if (isDone) return;
      isDone = true;
      cancelTimeout();
      stream?.close();
      resolve(answer);
    };
    const lost = () => finish({ kind: 'unhealable', reason: 'lost' });
    const unreachable = () => finish({ kind: 'unreachable' });
    const cancelTimeout = clock.setTimer(timeoutMs, unreachable);
    stream = source.open(
      { position: from, cut: 'full' },
      {
        closed: unreachable,
        message: message => {
          if (isDone) return;
          const received = receiver.receive(message);
          if (received.kind === 'snapshot') {
            finish({ kind: 'unhealable', reason: received.snapshot.reason === 'diverged' ? 'diverged' : 'lost' });
          } else if (received.kind === 'hole') {
            unreachable();
          } else if (received.kind === 'batch') {
            const { lineage, ...batch } = received.batch;
            batches.push({ type: 'batch', ...batch, ...(lineage === null ? {} : { lineage }) });
            events += batch.events.length;
            if (comparePositions(receiver.position!, until()) >= 0) finish({ kind: 'read', batches });
            else if (events > maxEvents) lost();
          }
        },
      },
    );
    if (isDone) stream.close();
  });
}

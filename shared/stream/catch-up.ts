import type { CancelTimer, Clock } from '../base/clock.ts';
import { comparePositions, type Position } from '../wire/position.ts';
import type { OpenStream, StreamSource } from './source.ts';
import { type ReceivedBatch, type ReceivedSnapshot, StreamReceiver } from './stream-receiver.ts';

export type CatchUpRequest = {
  readonly source: StreamSource;
  /** What is there already; `null`: nothing. */
  readonly from: Position | null;
  /**
   * What is to be reached. As a function it is asked again at every batch. The last batch may reach further: a merged one
   * may have left out what a later event in it replaces (rule CNF1), so that it cannot be shortened.
   */
  readonly to: Position | (() => Position);
  readonly withinMs: number;
  /** A path that says nothing for so long is given up before that. */
  readonly quietMs?: number;
  readonly clock: Clock;
  /** Events beyond which it is given up: history is to be healed, not hoarded. */
  readonly maxEvents?: number;
  /** `false`: a path that does not remember `from` has failed, and its snapshot is not waited for to the end. */
  readonly takesSnapshot?: boolean;
};

export type CaughtUp = {
  /** `late`: not within the time, or silent for too long. `failed`: the path ended, or shows a hole. `tooMuch`: more than was asked for. */
  readonly outcome: 'reached' | 'late' | 'failed' | 'tooMuch';
  /**
   * History does not reach back to `from`, or has diverged from it, as the snapshot says: it stands in for what is
   * missing, and the batches follow it.
   */
  readonly snapshot: ReceivedSnapshot | null;
  /** What follows `from`, or the snapshot, without a hole; good as far as it goes whatever the outcome. */
  readonly batches: readonly ReceivedBatch[];
  /** Why not; `null` when it was reached. */
  readonly reason: string | null;
};

/**
 * Reads a stretch of the stream from one path, on a connection of its own, and ends: what a new leader lacks of the epoch
 * before (rule EPO1), what a hub lacks before its own memory (rule GAP1).
 */
export function catchUp(request: CatchUpRequest): Promise<CaughtUp> {
  const { source, from, to, withinMs, quietMs = withinMs, clock, takesSnapshot = true } = request;
  const { maxEvents = Number.POSITIVE_INFINITY } = request;
  const goal = typeof to === 'function' ? to : () => to;
  if (from !== null && comparePositions(from, goal()) >= 0) {
    return Promise.resolve({ outcome: 'reached', snapshot: null, batches: [], reason: null });
  }
  return new Promise(resolve => {
    const receiver = new StreamReceiver(from);
    let snapshot: ReceivedSnapshot | null = null;
    let batches: ReceivedBatch[] = [];
    let events = 0;
    let isDone = false;
    let stream: OpenStream | null = null;
    const finish = (outcome: CaughtUp['outcome'], reason: string | null) => {
      if (isDone) return;
      isDone = true;
      cancelTimeout();
      cancelQuiet();
      stream?.close();
      resolve({ outcome, snapshot, batches, reason });
    };
    const advanced = () => {
      if (comparePositions(receiver.position!, goal()) >= 0) finish('reached', null);
      else if (events > maxEvents) finish('tooMuch', `more than ${maxEvents} events are missing`);
    };
    const cancelTimeout = clock.setTimer(withinMs, () => finish('late', `${source.name}: not within ${withinMs} ms`));
    let heardAt = clock.monotonic();
    let cancelQuiet: CancelTimer = () => {};
    const watch = (ms: number) => {
      cancelQuiet = clock.setTimer(ms, () => {
        const leftMs = heardAt + quietMs - clock.monotonic();
        if (leftMs > 0) watch(leftMs);
        else finish('late', `${source.name}: silent for ${quietMs} ms`);
      });
    };
    if (quietMs < withinMs) watch(quietMs);
    stream = source.open(
      { position: from, cut: 'full' },
      {
        closed: reason => finish('failed', `${source.name}: ${reason}`),
        message: message => {
          if (isDone) return;
          heardAt = clock.monotonic();
          const received = receiver.receive(message);
          switch (received.kind) {
            case 'snapshot':
              // Whatever came before it does not lead to it.
              snapshot = received.snapshot;
              batches = [];
              if (takesSnapshot) advanced();
              else finish('failed', `${source.name}: ${received.snapshot.reason}`);
              return;
            case 'batch':
              batches.push(received.batch);
              events += received.batch.events.length;
              advanced();
              return;
            case 'hole':
              finish('failed', `${source.name}: events are missing`);
              return;
            default:
          }
        },
      },
    );
    if (isDone) stream.close();
  });
}

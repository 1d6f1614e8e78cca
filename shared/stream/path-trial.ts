import { isHeartbeat } from '../wire/json-codec.ts';
import { type Batch, HOP_DEAD_AFTER_MS, type Snapshot } from '../wire/messages.ts';
import { comparePositions, type Position } from '../wire/position.ts';
import type { StreamPath } from './stream-path.ts';

/** What the consumer has while another path is on trial beside the one that serves it. */
export type Incumbent = {
  readonly position: Position | null;
  /** Highest writer seen. */
  readonly writer: number;
  /** Whether the present path has no upstream. */
  readonly isSeeking: boolean;
  /** Whether every other path has failed already, or does not remember our position. */
  readonly isLastHope: boolean;
};

/** `takeOver`: with this very message. `wait`: the message is not needed. `dismiss`: this path cannot help. */
export type Verdict = 'takeOver' | 'wait' | 'dismiss';

/** Rule HB1: a path takes over with the first message that shows it is not behind us, and loses nothing. */
export function judgeBatch(path: StreamPath, message: Batch, incumbent: Incumbent, now: number): Verdict {
  const { writer, epoch, first, next } = message;
  const ours = incumbent.position;
  if (isHeartbeat(message)) path.isUpstreamLive = true;
  if (ours === null || writer < incumbent.writer) return 'wait';
  if (epoch === ours.epoch && first > ours.offset + 1) return 'dismiss';
  const order = comparePositions({ epoch, offset: next - 1 }, ours);
  // A server that is itself seeking shows a position too: only a higher one than ours proves that it is better off.
  if (incumbent.isSeeking) return order > 0 ? 'takeOver' : 'wait';
  if (!path.isUpstreamLive) return 'wait';
  if (order >= 0) return 'takeOver';
  // On a busy stream a path that is slower by some milliseconds is behind at every moment. It is contiguous from where
  // we were at the mark, so moving loses nothing; it must only have come that far in the time that a hop may be silent.
  const { position, at } = path.mark;
  if (position !== null && comparePositions({ epoch, offset: next - 1 }, position) < 0) return 'wait';
  if (now - at <= HOP_DEAD_AFTER_MS) return 'takeOver';
  path.mark = { position: ours, at: now };
  return 'wait';
}

/** A snapshot tells that a path cannot continue from our position. Rarely it is the better one all the same. */
export function judgeSnapshot({ epoch, offset, reason }: Snapshot, incumbent: Incumbent): Verdict {
  const ours = incumbent.position;
  if (ours === null) return 'takeOver';
  // A later epoch that does not know our last events: whoever still serves them is deposed.
  if (reason === 'diverged' && epoch > ours.epoch) return 'takeOver';
  const isHigher = comparePositions({ epoch, offset }, ours) > 0;
  return incumbent.isSeeking && isHigher && incumbent.isLastHope ? 'takeOver' : 'dismiss';
}

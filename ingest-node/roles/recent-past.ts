import type { Clock } from '../../shared/base/clock.ts';
import { catchUp } from '../../shared/stream/catch-up.ts';
import type { StreamSource } from '../../shared/stream/source.ts';
import type { ReceivedBatch } from '../../shared/stream/stream-receiver.ts';
import { comparePositions, type Lineage, type Position } from '../../shared/wire/position.ts';

export type RecentPastRequest = {
  /** Best first. */
  readonly sources: readonly StreamSource[];
  /** Where the reader stands; what comes after it is not wanted. */
  readonly head: Position;
  readonly lineage: Lineage;
  readonly withinMs: number;
  readonly clock: Clock;
};

/** In the present epoch nobody says where history begins, so these distances are tried, the farthest first. */
const EVENTS_BACK = [100_000, 25_000, 5_000, 1_000];

/**
 * What a node that joins in mid-stream has not heard: as much of the stream before `head` as any path still holds. Its
 * state it has from the snapshot; this is for its memory of trades (TRD1), of which a snapshot says nothing.
 *
 * @returns in order, without a hole, up to `head`; nothing where no path has anything
 */
export async function readRecentPast(request: RecentPastRequest): Promise<readonly ReceivedBatch[]> {
  const { sources, head, lineage, withinMs, clock } = request;
  const until = clock.monotonic() + withinMs;
  for (const from of placesBefore(head, lineage)) {
    for (const source of sources) {
      const leftMs = until - clock.monotonic();
      if (leftMs <= 0) return [];
      const { outcome, batches } = await catchUp({
        source,
        from,
        to: head,
        withinMs: leftMs,
        clock,
        takesSnapshot: false,
      });
      if (outcome === 'reached') return batches;
    }
  }
  return [];
}

/** Positions that history may still reach back to, the farthest first. */
function placesBefore(head: Position, lineage: Lineage): Position[] {
  const { epoch, offset } = head;
  const beginnings = [...lineage.map(entry => entry.epoch), epoch].map(known => ({ epoch: known, offset: 0 }));
  const within = EVENTS_BACK.filter(back => back < offset).map(back => ({ epoch, offset: offset - back }));
  return [...beginnings, ...within].filter(place => comparePositions(place, head) < 0);
}

import { withEvents } from '../../shared/stream/parts.ts';
import type { Cut, SnapshotReason } from '../../shared/wire/messages.ts';
import { comparePositions, type Lineage, type Position } from '../../shared/wire/position.ts';

export type StoredSnapshot = {
  readonly position: Position;
  readonly lineage: Lineage;
  /** Encoded events of each part, without brackets. */
  readonly parts: readonly string[];
  /** When it was complete, on the monotonic clock. */
  readonly at: number;
};

/** One part as the hub sends it. */
export type SnapshotPart = {
  readonly cut: Cut;
  readonly position: Position;
  readonly part: number;
  readonly parts: number;
  readonly lineage: Lineage;
  readonly events: string;
};

/** The newest complete snapshot of each cut, ready to be sent for any reason without decoding it. */
export class SnapshotShelf {
  #complete: Partial<Record<Cut, StoredSnapshot>> = {};
  #growing: Partial<Record<Cut, { position: Position; parts: string[] }>> = {};

  get(cut: Cut): StoredSnapshot | null {
    return this.#complete[cut] ?? null;
  }

  clear(): void {
    this.#complete = {};
    this.#growing = {};
  }

  /** Parts come in order; one that does not fit makes the whole worthless, and the old snapshot stays. */
  add({ cut, position, part, parts, lineage, events }: SnapshotPart, at: number): void {
    if (part === 1) this.#growing[cut] = { position, parts: [] };
    const growing = this.#growing[cut];
    if (
      growing === undefined ||
      comparePositions(growing.position, position) !== 0 ||
      growing.parts.length !== part - 1
    ) {
      delete this.#growing[cut];
      return;
    }
    growing.parts.push(events);
    if (part < parts) return;
    delete this.#growing[cut];
    this.#complete[cut] = { position, lineage, parts: growing.parts, at };
  }
}

/** The messages of a snapshot, rule SNP1; the events are not touched. */
export function snapshotMessages({ position, lineage, parts }: StoredSnapshot, reason: SnapshotReason): string[] {
  return parts.map((events, index) =>
    withEvents(
      {
        type: 'snapshot',
        epoch: position.epoch,
        offset: position.offset,
        part: index + 1,
        parts: parts.length,
        reason,
        recovered: reason !== 'lost',
        lineage,
      },
      events,
    ),
  );
}

import type { MarketEvent } from '../model/market-event.ts';
import { type Cut, isInCut, MAX_PART_BYTES, type SnapshotReason } from '../wire/messages.ts';
import { comparePositions, type Position } from '../wire/position.ts';
import { conflate } from './conflate.ts';
import type { RingEntry } from './history-ring.ts';
import { encodeParts, withEvents } from './parts.ts';
import type { StreamLog } from './stream-log.ts';

/**
 * One merged batch stays within a window of this much history, so that a laggard never blocks the others for long. The
 * windows are the same for all readers: wherever each of them stands, from its second merge on they ask for the same.
 */
const MERGE_WINDOW_BYTES = 4 * 1024 * 1024;

/** Merges that are kept: those of the readers that fell behind, or came back, together. */
const KEPT_MERGES = 8;

const NOTHING: Position = { epoch: 0, offset: 0 };

/** What a sink gets in one piece; `snapshot` says why it is latest state instead of what follows. */
export type TakenUnit = {
  readonly messages: readonly string[];
  readonly position: Position;
  readonly snapshot: SnapshotReason | null;
};

/** Messages that belong together; the position advances after the last one. */
type Unit = {
  readonly messages: readonly string[];
  taken: number;
  readonly position: Position;
  /** What a snapshot was owed for: still owed if it cannot be finished. */
  readonly snapshot: SnapshotReason | null;
};

/**
 * One reader's place in the log: a session's, a sink's. It is asked for the next message whenever the reader can take
 * one. A reader that keeps up gets each sealed batch as it is, encoded once for all; one that lags gets everything it
 * lacks in one merged batch (rule CNF1), so that its backlog is the log itself and never a queue.
 */
export class StreamCursor {
  readonly #log: StreamLog;
  readonly #cut: Cut;
  #position: Position;
  #generation: number;
  /** Number of the next ring entry. */
  #next = 0;
  #unit: Unit | null = null;
  /** Why the next message begins a snapshot; `null` when none is owed. */
  #owed: SnapshotReason | null = null;

  /** `position` is what the reader already has; `null` asks for a snapshot. */
  constructor(log: StreamLog, position: Position | null, cut: Cut) {
    this.#log = log;
    this.#cut = cut;
    this.#position = position ?? NOTHING;
    this.#generation = log.generation;
    this.#plan();
  }

  /**
   * What the reader has once every message taken so far has arrived, and so where this path's heartbeats stand (rule
   * HB1). A reader that brought a position beyond our own is told our own: it must see that we are behind.
   */
  get position(): Position {
    return comparePositions(this.#position, this.#log.position) > 0 ? this.#log.position : this.#position;
  }

  /** Whether the reader has everything that the log knows. */
  get isCaughtUp(): boolean {
    this.#refresh();
    return this.#unit === null && this.#owed === null && this.#next >= this.#log.ring.end;
  }

  /** Encoded bytes of what the log holds beyond this cursor, before conflation. */
  get lagBytes(): number {
    return this.#log.ring.bytesFrom(this.#next);
  }

  /** The next message, or `null` when there is none for now. */
  take(): string | null {
    this.#refresh();
    this.#unit ??= this.#nextUnit();
    const unit = this.#unit;
    if (unit === null) return null;
    const message = unit.messages[unit.taken++]!;
    if (unit.taken === unit.messages.length) {
      this.#unit = null;
      this.#advance(unit.position);
    }
    return message;
  }

  /** All messages of the next unit at once: for a sink, which stores or loses it as a whole. */
  takeUnit(): TakenUnit | null {
    this.#refresh();
    const unit = this.#unit ?? this.#nextUnit();
    this.#unit = null;
    if (unit === null) return null;
    this.#advance(unit.position);
    return { messages: unit.messages.slice(unit.taken), position: unit.position, snapshot: unit.snapshot };
  }

  /** Rule SLO1: gives up what is outstanding; the next message begins a snapshot that says so. */
  loseBacklog(): void {
    // Who has nothing yet, or was owed a snapshot anyway, loses nothing by getting a later one.
    this.#owed ??= this.#unit?.snapshot ?? (this.#position.epoch === 0 ? 'initial' : 'lost');
    this.#unit = null;
  }

  #advance(position: Position): void {
    // A reader that was ahead of us stays there: it trims what it has.
    if (comparePositions(position, this.#position) > 0) this.#position = position;
  }

  #plan(): void {
    const plan = this.#log.plan(this.#position);
    if (plan.kind === 'resume') this.#next = plan.from;
    else this.#owed = plan.reason;
  }

  /** Notices that history was thrown away or has moved on without us. */
  #refresh(): void {
    if (this.#generation !== this.#log.generation) {
      this.#generation = this.#log.generation;
      this.#owed ??= this.#unit?.snapshot ?? null;
      this.#unit = null;
      if (this.#owed === null) this.#plan();
    } else if (this.#unit === null && this.#owed === null && this.#next < this.#log.ring.start) {
      // A unit that is on its way is finished first: it holds trades that the reader can still have.
      this.loseBacklog();
    }
  }

  #nextUnit(): Unit | null {
    const log = this.#log;
    if (this.#owed !== null) {
      // A log that knows nothing yet has no state to show; its first position is where the reader begins.
      if (log.position.epoch === 0) return null;
      return this.#snapshotUnit(this.#owed);
    }
    const first = log.ring.at(this.#next);
    if (first === undefined) return null;
    const from = this.#next;
    const to = this.#mergeableUntil(first);
    this.#next = to;
    const last = log.ring.at(to - 1)!.batch;
    const position = { epoch: last.epoch, offset: last.next - 1 };
    const messages =
      to - from === 1 && first.bytes <= MAX_PART_BYTES
        ? [log.encodedBatch(first.batch, this.#cut)]
        : mergeOf(log, from, to, this.#cut);
    return { messages, taken: 0, position, snapshot: null };
  }

  #snapshotUnit(owed: SnapshotReason): Unit {
    const log = this.#log;
    const beginning = owed === 'diverged' ? log.beginningAfter(this.#position.epoch, this.#cut) : null;
    this.#owed = null;
    if (beginning !== null) {
      this.#next = log.ring.firstAfter(beginning.position);
      return { ...beginning, taken: 0, snapshot: owed };
    }
    // What lay between has been forgotten since it was owed.
    const snapshot = owed === 'diverged' ? 'lost' : owed;
    this.#next = log.ring.end;
    return { messages: log.snapshotMessages(this.#cut, snapshot), taken: 0, position: log.position, snapshot };
  }

  /** Number after the last entry that may travel with the next one as one batch: of one epoch, of one window. */
  #mergeableUntil(first: RingEntry): number {
    const { ring } = this.#log;
    const windowEnd = (Math.floor(ring.bytesBefore(this.#next) / MERGE_WINDOW_BYTES) + 1) * MERGE_WINDOW_BYTES;
    let number = this.#next + 1;
    while (
      number < ring.end &&
      ring.at(number)!.batch.epoch === first.batch.epoch &&
      ring.bytesBefore(number + 1) <= windowEnd
    ) {
      number++;
    }
    return number;
  }
}

/** By log; the keys say from where to where and for which cut. */
const MERGES = new WeakMap<StreamLog, Map<string, readonly string[]>>();

function mergeOf(log: StreamLog, from: number, to: number, cut: Cut): readonly string[] {
  let merges = MERGES.get(log);
  if (merges === undefined) {
    merges = new Map();
    MERGES.set(log, merges);
  }
  const key = `${cut}:${from}:${to}`;
  let messages = merges.get(key);
  if (messages === undefined) {
    const entries = Array.from({ length: to - from }, (_, index) => log.ring.at(from + index)!);
    messages = mergedMessages(entries, cut);
  }
  // The newest last, so that the first is the one to forget.
  merges.delete(key);
  merges.set(key, messages);
  if (merges.size > KEPT_MERGES) merges.delete(merges.keys().next().value!);
  return messages;
}

/** One merged batch of whole adjacent sealed batches of one epoch, conflated (rule CNF1), in encoded parts. */
export function mergedMessages(entries: readonly RingEntry[], cut: Cut): string[] {
  const first = entries[0]!.batch;
  const last = entries.at(-1)!.batch;
  const events: MarketEvent[] = [];
  for (const { batch } of entries) for (const event of batch.events) if (isInCut(event, cut)) events.push(event);
  const encoded = encodeParts(conflate(events));
  const parts = encoded.length;
  return encoded.map((text, index) =>
    withEvents(
      {
        type: 'batch',
        writer: last.writer,
        epoch: first.epoch,
        first: first.first,
        next: last.next,
        ...(parts > 1 ? { part: index + 1, parts } : {}),
        ...(first.lineage === undefined ? {} : { lineage: first.lineage }),
      },
      text,
    ),
  );
}

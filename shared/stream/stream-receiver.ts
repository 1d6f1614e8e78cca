import type { MarketEvent } from '../model/market-event.ts';
import { isHeartbeat } from '../wire/json-codec.ts';
import type { Batch, Hello, ServerMessage, Snapshot, SnapshotReason, Status } from '../wire/messages.ts';
import { comparePositions, type Lineage, type Position } from '../wire/position.ts';
import { normalise, relate } from './lineage.ts';
import { type Assembly, assemble, isComplete } from './parts.ts';

/** A batch as the consumer may apply it: contiguous, without what it already has. */
export type ReceivedBatch = {
  readonly writer: number;
  readonly epoch: number;
  readonly first: number;
  readonly next: number;
  /** Present when this batch begins an epoch: the epochs before it. */
  readonly lineage: Lineage | null;
  readonly events: readonly MarketEvent[];
};

export type ReceivedSnapshot = {
  readonly position: Position;
  readonly writer: number;
  readonly reason: SnapshotReason;
  readonly recovered: boolean;
  readonly lineage: Lineage;
  readonly events: readonly MarketEvent[];
};

export type Received =
  | { readonly kind: 'hello'; readonly hello: Hello }
  | { readonly kind: 'status'; readonly status: Status }
  | { readonly kind: 'batch'; readonly batch: ReceivedBatch }
  | { readonly kind: 'snapshot'; readonly snapshot: ReceivedSnapshot }
  /** Everything up to here has been sent on this path. */
  | { readonly kind: 'heartbeat'; readonly writer: number; readonly position: Position }
  /** Part of a batch or snapshot that is not complete yet, or something this consumer already has. */
  | { readonly kind: 'nothing'; readonly why: 'partial' | 'duplicate' | 'staleWriter' | 'behind' }
  /** Something before this is missing: to be healed from history, by presenting our position (rule GAP1). */
  | { readonly kind: 'hole'; readonly have: Position; readonly got: Position };

/**
 * The consumer's half of the stream rules, over any path and any mixture of overlapping paths: it delivers each offset
 * at most once and in order (ORD1), never goes back (ORD2), trims what it has (TRM1), assembles parts (SNP1), and
 * names a hole instead of guessing (GAP1). Pure: what follows from a hole is its owner's affair.
 */
export class StreamReceiver {
  #position: Position | null;
  #writer = 0;
  #lineage: Lineage = [];
  /** The epoch before which `#lineage` lies: a server that is behind must not take later knowledge away. */
  #lineageEpoch = 0;
  #batchParts: Assembly<Batch> | null = null;
  #snapshotParts: Assembly<Snapshot> | null = null;

  constructor(position: Position | null = null) {
    this.#position = position;
  }

  /** What has been delivered; `null` before the first snapshot. */
  get position(): Position | null {
    return this.#position;
  }

  /** Highest writer seen. */
  get writer(): number {
    return this.#writer;
  }

  get lineage(): Lineage {
    return this.#lineage;
  }

  receive(message: ServerMessage): Received {
    switch (message.type) {
      case 'hello':
        this.#learn(message.epoch, message.lineage);
        return { kind: 'hello', hello: message };
      case 'status':
        return { kind: 'status', status: message };
      case 'snapshot':
        return this.#snapshot(message);
      case 'batch':
        return this.#batch(message);
    }
  }

  /** The path was changed or reopened: half-received parts of the old one are worthless. */
  pathChanged(): void {
    this.#batchParts = null;
    this.#snapshotParts = null;
  }

  #learn(epoch: number, lineage: Lineage): void {
    if (epoch < this.#lineageEpoch) return;
    this.#lineageEpoch = epoch;
    this.#lineage = lineage;
  }

  #snapshot(message: Snapshot): Received {
    const { epoch, offset, part, parts } = message;
    this.#snapshotParts = assemble(this.#snapshotParts, message, `${epoch}:${offset}:${message.reason}`, part, parts);
    if (!isComplete(this.#snapshotParts)) return { kind: 'nothing', why: 'partial' };
    const { first, events } = this.#snapshotParts;
    this.#snapshotParts = null;
    const have = this.#position;
    const position = { epoch, offset };
    if (have !== null) {
      // A path that is behind our own position would take us back (ORD2, HB1), and so would a deposed leader's; a
      // snapshot that declares a loss may not be used for that either.
      const order = comparePositions(position, have);
      if (order < 0) return { kind: 'nothing', why: 'behind' };
      // A path that repeats itself, or the second of two that were asked at once: nothing lies between a place and itself.
      if (order === 0) return { kind: 'nothing', why: 'duplicate' };
      if (epoch < this.#writer && !this.#isFinished(position)) return { kind: 'nothing', why: 'staleWriter' };
    }
    this.#learn(epoch, first.lineage);
    this.#position = position;
    this.#writer = Math.max(this.#writer, epoch);
    // A source that could only begin anew does not know what this consumer had: what lies between is lost to it.
    const skips = have !== null && first.reason === 'initial' && comparePositions(position, have) > 0;
    return {
      kind: 'snapshot',
      snapshot: {
        position,
        writer: this.#writer,
        reason: skips ? 'lost' : first.reason,
        recovered: first.recovered && !skips,
        lineage: first.lineage,
        events,
      },
    };
  }

  #batch(message: Batch): Received {
    if (message.lineage !== undefined) this.#learn(message.epoch, message.lineage);
    const got = { epoch: message.epoch, offset: message.next - 1 };
    if (message.writer < this.#writer && !this.#isFinished(got)) return { kind: 'nothing', why: 'staleWriter' };
    this.#writer = Math.max(this.#writer, message.writer);
    const { epoch, first, next, part, parts } = message;
    let whole = message;
    let events = message.events;
    if (part !== undefined && parts !== undefined && parts > 1) {
      this.#batchParts = assemble(this.#batchParts, message, `${epoch}:${first}:${next}`, part, parts);
      if (!isComplete(this.#batchParts)) return { kind: 'nothing', why: 'partial' };
      ({ first: whole, events } = this.#batchParts);
      this.#batchParts = null;
    }
    // Nothing can be placed before there is a position: a snapshot is on its way.
    if (this.#position === null) return { kind: 'nothing', why: 'behind' };
    const have = this.#placeFor(epoch);
    if (have === 'behind') return { kind: 'nothing', why: isHeartbeat(message) ? 'behind' : 'duplicate' };
    if (have === 'unreachable' || first > have.offset + 1) return { kind: 'hole', have: this.#position, got };
    if (isHeartbeat(message)) {
      if (got.offset < have.offset) return { kind: 'nothing', why: 'behind' };
      return { kind: 'heartbeat', writer: message.writer, position: got };
    }
    if (got.offset <= have.offset) return { kind: 'nothing', why: 'duplicate' };
    this.#position = got;
    return {
      kind: 'batch',
      batch: {
        writer: message.writer,
        epoch,
        first: have.offset + 1,
        next,
        lineage: have.offset === 0 ? (whole.lineage ?? this.#lineage.filter(entry => entry.epoch < epoch)) : null,
        events: first <= have.offset ? events.filter(event => event.offset > have.offset) : events,
      },
    };
  }

  /**
   * Whether a place is in a finished epoch and not past its end. What leads there is history, the same whoever sends it,
   * and not a deposed leader's word: a ring keeps batches with the writer they were sealed by, and the beginning of an
   * epoch as it was.
   */
  #isFinished({ epoch, offset }: Position): boolean {
    return this.#lineage.some(entry => entry.epoch === epoch && offset <= entry.end);
  }

  /** Our position seen from an epoch: within it, or at its very beginning because all before it has been delivered. */
  #placeFor(epoch: number): Position | 'behind' | 'unreachable' {
    const position = this.#position!;
    if (epoch < position.epoch) return 'behind';
    if (epoch === position.epoch) return position;
    const head = { epoch, offset: Number.MAX_SAFE_INTEGER };
    if (relate(position, head, this.#lineage) !== 'known') return 'unreachable';
    const place = normalise(position, head, this.#lineage);
    if (place.epoch > epoch) return 'behind';
    return place.epoch === epoch ? place : 'unreachable';
  }
}

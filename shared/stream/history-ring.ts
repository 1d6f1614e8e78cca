import type { Batch } from '../wire/messages.ts';
import { comparePositions, type Position } from '../wire/position.ts';

/** Bounds of what is remembered, whichever is reached first. */
export type RingBounds = { readonly maxAgeMs: number; readonly maxBytes: number };

export const DEFAULT_RING_BOUNDS: RingBounds = { maxAgeMs: 60_000, maxBytes: 64 * 1024 * 1024 };

export type RingEntry = {
  readonly batch: Batch;
  /** Size of the encoded batch. */
  readonly bytes: number;
  /** When it was sealed or received here, for the age bound (monotonic or epoch milliseconds, the owner's choice). */
  readonly at: number;
};

type Slot = { readonly entry: RingEntry; readonly bytesBefore: number };

/**
 * The last sealed batches, across epochs. Entries are numbered from 0 for as long as the ring lives, so that a cursor is
 * one number; numbers below {@link start} have been forgotten.
 */
export class HistoryRing {
  readonly #bounds: RingBounds;
  /** Forgotten ones are emptied at once, so that their batches can be collected; the array is cut only now and then. */
  #slots: (Slot | undefined)[] = [];
  /** Index in `#slots` of the oldest remembered one. */
  #head = 0;
  #start = 0;
  /** Bytes of everything ever pushed. */
  #pushedBytes = 0;
  #hasForgotten = false;

  constructor(bounds: RingBounds = DEFAULT_RING_BOUNDS) {
    this.#bounds = bounds;
  }

  /** Number of the oldest remembered entry. */
  get start(): number {
    return this.#start;
  }

  /** Number the next entry will get. */
  get end(): number {
    return this.#start + this.#slots.length - this.#head;
  }

  get bytes(): number {
    return this.bytesFrom(this.#start);
  }

  push(entry: RingEntry): void {
    this.#slots.push({ entry, bytesBefore: this.#pushedBytes });
    this.#pushedBytes += entry.bytes;
    this.#forget(entry.at);
  }

  at(number: number): RingEntry | undefined {
    return this.#slotAt(number)?.entry;
  }

  /** The position before the oldest remembered entry; `null` when nothing is remembered. */
  get floor(): Position | null {
    const oldest = this.at(this.#start);
    return oldest === undefined ? null : { epoch: oldest.batch.epoch, offset: oldest.batch.first - 1 };
  }

  /** Whether it is full by its bounds. A young one reaches back less far than others may. */
  get hasForgotten(): boolean {
    return this.#hasForgotten;
  }

  /** Number of the first entry that holds something after `position`; {@link end} when there is none. */
  firstAfter(position: Position): number {
    let low = this.#start;
    let high = this.end;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const { epoch, next } = this.at(middle)!.batch;
      if (comparePositions({ epoch, offset: next - 1 }, position) <= 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Encoded bytes of the entries from `number` on. Asked by every session after every batch, so it counts nothing. */
  bytesFrom(number: number): number {
    const slot = this.#slotAt(Math.max(number, this.#start));
    return slot === undefined ? 0 : this.#pushedBytes - slot.bytesBefore;
  }

  /** Bytes of all that was ever pushed before an entry: the same for every reader, so that they can share what they cut. */
  bytesBefore(number: number): number {
    return this.#slotAt(number)?.bytesBefore ?? this.#pushedBytes;
  }

  /** Forgets everything; numbers go on. */
  clear(): void {
    this.#start = this.end;
    this.#slots = [];
    this.#head = 0;
    this.#hasForgotten = false;
  }

  #slotAt(number: number): Slot | undefined {
    return number < this.#start ? undefined : this.#slots[number - this.#start + this.#head];
  }

  #forget(now: number): void {
    const { maxAgeMs, maxBytes } = this.#bounds;
    // The newest entry always stays, however large: a ring that forgets what was just sealed serves nobody.
    while (this.#slots.length - this.#head > 1) {
      const { entry, bytesBefore } = this.#slots[this.#head]!;
      if (this.#pushedBytes - bytesBefore <= maxBytes && now - entry.at <= maxAgeMs) break;
      this.#hasForgotten = true;
      this.#slots[this.#head] = undefined;
      this.#head++;
      this.#start++;
    }
    if (this.#head > 1_024 && this.#head * 2 > this.#slots.length) {
      this.#slots = this.#slots.slice(this.#head);
      this.#head = 0;
    }
  }
}

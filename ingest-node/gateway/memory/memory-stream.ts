import { ReplyError } from '../reply.ts';
import { formatId, MAX_ID, millisecondsOf, type RequestedId, type StreamId, streamId } from './stream-id.ts';

export type StreamEntry = { readonly id: StreamId; readonly fields: readonly string[]; readonly bytes: number };

/** How far to trim: to a length, or to the entries from an id on; `limit` entries at most, 0: as many as it takes. */
export type Trim = { readonly limit: number } & ({ readonly maxLength: number } | { readonly minId: StreamId });

/** Trimmed entries are let go of at once, their places in the array only now and then: most of a stream's trimming is at its head. */
const COMPACT_AFTER = 1024;

/** One stream: entries in the order of their ids, each above every id there ever was. */
export class MemoryStream {
  #entries: (StreamEntry | undefined)[] = [];
  /** Where the first entry is. */
  #head = 0;
  #lastId: StreamId = 0n;
  #bytes = 0;

  get length(): number {
    return this.#entries.length - this.#head;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Refuses an id that is not above the last, even when its entry is gone. */
  add(requested: RequestedId, fields: readonly string[], now: number): StreamId {
    if (this.#lastId === MAX_ID) {
      throw new ReplyError('ERR The stream has exhausted the last possible ID, unable to add more items');
    }
    const id = this.#nextId(requested, now);
    if (id <= this.#lastId) {
      throw new ReplyError('ERR The ID specified in XADD is equal or smaller than the target stream top item');
    }
    const bytes = fields.reduce((sum, field) => sum + field.length, 32);
    this.#entries.push({ id, fields, bytes });
    this.#lastId = id;
    this.#bytes += bytes;
    return id;
  }

  /** Entries from `start` to `end`, both included, at most `count`; from the newest when `reverse`. */
  range(start: StreamId, end: StreamId, count: number, reverse: boolean): readonly StreamEntry[] {
    const from = this.#indexOf(start);
    const to = this.#indexOf(end + 1n);
    if (from >= to) return [];
    const entries = reverse
      ? this.#entries.slice(Math.max(from, to - count), to).reverse()
      : this.#entries.slice(from, Math.min(to, from + count));
    return entries as StreamEntry[];
  }

  /** How many entries went. */
  trim(trim: Trim): number {
    const surplus =
      'maxLength' in trim ? Math.max(0, this.length - trim.maxLength) : this.#indexOf(trim.minId) - this.#head;
    const count = trim.limit === 0 ? surplus : Math.min(surplus, trim.limit);
    for (let index = this.#head; index < this.#head + count; index++) {
      this.#bytes -= this.#entries[index]!.bytes;
      this.#entries[index] = undefined;
    }
    this.#head += count;
    if (this.#head >= COMPACT_AFTER && this.#head * 2 >= this.#entries.length) {
      this.#entries = this.#entries.slice(this.#head);
      this.#head = 0;
    }
    return count;
  }

  delete(id: StreamId): boolean {
    const index = this.#indexOf(id);
    const entry = this.#entries[index];
    if (entry?.id !== id) return false;
    this.#entries.splice(index, 1);
    this.#bytes -= entry.bytes;
    return true;
  }

  #nextId(requested: RequestedId, now: number): StreamId {
    if (requested.kind === 'full') return requested.id;
    const lastMilliseconds = millisecondsOf(this.#lastId);
    if (requested.kind === 'now') {
      const milliseconds = BigInt(Math.trunc(now));
      return milliseconds > lastMilliseconds ? streamId(milliseconds, 0n) : this.#lastId + 1n;
    }
    const { milliseconds } = requested;
    if (milliseconds !== lastMilliseconds) return streamId(milliseconds, 0n);
    const next = this.#lastId + 1n;
    // Past the last sequence of this millisecond there is none: the same answer as for an id too low.
    return millisecondsOf(next) === milliseconds ? next : this.#lastId;
  }

  /** Where the first entry at or above `id` is. */
  #indexOf(id: StreamId): number {
    let low = this.#head;
    let high = this.#entries.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#entries[middle]!.id < id) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** An entry as XRANGE answers it. */
export function entryReply({ id, fields }: StreamEntry): readonly [string, readonly string[]] {
  return [formatId(id), fields];
}

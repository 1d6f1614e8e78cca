import { normalise, relate } from '../../shared/stream/lineage.ts';
import { comparePositions, type Lineage, type Position } from '../../shared/wire/position.ts';
import { type RelayUnit, unitBytes } from './relay-unit.ts';

export type TailBounds = { readonly maxAgeMs: number; readonly maxBytes: number };

/** Smaller than an ingest node's: a Durable Object has 128 MB for everything. What is older is asked of a node. */
export const DEFAULT_TAIL_BOUNDS: TailBounds = { maxAgeMs: 60_000, maxBytes: 16 * 1024 * 1024 };

/** What somebody at a position is to be sent. */
export type TailPlan =
  /** These units and then what is live: nothing else, nothing twice (rule RES1). */
  | { readonly kind: 'resume'; readonly units: readonly RelayUnit[] }
  /** Somewhere before our memory, in an epoch that we know: whoever remembers more may heal it (rule GAP1). */
  | { readonly kind: 'beyond' }
  | { readonly kind: 'snapshot'; readonly reason: 'lost' | 'diverged' };

/** What was healed stays at least this long, at twice the bounds: somebody is about to read it. */
const GRACE_MS = 5_000;

type Entry = { readonly unit: RelayUnit; readonly bytes: number; readonly at: number };

/** The newest encoded batches up to a position, contiguous, bounded by age and size. Hub and shard both keep one. */
export class UnitTail {
  readonly #bounds: TailBounds;
  #entries: Entry[] = [];
  #bytes = 0;
  #head: Position | null = null;
  #lineage: Lineage = [];
  #graceUntil = Number.NEGATIVE_INFINITY;

  constructor(bounds: TailBounds = DEFAULT_TAIL_BOUNDS) {
    this.#bounds = bounds;
  }

  /** The position after the newest unit; `null` before anything is known. */
  get head(): Position | null {
    return this.#head;
  }

  get lineage(): Lineage {
    return this.#lineage;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Who is at this position or later can be served; `null` before anything is known. */
  get floor(): Position | null {
    const oldest = this.#entries[0]?.unit;
    return oldest === undefined ? this.#head : { epoch: oldest.epoch, offset: oldest.first - 1 };
  }

  /** Begins anew at a position, without history. */
  reset(head: Position, lineage: Lineage): void {
    this.#entries = [];
    this.#bytes = 0;
    this.#head = head;
    this.#lineage = lineage;
  }

  /** Knows nothing any more. */
  clear(): void {
    this.#entries = [];
    this.#bytes = 0;
    this.#head = null;
    this.#lineage = [];
  }

  learn(lineage: Lineage): void {
    this.#lineage = lineage;
  }

  /** How a unit lies to the head: `next` may overlap it (rule TRM1), `old` is known already, `hole` leaves one. */
  relationOf(unit: RelayUnit): 'next' | 'old' | 'hole' {
    const head = this.#head;
    if (head === null) return 'hole';
    if (unit.epoch < head.epoch) return 'old';
    if (unit.epoch === head.epoch) {
      if (unit.next - 1 <= head.offset) return 'old';
      return unit.first <= head.offset + 1 ? 'next' : 'hole';
    }
    const place = normalise(head, { epoch: unit.epoch, offset: unit.next - 1 }, unit.lineage ?? this.#lineage);
    return place.epoch === unit.epoch && unit.first === 1 ? 'next' : 'hole';
  }

  /** Appends a unit that is `next`. */
  push(unit: RelayUnit, at: number): void {
    if (unit.lineage !== undefined) this.#lineage = unit.lineage;
    const bytes = unitBytes(unit);
    this.#entries.push({ unit, bytes, at });
    this.#bytes += bytes;
    this.#head = { epoch: unit.epoch, offset: unit.next - 1 };
    this.#forget(at);
  }

  /** Puts older units, contiguous and ending at the floor, before what is known. What begins at the floor or later is dropped. */
  prepend(units: readonly RelayUnit[], at: number): void {
    const floor = this.floor;
    if (floor === null) return;
    const older = units.filter(({ epoch, first }) => comparePositions({ epoch, offset: first - 1 }, floor) < 0);
    const last = older.at(-1);
    if (last === undefined || !this.#touches(last, floor)) return;
    const entries = older.map(unit => ({ unit, bytes: unitBytes(unit), at }));
    for (const { bytes } of entries) this.#bytes += bytes;
    this.#entries = [...entries, ...this.#entries];
    this.#graceUntil = at + GRACE_MS;
    this.#forget(at);
  }

  /** Rules RES1, EPO1, GAP1: what follows from a position. */
  plan(position: Position): TailPlan {
    const head = this.#head ?? { epoch: 0, offset: 0 };
    switch (relate(position, head, this.#lineage)) {
      case 'ahead':
        // We are behind: it trims what it has, and what it lacks will come this way.
        return { kind: 'resume', units: [] };
      case 'diverged':
        return { kind: 'snapshot', reason: 'diverged' };
      case 'unknown':
        return { kind: 'snapshot', reason: 'lost' };
      case 'known': {
        const place = normalise(position, head, this.#lineage);
        if (comparePositions(place, this.floor ?? head) < 0) return { kind: 'beyond' };
        return { kind: 'resume', units: this.#after(place) };
      }
    }
  }

  /** Units that begin before a position, oldest first; all of them for `null`. */
  before(position: Position | null): RelayUnit[] {
    const units = this.#entries.map(({ unit }) => unit);
    if (position === null) return units;
    return units.filter(({ epoch, first }) => comparePositions({ epoch, offset: first - 1 }, position) < 0);
  }

  #after(position: Position): RelayUnit[] {
    let from = this.#entries.length;
    while (from > 0) {
      const { epoch, next } = this.#entries[from - 1]!.unit;
      if (comparePositions({ epoch, offset: next - 1 }, position) <= 0) break;
      from--;
    }
    return this.#entries.slice(from).map(({ unit }) => unit);
  }

  #touches({ epoch, next }: RelayUnit, floor: Position): boolean {
    const end = { epoch, offset: next - 1 };
    if (epoch === floor.epoch) return end.offset >= floor.offset;
    return comparePositions(normalise(end, this.#head ?? floor, this.#lineage), floor) >= 0;
  }

  #forget(now: number): void {
    const grace = now < this.#graceUntil ? 2 : 1;
    const maxAgeMs = this.#bounds.maxAgeMs * grace;
    const maxBytes = this.#bounds.maxBytes * grace;
    let forgotten = 0;
    // The newest unit always stays, however large.
    while (this.#entries.length - forgotten > 1) {
      const oldest = this.#entries[forgotten]!;
      if (this.#bytes <= maxBytes && now - oldest.at <= maxAgeMs) break;
      this.#bytes -= oldest.bytes;
      forgotten++;
    }
    if (forgotten > 0) this.#entries = this.#entries.slice(forgotten);
  }
}

/**
 * Remembers values by market and key for at least a promised time.
 *
 * Two generations: entries go into the young one; when it is as old as the promised time it becomes the old one and the
 * former old one is forgotten at once. So an entry is known for one to two such times, and forgetting costs nothing per
 * entry. A market that goes quiet keeps its last entries for good.
 */
import type { EpochMillis } from '../../shared/model/time.ts';

/** How many entries a quiet market keeps. One would do if trades always came in order. */
const QUIET_ENTRIES = 8;

type Generation<Value> = Map<string, Map<string, Value>>;

export class AgingMap<Value> {
  readonly #keepMs: number;
  readonly #most: number;
  readonly #quiet = new Map<string, readonly (readonly [string, Value])[]>();
  #young: Generation<Value> = new Map();
  #old: Generation<Value> = new Map();
  #youngSince: EpochMillis | null = null;
  #youngSize = 0;
  #oldSize = 0;
  #earlyRotations = 0;

  /** @param most entries of one generation: when it is full it ages early, and the promised time is shorter */
  constructor(keepMs: number, most: number) {
    this.#keepMs = keepMs;
    this.#most = most;
  }

  get(market: string, key: string): Value | undefined {
    return (
      this.#young.get(market)?.get(key) ??
      this.#old.get(market)?.get(key) ??
      this.#quiet.get(market)?.find(([known]) => known === key)?.[1]
    );
  }

  /** An entry that is not known so far. */
  add(market: string, key: string, value: Value): void {
    let entries = this.#young.get(market);
    if (entries === undefined) {
      entries = new Map();
      this.#young.set(market, entries);
    }
    entries.set(key, value);
    this.#youngSize += 1;
  }

  /** To be called before anything is looked up. */
  age(now: EpochMillis): void {
    // A clock that was set back must not make a generation live longer than it would have.
    if (this.#youngSince === null || now < this.#youngSince) this.#youngSince = now;
    const isFull = this.#youngSize >= this.#most;
    const age = now - this.#youngSince;
    if (!isFull && age < this.#keepMs) return;
    if (isFull && age < this.#keepMs) this.#earlyRotations += 1;
    const isStale = age >= 2 * this.#keepMs;
    this.#retire(this.#old, this.#young);
    if (isStale) this.#retire(this.#young, new Map());
    this.#old = isStale ? new Map() : this.#young;
    this.#oldSize = isStale ? 0 : this.#youngSize;
    this.#young = new Map();
    this.#youngSize = 0;
    this.#youngSince = now;
  }

  /** How many entries are known at the moment, those of quiet markets not counted. */
  get size(): number {
    return this.#youngSize + this.#oldSize;
  }

  /** How often a generation had to age before its time because it was full. */
  get earlyRotations(): number {
    return this.#earlyRotations;
  }

  /** Forgets a generation, but for the last entries of markets that its successor does not know. */
  #retire(generation: Generation<Value>, successor: Generation<Value>): void {
    for (const [market, entries] of generation) {
      if (successor.has(market)) continue;
      const earlier = this.#quiet.get(market) ?? [];
      this.#quiet.set(market, [...earlier, ...entries].slice(-QUIET_ENTRIES));
    }
  }
}

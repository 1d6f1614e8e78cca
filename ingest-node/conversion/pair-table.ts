/**
 * Pairs of whole numbers of 32 bits, each at a slot of its own: the first at 0, the next at 1. They lie in typed arrays,
 * which the collection of garbage does not look into; few of them in no more than a short list.
 */

/** So many are looked through one by one, and need no index. */
const FEW = 8;
const [MIXER_1, MIXER_2] = [0x9e3779b1, 0x85ebca6b];

export class PairTable {
  /** The high and the low number of each slot, in turn. */
  #pairs = new Uint32Array(2 * FEW);
  /** A slot and one, or 0, where the hash of its pair leads, or at one of the places behind it. At most half of them are taken. */
  #index: Uint32Array | null = null;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** Slots there is room for; more when a pair is added to so many. */
  get capacity(): number {
    return this.#pairs.length / 2;
  }

  highAt(slot: number): number {
    return this.#pairs[2 * slot]!;
  }

  lowAt(slot: number): number {
    return this.#pairs[2 * slot + 1]!;
  }

  /** -1: it is not there. */
  slotOf(high: number, low: number): number {
    const pairs = this.#pairs;
    const index = this.#index;
    if (index === null) {
      for (let slot = 0; slot < this.#size; slot += 1) {
        if (pairs[2 * slot + 1] === low && pairs[2 * slot] === high) return slot;
      }
      return -1;
    }
    const mask = index.length - 1;
    for (let at = hashOf(high, low) & mask; ; at = (at + 1) & mask) {
      const slot = index[at]! - 1;
      if (slot < 0 || (pairs[2 * slot + 1] === low && pairs[2 * slot] === high)) return slot;
    }
  }

  /** The slot of a pair that was not there, or -1. */
  add(high: number, low: number): number {
    if (this.slotOf(high, low) >= 0) return -1;
    const slot = this.#size;
    if (slot === this.capacity) this.#grow();
    this.#pairs[2 * slot] = high;
    this.#pairs[2 * slot + 1] = low;
    this.#size += 1;
    if (this.#index !== null) enter(this.#index, hashOf(high, low), slot);
    return slot;
  }

  #grow(): void {
    const pairs = new Uint32Array(2 * this.#pairs.length);
    pairs.set(this.#pairs);
    const index = new Uint32Array(pairs.length);
    for (let slot = 0; slot < this.#size; slot += 1) {
      enter(index, hashOf(pairs[2 * slot]!, pairs[2 * slot + 1]!), slot);
    }
    this.#pairs = pairs;
    this.#index = index;
  }
}

function enter(index: Uint32Array, hash: number, slot: number): void {
  const mask = index.length - 1;
  let at = hash & mask;
  while (index[at] !== 0) at = (at + 1) & mask;
  index[at] = slot + 1;
}

function hashOf(high: number, low: number): number {
  const hash = Math.imul(low ^ Math.imul(high, MIXER_1), MIXER_2);
  return hash ^ (hash >>> 15);
}

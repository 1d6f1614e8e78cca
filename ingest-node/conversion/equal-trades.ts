/**
 * How many trades of one market say the same, by a digest of what they say: of those that came in one generation. The
 * texts themselves would take ten times as much.
 *
 * Two that say different things and share a digest would be counted together, and when one of them was fetched and the
 * other is missed or comes in a frame, that other is taken for published. A digest has 53 bits: among 100000 trades in the
 * memory of a market, which is a hundred a second, a fetched one shares its own with any other once in ninety billion.
 */
import type { AgingEntries } from './aging-markets.ts';
import { PairTable } from './pair-table.ts';

const HIGHEST_COUNT = 0xffff;

export class EqualTrades implements AgingEntries {
  readonly #digests = new PairTable();
  #published = new Uint16Array(this.#digests.capacity);
  #unseen = new Uint16Array(this.#digests.capacity);

  get size(): number {
    return this.#digests.size;
  }

  has(digest: number): boolean {
    return this.#slotOf(digest) >= 0;
  }

  /** How many were published. */
  published(digest: number): number {
    const slot = this.#slotOf(digest);
    return slot < 0 ? 0 : this.#published[slot]!;
  }

  /** @param isUnseen no frame has brought it so far */
  publish(digest: number, isUnseen: boolean): void {
    let slot = this.#slotOf(digest);
    if (slot < 0) slot = this.#add(highOf(digest), lowOf(digest));
    // More than the highest count say the same in no market.
    if (this.#published[slot]! < HIGHEST_COUNT) this.#published[slot]! += 1;
    if (isUnseen && this.#unseen[slot]! < HIGHEST_COUNT) this.#unseen[slot]! += 1;
  }

  /** A frame brings one. Whether it may be one of those that were unseen; if so, there is one less. */
  see(digest: number): boolean {
    const slot = this.#slotOf(digest);
    if (slot < 0 || this.#unseen[slot] === 0) return false;
    this.#unseen[slot]! -= 1;
    return true;
  }

  copyLast(most: number, into: EqualTrades): void {
    const digests = this.#digests;
    for (let slot = Math.max(0, digests.size - most); slot < digests.size; slot += 1) {
      const copy = into.#add(digests.highAt(slot), digests.lowAt(slot));
      into.#published[copy] = this.#published[slot]!;
      into.#unseen[copy] = this.#unseen[slot]!;
    }
  }

  #slotOf(digest: number): number {
    return this.#digests.slotOf(highOf(digest), lowOf(digest));
  }

  #add(high: number, low: number): number {
    const slot = this.#digests.add(high, low);
    if (slot === this.#published.length) {
      this.#published = longer(this.#published, this.#digests.capacity);
      this.#unseen = longer(this.#unseen, this.#digests.capacity);
    }
    return slot;
  }
}

function longer(counts: Uint16Array<ArrayBuffer>, length: number): Uint16Array<ArrayBuffer> {
  const all = new Uint16Array(length);
  all.set(counts);
  return all;
}

function highOf(digest: number): number {
  return Math.floor(digest / 2 ** 32);
}

function lowOf(digest: number): number {
  return digest >>> 0;
}

/**
 * The keys that documents used lately, so that a key is found instead of made: exchanges repeat a few dozen, in the same
 * order. A miss only costs a new string.
 */

/** One key, as text and as the bytes that a document spells it with. */
export type RecentKey = {
  readonly text: string;
  readonly bytes: Uint8Array;
  /** Whether it may be expected again: found by its bytes. */
  readonly isKept: boolean;
  /** The key that came after this one last time. */
  next: RecentKey | null;
};

/** Slots by a hash of the key's bytes. */
export const KEY_SLOTS = 1024;
const LONGEST_KEPT = 32;
const NO_BYTES = new Uint8Array(0);

export class RecentKeys {
  readonly #slots: (RecentKey | null)[] = new Array<RecentKey | null>(KEY_SLOTS).fill(null);

  at(slot: number): RecentKey | null {
    return this.#slots[slot]!;
  }

  /** A key that was not in its slot; it is from now on, unless it is too long to be one of a few dozen. */
  add(text: string, slot: number): RecentKey {
    const isKept = text.length <= LONGEST_KEPT;
    const key = { text, bytes: new TextEncoder().encode(text), isKept, next: null };
    if (isKept) this.#slots[slot] = key;
    return key;
  }

  /** A key that was spelled with escapes or beyond ASCII, so that its bytes are not those of its text. */
  rare(text: string): RecentKey {
    return { text, bytes: NO_BYTES, isKept: false, next: null };
  }
}

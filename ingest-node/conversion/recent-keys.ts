/**
 * The keys that the frames of one kind use, so that a key is found instead of made: exchanges repeat a few dozen, in the
 * same order. A miss only costs a new string.
 */

/** One key, as text and as the bytes that a frame spells it with. */
export type KnownKey = {
  readonly text: string;
  readonly bytes: Uint8Array;
  /** Whether members of this name are checked like all others and then left out. */
  readonly isIgnored: boolean;
  /** Whether it may be expected again: found by its bytes. */
  readonly isKept: boolean;
  /** The key that came after this one last time. */
  next: KnownKey | null;
};

/** Slots by a hash of the key's bytes. */
export const KEY_SLOTS = 1024;
const LONGEST_KEPT = 32;

export class RecentKeys {
  readonly #ignored: ReadonlySet<string>;
  readonly #slots: (KnownKey | null)[] = new Array<KnownKey | null>(KEY_SLOTS).fill(null);

  constructor(ignored: Iterable<string> = []) {
    this.#ignored = new Set(ignored);
  }

  at(slot: number): KnownKey | null {
    return this.#slots[slot]!;
  }

  /** A key that was not in its slot; it is from now on, unless it is too long to be one of a few dozen. */
  add(text: string, slot: number): KnownKey {
    const isKept = text.length <= LONGEST_KEPT;
    const key = { text, bytes: new TextEncoder().encode(text), isIgnored: this.#ignored.has(text), isKept, next: null };
    if (isKept) this.#slots[slot] = key;
    return key;
  }

  /** A key that was spelled with escapes or beyond ASCII, so that its bytes are not those of its text. */
  rare(text: string): KnownKey {
    return { text, bytes: NO_BYTES, isIgnored: this.#ignored.has(text), isKept: false, next: null };
  }
}

const NO_BYTES = new Uint8Array(0);

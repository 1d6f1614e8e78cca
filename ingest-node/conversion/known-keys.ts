/**
 * The keys of an exchange's frames, so that they are found by their bytes instead of made anew: an exchange repeats a few
 * dozen, in the same order. A miss only costs a string.
 */
import { Buffer } from 'node:buffer';
import { asciiText } from './ascii-text.ts';

export type KnownKey = {
  readonly text: string;
  /** Numbers the declared keys from 1; {@link UNDECLARED} for all others. */
  readonly id: number;
  /** One bit that other keys may have too: what an object surely does not hold is told by all of its bits. */
  readonly bit: number;
  /** The key that came after this one last time. */
  next: KnownKey | null;
  /** The first key of what stood in the object, or in the objects of the array, that this key led to last time. */
  inner: KnownKey | null;
  /** Where it was found last time, counted from the object that holds it. */
  place: number;
  /** How many bytes a frame spells it with, `"key":`. */
  readonly length: number;
  /** Four of these bytes at a time: the first, the last, and those between, of which the last may overlap. */
  readonly head: number;
  readonly tail: number;
  readonly middle: readonly number[];
};

export const UNDECLARED = 0;

/** Keys that are spelled with fewer bytes, which is the empty one alone, are not asked for with {@link standsAt}. */
export const QUICK_KEY_LENGTH = 4;

/** Slots by a hash of the text; a power of two. */
const SLOTS = 1024;
const LONGEST_KEPT = 32;
/** Keys that one frame may bring in: they are held by those before them, and a hostile frame has hundreds of thousands. */
const NEWCOMERS_PER_FRAME = 256;

export class KnownKeys {
  /** What the frame itself hangs on, as if it were a member. */
  readonly root: KnownKey = keyOf('', UNDECLARED);
  /** Stands for all keys that are not worth remembering. It is too short to be expected anywhere. */
  readonly stranger: KnownKey = keyOf('', UNDECLARED);
  readonly #declared = new Map<string, KnownKey>();
  readonly #slots: (KnownKey | null)[] = new Array<KnownKey | null>(SLOTS).fill(null);
  #newcomers = 0;

  declare(text: string): KnownKey {
    const known = this.#declared.get(text);
    if (known !== undefined) return known;
    const key = keyOf(text, this.#declared.size + 1);
    this.#declared.set(text, key);
    return key;
  }

  beginFrame(): void {
    this.#newcomers = 0;
  }

  /** The key whose text is plain ASCII from `start` to `end`. */
  at(bytes: Buffer, start: number, end: number): KnownKey {
    let slot = end - start;
    for (let at = start; at < end; at += 1) slot = (slot * 31 + bytes[at]!) & (SLOTS - 1);
    const known = this.#slots[slot]!;
    const text = asciiText(bytes, start, end);
    if (known !== null && known.text === text) return known;
    const key = this.#declared.get(text) ?? this.#newcomer(text);
    if (key !== this.stranger) this.#slots[slot] = key;
    return key;
  }

  /** The same for a key that is spelled with escapes or beyond ASCII. */
  rare(text: string): KnownKey {
    return this.#declared.get(text) ?? this.stranger;
  }

  #newcomer(text: string): KnownKey {
    if (text.length > LONGEST_KEPT || this.#newcomers === NEWCOMERS_PER_FRAME) return this.stranger;
    this.#newcomers += 1;
    return keyOf(text, UNDECLARED);
  }
}

/** Whether this key and its colon come next. */
export function standsAt(view: DataView, at: number, { length, head, tail, middle }: KnownKey): boolean {
  if (view.getInt32(at, true) !== head || view.getInt32(at + length - 4, true) !== tail) return false;
  for (let i = 0; i < middle.length; i += 1) if (view.getInt32(at + 4 * i + 4, true) !== middle[i]) return false;
  return true;
}

function keyOf(text: string, id: number): KnownKey {
  const bytes = Buffer.from(`${JSON.stringify(text)}:`);
  const { length } = bytes;
  const quadAt = (at: number): number => (length < QUICK_KEY_LENGTH ? 0 : bytes.readInt32LE(at));
  const middle: number[] = [];
  for (let at = 4; at < length - 4; at += 4) middle.push(quadAt(at));
  return {
    ...{ text, id, bit: id === UNDECLARED ? 0 : 1 << (id & 31), next: null, inner: null, place: 0 },
    ...{ length, head: quadAt(0), tail: quadAt(length - 4), middle },
  };
}

/**
 * The keys of an exchange's frames, by the places where they came before: an exchange writes the same few layouts over and
 * over, so at each place the key that stood there last time is compared with the bytes, then the others that were seen
 * there, and only a newcomer becomes a string. A key has a place for each one that it follows: in Binance's candles `s`
 * comes before `k` outside, and before `i` inside.
 */
import { Buffer } from 'node:buffer';
import { KEY_UNIT } from './frame-notes.ts';

/** A key that was declared: what it leads to can be asked for. */
export type KnownKey = {
  readonly text: string;
  /** Numbers the declared keys from 1. */
  readonly id: number;
  /** One bit that other keys may have too: what an object surely does not hold is told by all of its bits. */
  readonly bit: number;
  /**
   * Where it was found last time, counted from the object that holds it; for objects with other keys at another index, see
   * {@link layoutOf}.
   */
  readonly offsets: number[];
};

export type KeyPlace = {
  readonly text: string;
  /** What the note of a value says of its key; {@link UNDECLARED} for one that nobody asks for. */
  readonly tag: number;
  readonly bit: number;
  /** The key that came after this one last time. */
  next: KeyPlace | null;
  /** The first key of what stood in the object, or in the objects of the array, that this key led to last time. */
  inner: KeyPlace | null;
  /** Another key that came in its stead before, and so on around a ring; itself where there is none. */
  other: KeyPlace;
  /** How many bytes a frame spells it with, `"key":`. */
  readonly length: number;
  /** Four of these bytes at a time: the first, the last, and those between, of which the last may overlap. */
  readonly head: number;
  readonly tail: number;
  readonly middle: readonly number[];
};

export const UNDECLARED = -1;

const LAYOUT_BITS = 4;
const LAYOUTS = 1 << LAYOUT_BITS;
/** An odd number with mixed bits, for hashing. */
const MIXER = 0x9e3779b1 | 0;

/** Index of an object among those with other keys, by the bits of its keys; a few may share one. */
export function layoutOf(keyBits: number): number {
  return Math.imul(keyBits, MIXER) >>> (32 - LAYOUT_BITS);
}

/** The empty key is spelled with fewer bytes, and {@link standsAt} cannot be asked for it. */
const LEAST_LENGTH = 4;
const LONGEST_KEPT = 32;
/** Keys that are tried at one place. */
const MOST_OTHERS = 16;
/** Places that one frame may bring in: they are held by those before them, and a hostile frame has hundreds of thousands. */
const NEWCOMERS_PER_FRAME = 256;
/** An exchange's layouts have a few hundred; beyond this all are learnt anew. */
const MOST_PLACES = 4096;

export class KnownKeys {
  /** What the frame itself hangs on, as if it were a member. */
  readonly root: KeyPlace = placeOf('', undefined);
  readonly #stranger: KeyPlace = placeOf('', undefined);
  readonly #declared = new Map<string, KnownKey>();
  #newcomers = 0;
  #places = 0;

  declare(text: string): KnownKey {
    const known = this.#declared.get(text);
    if (known !== undefined) return known;
    const id = this.#declared.size + 1;
    const key = { text, id, bit: 1 << (id & 31), offsets: new Array<number>(LAYOUTS).fill(0) };
    this.#declared.set(text, key);
    return key;
  }

  beginFrame(): void {
    this.#places += this.#newcomers;
    this.#newcomers = 0;
    if (this.#places < MOST_PLACES) return;
    this.#places = 0;
    for (const place of [this.root, this.#stranger]) place.inner = place.next = null;
  }

  /**
   * The key at `at` if one came at this place before that is spelled so; `null` if none did.
   *
   * @param context the key before it, or the one that leads to the object that it is the first of
   */
  knownAt(view: DataView, at: number, context: KeyPlace, isFirst: boolean): KeyPlace | null {
    const usual = isFirst ? context.inner : context.next;
    for (let place = usual; place !== null; place = place.other === usual ? null : place.other) {
      if (!standsAt(view, at, place)) continue;
      expect(place, context, isFirst);
      return place;
    }
    return null;
  }

  /** The same by the text of the key, which may be a newcomer or spelled in another way. */
  meet(text: string, context: KeyPlace, isFirst: boolean): KeyPlace {
    const usual = isFirst ? context.inner : context.next;
    let others = 0;
    if (usual !== null) {
      let place = usual;
      do {
        if (place.text === text) return place;
        others += 1;
        place = place.other;
      } while (place !== usual);
    }
    const declared = this.#declared.get(text);
    const hasRoom = others < MOST_OTHERS && this.#newcomers < NEWCOMERS_PER_FRAME;
    if (declared === undefined && (!hasRoom || text.length > LONGEST_KEPT)) return this.#stranger;
    const place = placeOf(text, declared);
    if (!hasRoom || place.length < LEAST_LENGTH) return place;
    this.#newcomers += 1;
    if (usual !== null) {
      place.other = usual.other;
      usual.other = place;
    }
    expect(place, context, isFirst);
    return place;
  }
}

/** Whether this key and its colon come next. */
export function standsAt(view: DataView, at: number, { length, head, tail, middle }: KeyPlace): boolean {
  if (view.getInt32(at, true) !== head || view.getInt32(at + length - 4, true) !== tail) return false;
  for (let i = 0; i < middle.length; i += 1) if (view.getInt32(at + 4 * i + 4, true) !== middle[i]) return false;
  return true;
}

function expect(place: KeyPlace, context: KeyPlace, isFirst: boolean): void {
  if (isFirst) context.inner = place;
  else context.next = place;
}

function placeOf(text: string, declared: KnownKey | undefined): KeyPlace {
  const bytes = Buffer.from(`${JSON.stringify(text)}:`);
  const { length } = bytes;
  const quadAt = (at: number): number => (length < LEAST_LENGTH ? 0 : bytes.readInt32LE(at));
  const middle: number[] = [];
  for (let at = 4; at < length - 4; at += 4) middle.push(quadAt(at));
  const place: Omit<KeyPlace, 'other'> & { other: KeyPlace | null } = {
    text,
    tag: declared === undefined ? UNDECLARED : declared.id * KEY_UNIT,
    bit: declared?.bit ?? 0,
    next: null,
    inner: null,
    other: null,
    length,
    head: quadAt(0),
    tail: quadAt(length - 4),
    middle,
  };
  return Object.assign(place, { other: place as KeyPlace });
}

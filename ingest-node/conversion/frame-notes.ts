/**
 * What is noted of each value of a frame: a few integers in one long array, in the order of the frame. A container's note
 * is followed by those of all it holds.
 */

/** A note: kind, depth and key; where the text of the value begins and ends; where its integer digits end. */
export const START = 1;
export const END = 2;
export const INTEGER_END = 3;
/** Of a container: the bits of its keys; the note around it, and when it is whole the one behind its last descendant. */
export const KEY_BITS = 2;
export const PARENT = 3;
export const AFTER = 3;
export const NOTE_LENGTH = 4;

export const KIND_BITS = 4;
export const KIND_MASK = (1 << KIND_BITS) - 1;
/** Above the kind, how deep the value stands, and above that its key. */
export const DEPTH_BITS = 7;
export const KEY_UNIT = 1 << (KIND_BITS + DEPTH_BITS);
export const DEPTH_UNIT = 1 << KIND_BITS;
export const NOTHING = 0;
export const NULL = 1;
export const FALSE = 2;
export const TRUE = 3;
/** Plain numbers, quoted or not: the text from start to end is their canonical spelling. */
export const ZERO_NUMBER = 4;
export const POSITIVE = 5;
export const NEGATIVE = 6;
/** ASCII as it is written: any other string without escapes, and numbers that are spelled oddly. */
export const TEXT = 7;
/** A string with escapes or beyond ASCII. */
export const RICH_TEXT = 8;
export const ARRAY = 9;
export const OBJECT = 10;

export function isPlainNumber(kind: number): boolean {
  return kind >= ZERO_NUMBER && kind <= NEGATIVE;
}

/** The note of the frame itself. Before it stands one of nothing. */
export const ROOT = NOTE_LENGTH;

/** Behind a value and all it holds. */
export function nextNote(notes: Int32Array, at: number): number {
  return (notes[at]! & KIND_MASK) >= ARRAY ? notes[at + AFTER]! : at + NOTE_LENGTH;
}

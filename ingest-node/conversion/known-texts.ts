/**
 * The short texts that frames repeat: codes of instruments, names of channels and sides. One that was seen lately is found
 * by its bytes, as the same string with its hash already known, instead of made anew. A miss costs a string.
 */
import type { Buffer } from 'node:buffer';
import * as ascii from './ascii-text.ts';

// A local name, for the reason that `frame-scanner.ts` gives.
const { asciiText } = ascii;

/** Four times as many slots as there may be codes, so that few of them drive each other out. */
const SLOT_BITS = 14;
const SHORTEST = 4;
const LONGEST = 16;
const QUADS = LONGEST / 4;
/** Odd numbers with mixed bits, for hashing. */
const [MIXER_1, MIXER_2] = [0x9e3779b1, 0x85ebca6b];

export class KnownTexts {
  readonly #texts = new Array<string>(1 << SLOT_BITS).fill('');
  /** The bytes of each text, four at a time. */
  readonly #quads = new Int32Array(QUADS << SLOT_BITS);

  /** The ASCII text from `start` to `end`; `view` shows the same bytes, and there are more of them behind it. */
  at(bytes: Buffer, view: DataView, start: number, end: number): string {
    const length = end - start;
    if (length < SHORTEST || length > LONGEST) return asciiText(bytes, start, end);
    const first = view.getInt32(start, true);
    const last = view.getInt32(end - 4, true);
    const slot = ((Math.imul(first, MIXER_1) ^ Math.imul(last + length, MIXER_2)) >>> (32 - SLOT_BITS)) | 0;
    const quads = this.#quads;
    const at = slot * QUADS;
    const known = this.#texts[slot]!;
    // The first and the last four bytes are the whole of a text of up to eight, and overlap the rest of a longer one.
    const isKnown =
      known.length === length &&
      quads[at] === first &&
      quads[at + 1] === last &&
      (length <= 8 || quads[at + 2] === view.getInt32(start + 4, true)) &&
      (length <= 12 || quads[at + 3] === view.getInt32(start + 8, true));
    if (isKnown) return known;
    const text = asciiText(bytes, start, end);
    this.#texts[slot] = text;
    quads[at] = first;
    quads[at + 1] = last;
    quads[at + 2] = view.getInt32(start + 4, true);
    quads[at + 3] = view.getInt32(start + 8, true);
    return text;
  }
}

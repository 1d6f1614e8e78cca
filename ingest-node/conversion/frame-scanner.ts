/**
 * Checks that a frame is JSON and notes where its values stand; `frame-reader.ts` answers what they are.
 *
 * How: the frame is copied in front of a zero byte, which is no part of any JSON, so no loop looks for the end. One pass
 * writes four integers per value; members of undeclared keys are checked like all others, and their notes written over.
 * Keys are compared with the one that came at this place last time. While the digits of a number are passed, it shows where
 * its canonical spelling ends, so most numbers are read once.
 */
import { Buffer, isUtf8 } from 'node:buffer';
import * as decimal from '../../shared/model/decimal.ts';
import * as layout from './frame-notes.ts';
import type { KnownKey } from './known-keys.ts';
import * as known from './known-keys.ts';
import { writePlainNumber } from './plain-number.ts';
import * as quads from './quads.ts';

/*
 * Local names: V8 looks an imported one up at each use, and makes a local one part of the code. Importing these directly took
 * a fifth more time.
 */
const {
  AFTER,
  ARRAY,
  DEPTH_UNIT,
  END,
  FALSE,
  INTEGER_END,
  KEY_BITS,
  KEY_UNIT,
  KIND_BITS,
  KIND_MASK,
  NEGATIVE,
  NOTE_LENGTH,
  NULL,
  nextNote,
  OBJECT,
  PARENT,
  POSITIVE,
  RICH_TEXT,
  ROOT,
  START,
  TEXT,
  TRUE,
  ZERO_NUMBER,
} = layout;
const { endOfDigits, endOfPlain, withoutZeros } = quads;
const { KnownKeys, QUICK_KEY_LENGTH, standsAt, UNDECLARED } = known;
const { MAX_DECIMAL_LENGTH } = decimal;

/** In place of depth and key: the value of an undeclared key, whose notes are written over. */
const SKIPPED = -1 << KIND_BITS;

const SPACE = 0x20;
const QUOTE = 0x22;
const PLUS = 0x2b;
const COMMA = 0x2c;
const MINUS = 0x2d;
const POINT = 0x2e;
const ZERO = 0x30;
const COLON = 0x3a;
const UPPER_E = 0x45;
const OPEN_BRACKET = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_BRACKET = 0x5d;
const LOWER_E = 0x65;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

export const MAX_BYTES = 4 * 1024 * 1024;
export const MAX_DEPTH = 64;
/** Room for frames of this size is kept; what a larger one took is given back after it. */
const USUAL_BYTES = 32 * 1024;
/** Bytes are looked at four at a time, also backwards. */
const FRAME_START = 4;
const USUAL_NOTES = 4096 * NOTE_LENGTH;
/** Room behind the frame for numbers that are written out. Those for which none is left are read more slowly. */
const PLAIN_NUMBERS_BYTES = 4 * 1024;
const BYTES_ROOM = FRAME_START + USUAL_BYTES + 1 + PLAIN_NUMBERS_BYTES;
/** Before each of them stands where it is in the frame. */
export const RAW_START_BYTES = 4;
/** What {@link writePlainNumber} may write before it finds a number too long. */
const LONGEST_PLAIN_NUMBER = 3 * MAX_DECIMAL_LENGTH;
/** Larger exponents are too large, whatever they are. */
const MAX_EXPONENT = 1000;
const WORDS: readonly (Uint8Array | undefined)[] = [
  ...[undefined, Buffer.from('null'), Buffer.from('false'), Buffer.from('true')],
];

const REFUSAL = new SyntaxError('not JSON');

export abstract class FrameScanner {
  protected readonly knownKeys = new KnownKeys();
  protected bytes = Buffer.alloc(BYTES_ROOM);
  protected view = viewOf(this.bytes);
  protected notes: Int32Array = new Int32Array(USUAL_NOTES);
  /** Where the frame ends in {@link bytes}. */
  protected frameEnd = FRAME_START;
  /** Of each container around the place that is read: the key before. */
  readonly #contexts = new Array<KnownKey>(MAX_DEPTH).fill(this.knownKeys.root);
  #keyEnd = 0;
  /** Where the next number is written out. */
  #plainEnd = 0;
  #isAscii = true;

  /** Whether the frame is JSON, all of it noted from {@link ROOT} on. May throw where it is none. */
  protected scan(frame: Uint8Array): boolean {
    this.#take(frame);
    const end = endOfSpace(this.bytes, this.pass(FRAME_START, ROOT));
    return end === this.frameEnd && (this.#isAscii || isUtf8(frame));
  }

  #take(frame: Uint8Array): void {
    const { length } = frame;
    if (length > MAX_BYTES) throw REFUSAL;
    if (length > USUAL_BYTES || this.bytes.length > BYTES_ROOM) {
      this.bytes = Buffer.alloc(FRAME_START + Math.max(length, USUAL_BYTES) + 1 + PLAIN_NUMBERS_BYTES);
      this.view = viewOf(this.bytes);
      this.notes = new Int32Array(USUAL_NOTES);
    }
    this.bytes.set(frame, FRAME_START);
    this.bytes[FRAME_START + length] = 0;
    this.frameEnd = FRAME_START + length;
    this.#plainEnd = this.frameEnd + 1;
    this.#isAscii = true;
    this.knownKeys.beginFrame();
  }

  /**
   * Checks one value and all it holds, and notes it. One loop and no recursion, so that where it is stays in the
   * processor's registers: this is where the time goes.
   *
   * @param from where the value begins, or white space before it
   * @returns behind the value
   */
  protected pass(from: number, firstNote: number): number {
    const bytes = this.bytes;
    const view = this.view;
    const contexts = this.#contexts;
    let notes = this.notes;
    let at = from;
    let top = firstNote;
    let depth = 0;
    /** The key that the next value hangs on, and what its note says of depth and key. */
    let key = this.knownKeys.root;
    let tag = 0;
    /** Of the container around it: its note, whether it is an object, and the key before, at first the one it hangs on. */
    let container = 0;
    let isObject = false;
    let context = key;

    for (;;) {
      let byte = bytes[at]!;
      if (byte <= SPACE) {
        at = endOfSpace(bytes, at);
        byte = bytes[at]!;
      }
      if (top + 2 * NOTE_LENGTH > notes.length) notes = this.#makeRoomForNotes();
      let isFirst = false;
      if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
        if (depth === MAX_DEPTH) throw REFUSAL;
        contexts[depth] = context;
        depth += 1;
        isObject = byte === OPEN_BRACE;
        notes[top] = (isObject ? OBJECT : ARRAY) | tag;
        notes[top + KEY_BITS] = 0;
        notes[top + START] = at;
        notes[top + PARENT] = container;
        container = top;
        context = key;
        isFirst = true;
        top += NOTE_LENGTH;
        at += 1;
      } else {
        const start = byte === QUOTE ? at + 1 : at;
        at = passPlainNumber(bytes, view, start, notes, top);
        if (byte === QUOTE) {
          if (at === start || bytes[at] !== QUOTE) {
            at = endOfPlain(view, at);
            const isRich = bytes[at] !== QUOTE;
            if (isRich) at = this.#passRichString(start, at);
            notes[top] = isRich ? RICH_TEXT : TEXT;
            notes[top + START] = start;
            notes[top + END] = at;
          }
          at += 1;
        } else if (at === start || bytes[at] === LOWER_E || bytes[at] === UPPER_E) {
          at = this.#passOddValue(start, notes, top);
        }
        notes[top] = notes[top]! | tag;
        if (tag >= 0) top += NOTE_LENGTH;
      }

      // Nearly always another member comes, the one that came here last time.
      const expected: KnownKey | null = isObject && !isFirst && bytes[at] === COMMA ? context.next : null;
      if (expected !== null && standsAt(view, at + 1, expected)) {
        key = expected;
        at += key.length + 1;
      } else {
        // Or another item of an array.
        if (!isObject && !isFirst && bytes[at] === COMMA && depth > 0) {
          at += 1;
          key = context;
          tag = depth * DEPTH_UNIT;
          continue;
        }
        for (;;) {
          if (depth === 0) return at;
          byte = bytes[at]!;
          if (byte <= SPACE) {
            at = endOfSpace(bytes, at);
            byte = bytes[at]!;
          }
          if (byte !== (isObject ? CLOSE_BRACE : CLOSE_BRACKET)) break;
          at += 1;
          isFirst = false;
          const parent = notes[container + PARENT]!;
          notes[container + AFTER] = top;
          if (notes[container]! < 0) top = container;
          container = parent;
          isObject = (notes[container]! & KIND_MASK) === OBJECT;
          depth -= 1;
          context = contexts[depth]!;
        }
        if (!isFirst) {
          if (byte !== COMMA) throw REFUSAL;
          at += 1;
        }
        if (!isObject) {
          key = context;
          tag = depth * DEPTH_UNIT;
          continue;
        }
        at = endOfSpace(bytes, at);
        const usual: KnownKey | null = isFirst ? context.inner : context.next;
        if (usual !== null && standsAt(view, at, usual)) {
          key = usual;
          at += key.length;
        } else {
          key = this.#unexpectedKey(at);
          at = this.#keyEnd;
          const quick = key.length < QUICK_KEY_LENGTH ? null : key;
          if (isFirst) context.inner = quick;
          else context.next = quick;
        }
      }
      context = key;
      if (key.id === UNDECLARED) tag = SKIPPED;
      else {
        tag = key.id * KEY_UNIT + depth * DEPTH_UNIT;
        const bits = notes[container + KEY_BITS]!;
        if ((bits & key.bit) !== 0) this.#forget(container, top, tag);
        notes[container + KEY_BITS] = bits | key.bit;
      }
    }
  }

  /** The key comes again: what it led to before counts no more. */
  #forget(object: number, top: number, tag: number): void {
    const notes = this.notes;
    for (let at = object + NOTE_LENGTH; at < top; at = nextNote(notes, at)) {
      if ((notes[at]! & ~KIND_MASK) === tag) notes[at] = notes[at]! & (KEY_UNIT - 1);
    }
  }

  /** A word, or a number with an exponent, `-0`, or a very long one; or nothing that may stand there. */
  #passOddValue(start: number, notes: Int32Array, top: number): number {
    const bytes = this.bytes;
    let at = start;
    const byte = bytes[at];
    if (byte === 0x74 || byte === 0x66 || byte === 0x6e) {
      const kind = byte === 0x74 ? TRUE : byte === 0x66 ? FALSE : NULL;
      for (const expected of WORDS[kind]!) {
        if (bytes[at] !== expected) throw REFUSAL;
        at += 1;
      }
      notes[top] = kind;
      notes[top + START] = start;
      return at;
    }
    if (bytes[at] === MINUS) at += 1;
    at = bytes[at] === ZERO ? at + 1 : this.#passDigits(at);
    if (bytes[at] === POINT) at = this.#passDigits(at + 1);
    const mantissaEnd = at;
    let exponent = 0;
    if (bytes[at] === LOWER_E || bytes[at] === UPPER_E) {
      const isNegative = bytes[at + 1] === MINUS;
      const from = isNegative || bytes[at + 1] === PLUS ? at + 2 : at + 1;
      at = this.#passDigits(from);
      for (let i = from; i < at && exponent < MAX_EXPONENT; i += 1) exponent = exponent * 10 + bytes[i]! - ZERO;
      if (isNegative) exponent = -exponent;
    }
    const plainStart = this.#plainEnd + RAW_START_BYTES;
    const isShort = mantissaEnd < at && at - start <= MAX_DECIMAL_LENGTH;
    const hasRoom = plainStart + LONGEST_PLAIN_NUMBER <= bytes.length;
    const end = isShort && hasRoom ? writePlainNumber(bytes, start, mantissaEnd, exponent, plainStart) : -1;
    if (end === -1) {
      notes[top] = TEXT;
      notes[top + START] = start;
      notes[top + END] = at;
      return at;
    }
    let integerEnd = plainStart;
    while (integerEnd < end && bytes[integerEnd] !== POINT) integerEnd += 1;
    this.#plainEnd = end;
    this.view.setInt32(plainStart - RAW_START_BYTES, start);
    notes[top] = bytes[start] === MINUS ? NEGATIVE : POSITIVE;
    notes[top + START] = plainStart;
    notes[top + END] = end;
    notes[top + INTEGER_END] = integerEnd;
    return at;
  }

  #passDigits(from: number): number {
    const end = endOfDigits(this.view, from);
    if (end === from) throw REFUSAL;
    return end;
  }

  /** To the quote that ends a string; from `from` on it has escapes or bytes beyond ASCII. */
  #passRichString(start: number, from: number): number {
    const bytes = this.bytes;
    let at = from;
    let hasEscapes = false;
    while (bytes[at] !== QUOTE) {
      const byte = bytes[at]!;
      if (byte < SPACE) throw REFUSAL;
      if (byte >= 0x80) this.#isAscii = false;
      if (byte === BACKSLASH) {
        hasEscapes = true;
        at += 1;
        if (bytes[at]! < SPACE) throw REFUSAL;
      }
      at += 1;
    }
    if (hasEscapes) JSON.parse(bytes.toString('utf8', start - 1, at + 1));
    return at;
  }

  /** The key whose quote is at `quote`; `#keyEnd` is then behind its colon. */
  #unexpectedKey(quote: number): KnownKey {
    const bytes = this.bytes;
    if (bytes[quote] !== QUOTE) throw REFUSAL;
    const start = quote + 1;
    let at = endOfPlain(this.view, start);
    const isRich = bytes[at] !== QUOTE;
    if (isRich) at = this.#passRichString(start, at);
    const colon = endOfSpace(bytes, at + 1);
    if (bytes[colon] !== COLON) throw REFUSAL;
    this.#keyEnd = colon + 1;
    if (!isRich) return this.knownKeys.at(bytes, start, at);
    return this.knownKeys.rare(JSON.parse(bytes.toString('utf8', quote, at + 1)));
  }

  #makeRoomForNotes(): Int32Array {
    const notes = new Int32Array(2 * this.notes.length);
    notes.set(this.notes);
    this.notes = notes;
    return notes;
  }
}

/**
 * Passes the number that begins at `start` and notes where its text is. Answers where it ends, which may be before an
 * exponent; `start` for what is no number or is not spelled canonically by these digits.
 */
function passPlainNumber(bytes: Buffer, view: DataView, start: number, notes: Int32Array, top: number): number {
  const integerStart = bytes[start] === MINUS ? start + 1 : start;
  const integerEnd = endOfDigits(view, integerStart);
  if (integerEnd === integerStart || (bytes[integerStart] === ZERO && integerEnd > integerStart + 1)) return start;
  let at = integerEnd;
  let end = at;
  if (bytes[at] === POINT) {
    at = endOfDigits(view, integerEnd + 1);
    if (at === integerEnd + 1) return start;
    end = withoutZeros(view, at);
    if (end === integerEnd + 1) end = integerEnd;
  }
  if (at - start > MAX_DECIMAL_LENGTH) return start;
  const isZero = bytes[integerStart] === ZERO && end === integerEnd;
  const isNegative = integerStart > start;
  if (isZero && isNegative) return start;
  notes[top] = isZero ? ZERO_NUMBER : isNegative ? NEGATIVE : POSITIVE;
  notes[top + START] = start;
  notes[top + END] = end;
  notes[top + INTEGER_END] = integerEnd;
  return at;
}

function viewOf(bytes: Buffer): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function endOfSpace(bytes: Uint8Array, from: number): number {
  let at = from;
  while (bytes[at] === SPACE || bytes[at] === 0x0a || bytes[at] === 0x0d || bytes[at] === 0x09) at += 1;
  return at;
}

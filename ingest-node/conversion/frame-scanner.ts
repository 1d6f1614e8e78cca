/**
 * Checks that a frame is JSON and notes where its values stand; `frame-reader.ts` answers what they are.
 *
 * How: the frame is copied in front of a zero byte, which is no part of any JSON, so no loop looks for the end. One pass
 * writes four integers per value, and nothing for one of an undeclared key, which is only checked. Keys are compared with the
 * one that came at this place last time. While the digits of a number are passed, it shows where its canonical spelling ends,
 * so most numbers are read once.
 */
import { Buffer, isUtf8 } from 'node:buffer';
import * as decimal from '../../shared/model/decimal.ts';
import * as ascii from './ascii-text.ts';
import * as layout from './frame-notes.ts';
import type { KeyPlace } from './known-keys.ts';
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
  NOTHING,
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
const { KnownKeys, standsAt, UNDECLARED } = known;
const { MAX_DECIMAL_LENGTH } = decimal;
const { asciiText } = ascii;

/** In place of depth and key: the value of an undeclared key. What a container of it holds is written over. */
const SKIPPED = -1 << KIND_BITS;

const SPACE = 0x20;
const QUOTE = 0x22;
const PLUS = 0x2b;
const COMMA = 0x2c;
const MINUS = 0x2d;
const POINT = 0x2e;
const ZERO = 0x30;
const NINE = 0x39;
const COLON = 0x3a;
const UPPER_E = 0x45;
const OPEN_BRACKET = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_BRACKET = 0x5d;
const LOWER_E = 0x65;
const LOWER_F = 0x66;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

export const MAX_BYTES = 4 * 1024 * 1024;
export const MAX_DEPTH = 64;
/** Room for frames of this size is kept; what a larger one took is given back after it. Notes have room for this size first. */
const USUAL_BYTES = 32 * 1024;
const FIRST_BYTES = 4 * 1024;
/** Bytes are looked at four at a time, also backwards. */
const FRAME_START = 4;
/** A value takes a byte or more, and most of them two; some are noted twice, when they are asked for as they were written. */
const notesFor = (bytes: number): number => NOTE_LENGTH * (bytes + 4 * MAX_DEPTH);
/** Room behind the frame for numbers that are written out. Those for which none is left are read more slowly. */
const PLAIN_NUMBERS_BYTES = 4 * 1024;
const BYTES_ROOM = FRAME_START + USUAL_BYTES + 1 + PLAIN_NUMBERS_BYTES;
/** Before each of them stands where it is in the frame. */
export const RAW_START_BYTES = 4;
/** What {@link writePlainNumber} may write before it finds a number too long. */
const LONGEST_PLAIN_NUMBER = 3 * MAX_DECIMAL_LENGTH;
/** Larger exponents are too large, whatever they are. */
const MAX_EXPONENT = 1000;
/** Four bytes of each word, `false` from its second one. */
const [TRUE_QUAD, ALSE_QUAD, NULL_QUAD] = ['true', 'alse', 'null'].map(word => Buffer.from(word).readInt32LE());

const REFUSAL = new SyntaxError('not JSON');

export abstract class FrameScanner {
  protected readonly knownKeys = new KnownKeys();
  protected bytes = Buffer.alloc(BYTES_ROOM);
  protected view = viewOf(this.bytes);
  protected notes: Int32Array = new Int32Array(notesFor(FIRST_BYTES));
  /** Where the frame ends in {@link bytes}. */
  protected frameEnd = FRAME_START;
  /** Of each container around the place that is read: the key that it hangs on. */
  readonly #contexts = new Array<KeyPlace>(MAX_DEPTH).fill(this.knownKeys.root);
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
      this.notes = new Int32Array(notesFor(Math.max(length, FIRST_BYTES)));
    }
    if (notesFor(length) > this.notes.length) this.notes = new Int32Array(notesFor(Math.min(2 * length, USUAL_BYTES)));
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
    const notes = this.notes;
    const contexts = this.#contexts;
    let at = from;
    let top = firstNote;
    let depth = 0;
    /** What the note of the next value says of depth and key. */
    let tag = 0;
    /** Of the container around it: its note, whether it is an object and what bits its keys have so far. */
    let container = 0;
    let isObject = false;
    let bits = 0;
    /** The key before, at first the one that the container hangs on. */
    let context = this.knownKeys.root;

    for (;;) {
      let byte = bytes[at]!;
      if (byte <= SPACE) {
        at = endOfSpace(bytes, at);
        byte = bytes[at]!;
      }
      let isFirst = false;
      if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
        if (depth === MAX_DEPTH) throw REFUSAL;
        notes[container + KEY_BITS] = bits;
        contexts[depth] = context;
        depth += 1;
        isObject = byte === OPEN_BRACE;
        notes[top] = (isObject ? OBJECT : ARRAY) | tag;
        notes[top + START] = at;
        notes[top + PARENT] = container;
        container = top;
        bits = 0;
        isFirst = true;
        top += NOTE_LENGTH;
        at += 1;
      } else {
        const start = byte === QUOTE ? at + 1 : at;
        const mayBeNumber = bytes[start]! <= NINE && (tag >= 0 || byte !== QUOTE);
        at = mayBeNumber ? passPlainNumber(bytes, view, start, notes, top, tag) : start;
        if (byte === QUOTE) {
          if (at === start || bytes[at] !== QUOTE) {
            at = endOfPlain(view, at);
            const isRich = bytes[at] !== QUOTE;
            if (isRich) at = this.#passRichString(start, at);
            notes[top] = (isRich ? RICH_TEXT : TEXT) | tag;
            notes[top + START] = start;
            notes[top + END] = at;
          }
          at += 1;
        } else if (at === start || bytes[at] === LOWER_E || bytes[at] === UPPER_E) {
          at = this.#passOddValue(start, notes, top, tag);
        }
        if (tag >= 0) top += NOTE_LENGTH;
      }

      // Nearly always another member comes, the one that came here last time.
      let place: KeyPlace | null = isFirst ? context.inner : context.next;
      const keyAt = isFirst ? at : at + 1;
      if (isObject && place !== null && (isFirst || bytes[at] === COMMA) && standsAt(view, keyAt, place)) {
        at = keyAt + place.length;
      } else {
        // Or another item of an array.
        if (!isObject && !isFirst && bytes[at] === COMMA && depth > 0) {
          at += 1;
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
          notes[container + KEY_BITS] = bits;
          notes[container + AFTER] = top;
          if (notes[container]! < 0) top = container;
          container = parent;
          isObject = (notes[container]! & KIND_MASK) === OBJECT;
          bits = notes[container + KEY_BITS]!;
          depth -= 1;
          context = contexts[depth]!;
        }
        if (!isFirst) {
          if (byte !== COMMA) throw REFUSAL;
          at += 1;
        }
        if (!isObject) {
          tag = depth * DEPTH_UNIT;
          continue;
        }
        place = this.#keyAt(at, context, isFirst);
        at = this.#keyEnd;
      }
      context = place;
      if (place.tag === UNDECLARED) tag = SKIPPED;
      else {
        tag = place.tag + depth * DEPTH_UNIT;
        if ((bits & place.bit) !== 0) this.#forget(container, top, tag);
        bits |= place.bit;
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
  #passOddValue(start: number, notes: Int32Array, top: number, tag: number): number {
    const bytes = this.bytes;
    const word = wordAt(this.view, start);
    if (word !== NOTHING) {
      notes[top] = word | tag;
      notes[top + START] = start;
      return start + (word === FALSE ? 5 : 4);
    }
    let at = start;
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
      notes[top] = TEXT | tag;
      notes[top + START] = start;
      notes[top + END] = at;
      return at;
    }
    let integerEnd = plainStart;
    while (integerEnd < end && bytes[integerEnd] !== POINT) integerEnd += 1;
    this.#plainEnd = end;
    this.view.setInt32(plainStart - RAW_START_BYTES, start);
    notes[top] = (bytes[start] === MINUS ? NEGATIVE : POSITIVE) | tag;
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

  /** The key that begins at `from`, or behind white space; `#keyEnd` is then behind its colon. */
  #keyAt(from: number, context: KeyPlace, isFirst: boolean): KeyPlace {
    const bytes = this.bytes;
    const quote = endOfSpace(bytes, from);
    const known = this.knownKeys.knownAt(this.view, quote, context, isFirst);
    if (known !== null) {
      this.#keyEnd = quote + known.length;
      return known;
    }
    if (bytes[quote] !== QUOTE) throw REFUSAL;
    const start = quote + 1;
    let at = endOfPlain(this.view, start);
    const isRich = bytes[at] !== QUOTE;
    if (isRich) at = this.#passRichString(start, at);
    const colon = endOfSpace(bytes, at + 1);
    if (bytes[colon] !== COLON) throw REFUSAL;
    this.#keyEnd = colon + 1;
    const text = isRich ? JSON.parse(bytes.toString('utf8', quote, at + 1)) : asciiText(bytes, start, at);
    return this.knownKeys.meet(text, context, isFirst);
  }
}

/**
 * Passes the number that begins at `start` and notes where its text is. Answers where it ends, which may be before an
 * exponent; `start` for what is no number or is not spelled canonically by these digits.
 */
function passPlainNumber(
  bytes: Buffer,
  view: DataView,
  start: number,
  notes: Int32Array,
  top: number,
  tag: number,
): number {
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
  notes[top] = (isZero ? ZERO_NUMBER : isNegative ? NEGATIVE : POSITIVE) | tag;
  notes[top + START] = start;
  notes[top + END] = end;
  notes[top + INTEGER_END] = integerEnd;
  return at;
}

/** Which word begins there; `NOTHING` for anything else. */
function wordAt(view: DataView, at: number): number {
  const quad = view.getInt32(at, true);
  if (quad === TRUE_QUAD) return TRUE;
  if (quad === NULL_QUAD) return NULL;
  return view.getInt8(at) === LOWER_F && view.getInt32(at + 1, true) === ALSE_QUAD ? FALSE : NOTHING;
}

function viewOf(bytes: Buffer): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function endOfSpace(bytes: Uint8Array, from: number): number {
  let at = from;
  while (bytes[at] === SPACE || bytes[at] === 0x0a || bytes[at] === 0x0d || bytes[at] === 0x09) at += 1;
  return at;
}

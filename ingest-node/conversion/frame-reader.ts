/**
 * Reads the frames of one exchange: checks that a frame is JSON, as strictly as `parseLosslessJson`, and notes where the
 * values of declared keys stand. Nothing else is made: a text, a number or a time is cut from the bytes when an adapter
 * asks for it, in its canonical spelling, and what nobody asks for costs its bytes and no more.
 *
 *     const frame = new FrameReader();
 *     const KEYS = frame.keys({ price: 'p', size: 'q' });
 *     if (frame.read(bytes) === null) frame.decimal(frame.member(frame.root, KEYS.price));
 *
 * Values are known by {@link FrameNode}s, which mean something until the next frame is read. What was asked for and is not
 * there is the node {@link ABSENT}, of which everything may be asked too.
 *
 * How: the frame is copied in front of a zero byte, which is no part of any JSON, so no loop looks for the end. One pass
 * writes four integers per value into an array; members of undeclared keys are written over. Keys are compared with the
 * one that came at this place last time. While the digits of a number are passed, it shows where its canonical spelling
 * ends, so most numbers are read once.
 */
import { Buffer, isUtf8 } from 'node:buffer';
import {
  compareDecimals,
  type Decimal,
  isNegative,
  isZero,
  MAX_DECIMAL_LENGTH,
  toDecimal,
} from '../../shared/model/decimal.ts';
import { MAX_ID_LENGTH, toId } from '../../shared/model/id.ts';
import { countToMillis, type EpochMillis, type TimeUnit, toMillis } from '../../shared/model/time.ts';
import { asciiText } from './ascii-text.ts';
import { type KnownKey, KnownKeys, QUICK_KEY_LENGTH, standsAt, UNDECLARED } from './known-keys.ts';
import { KnownTexts } from './known-texts.ts';
import { type LosslessRefusal, type LosslessValue, parseLosslessJson } from './lossless-json.ts';
import { writePlainNumber } from './plain-number.ts';

/** Index of a value in the notes of the frame that was read last. */
export type FrameNode = number;

export const ABSENT: FrameNode = 0;

/** A key that was declared: what it leads to can be asked for. */
export type FrameKey = KnownKey;

/** A note: kind, depth and key; where the text of the value begins and ends; where its integer digits end. */
const START = 1;
const END = 2;
const INTEGER_END = 3;
/** Of a container: the bits of its keys; the note around it, and when it is whole the one behind its last descendant. */
const KEY_BITS = 2;
const PARENT = 3;
const AFTER = 3;
const NOTE_LENGTH = 4;

const KIND_BITS = 4;
const KIND_MASK = (1 << KIND_BITS) - 1;
/** Above the kind, how deep the value stands, and above that its key. */
const DEPTH_BITS = 7;
const KEY_UNIT = 1 << (KIND_BITS + DEPTH_BITS);
const DEPTH_UNIT = 1 << KIND_BITS;
const NOTHING = 0;
const NULL = 1;
const FALSE = 2;
const TRUE = 3;
/** Plain numbers, quoted or not: the text from start to end is their canonical spelling. */
const ZERO_NUMBER = 4;
const POSITIVE = 5;
const NEGATIVE = 6;
/** ASCII as it is written: any other string without escapes, and numbers that are spelled oddly. */
const TEXT = 7;
/** A string with escapes or beyond ASCII. */
const RICH_TEXT = 8;
const ARRAY = 9;
const OBJECT = 10;

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

const MAX_BYTES = 4 * 1024 * 1024;
const MAX_DEPTH = 64;
/** Room for frames of this size is kept; what a larger one took is given back after it. */
const USUAL_BYTES = 32 * 1024;
/** Bytes are looked at four at a time, also backwards. */
const FRAME_START = 4;
const USUAL_NOTES = 4096 * NOTE_LENGTH;
/** Room behind the frame for numbers that are written out. Those for which none is left are read more slowly. */
const PLAIN_NUMBERS_BYTES = 4 * 1024;
const BYTES_ROOM = FRAME_START + USUAL_BYTES + 1 + PLAIN_NUMBERS_BYTES;
/** Before each of them stands where it is in the frame. */
const RAW_START_BYTES = 4;
/** What {@link writePlainNumber} may write before it finds a number too long. */
const LONGEST_PLAIN_NUMBER = 3 * MAX_DECIMAL_LENGTH;
/** Larger exponents are too large, whatever they are. */
const MAX_EXPONENT = 1000;
/** Digits of the longest count of time; see {@link countToMillis}. */
const LONGEST_COUNT = 16;

const WORDS: readonly (Uint8Array | undefined)[] = [
  ...[undefined, Buffer.from('null'), Buffer.from('false'), Buffer.from('true')],
];

/** V8 copies slices of up to this length; a longer one would refer to the whole frame and keep it. */
const LONGEST_COPIED_SLICE = 12;
/** From then on slicing (5 ns) has earned the string to slice from. */
const CUTS_WITHOUT_TEXT = 8;

const REFUSAL = new SyntaxError('not JSON');

export class FrameReader {
  readonly root: FrameNode = NOTE_LENGTH;
  readonly #knownKeys = new KnownKeys();
  readonly #knownTexts = new KnownTexts();
  /** What the frame itself hangs on, as if it were a member. */
  readonly #rootKey = this.#knownKeys.named('');
  #bytes = Buffer.alloc(BYTES_ROOM);
  #view = viewOf(this.#bytes);
  #notes: Int32Array = new Int32Array(USUAL_NOTES);
  /** Where the frame ends. */
  #frameEnd = FRAME_START;
  #keyEnd = 0;
  /** Of each container around the place that is read: the key before. */
  readonly #contexts = new Array<FrameKey>(MAX_DEPTH).fill(this.#rootKey);
  /** Where the next number is written out. */
  #plainEnd = 0;
  #isAscii = true;
  /** The frame as a string, once it is worth making. */
  #text = '';
  #cuts = 0;

  /** Declares keys by names of the caller's: of all others, the values are checked and passed over. */
  keys<Name extends string>(spelling: Readonly<Record<Name, string>>): Readonly<Record<Name, FrameKey>> {
    const entries = Object.entries<string>(spelling).map(([name, text]) => [name, this.#knownKeys.declare(text)]);
    return Object.fromEntries(entries) as Record<Name, FrameKey>;
  }

  /** `null` when the frame is JSON; never throws, and takes time and memory in proportion to the frame's size. */
  read(frame: Uint8Array): LosslessRefusal | null {
    try {
      this.#take(frame);
      const end = endOfSpace(this.#bytes, this.#pass(FRAME_START, this.root));
      if (end === this.#frameEnd && (this.#isAscii || isUtf8(frame))) return null;
    } catch {
      // Why is told below.
    }
    this.#notes[this.root] = NOTHING;
    const whole = parseLosslessJson(frame, { maxBytes: MAX_BYTES, maxDepth: MAX_DEPTH });
    return whole.ok ? 'invalidJson' : whole.reason;
  }

  // ---- what stands where

  /** Of an object, the last value of this key. */
  member(node: FrameNode, key: FrameKey): FrameNode {
    const notes = this.#notes;
    if ((notes[node]! & KIND_MASK) !== OBJECT || (notes[node + KEY_BITS]! & key.bit) === 0) return ABSENT;
    const end = notes[node + AFTER]!;
    const depth = (notes[node]! & (KEY_UNIT - 1)) >> KIND_BITS;
    const tag = key.id * KEY_UNIT + (depth + 1) * DEPTH_UNIT;
    const usual = node + key.place;
    if (usual < end && (notes[usual]! & ~KIND_MASK) === tag) return usual;
    for (let at = node + NOTE_LENGTH; at < end; at = this.next(at)) {
      if ((notes[at]! & ~KIND_MASK) !== tag) continue;
      key.place = at - node;
      return at;
    }
    return ABSENT;
  }

  isThere(node: FrameNode): boolean {
    return node !== ABSENT;
  }

  /** Whether {@link text} gives one. */
  isText(node: FrameNode): boolean {
    const kind = this.#kindOf(node);
    return kind >= ZERO_NUMBER && kind <= RICH_TEXT;
  }

  isObject(node: FrameNode): boolean {
    return this.#kindOf(node) === OBJECT;
  }

  isArray(node: FrameNode): boolean {
    return this.#kindOf(node) === ARRAY;
  }

  /** Absent, `null` and `""` are the same thing, because exchanges mix them. */
  isEmpty(node: FrameNode): boolean {
    const kind = this.#kindOf(node);
    return kind <= NULL || (kind === TEXT && this.#notes[node + START] === this.#notes[node + END]);
  }

  /**
   * The items of an array are `for (let item = first(array); item < end(array); item = next(item))`. Of anything else there
   * are none.
   */
  first(node: FrameNode): FrameNode {
    return node + NOTE_LENGTH;
  }

  end(node: FrameNode): FrameNode {
    return this.#kindOf(node) === ARRAY ? this.#notes[node + AFTER]! : ABSENT;
  }

  next(node: FrameNode): FrameNode {
    return this.#kindOf(node) >= ARRAY ? this.#notes[node + AFTER]! : node + NOTE_LENGTH;
  }

  /** Of an array, the item of this index. */
  item(node: FrameNode, index: number): FrameNode {
    const end = this.end(node);
    let item = node + NOTE_LENGTH;
    for (let before = 0; before < index && item < end; before += 1) item = this.next(item);
    return item < end ? item : ABSENT;
  }

  // ---- what it says

  /** A string, or a number as it was written; `null` for anything else. */
  text(node: FrameNode): string | null {
    const kind = this.#kindOf(node);
    if (kind === TEXT) {
      return this.#knownTexts.at(this.#bytes, this.#view, this.#notes[node + START]!, this.#notes[node + END]!);
    }
    return isPlainNumber(kind) || kind === RICH_TEXT ? (this.value(node) as string) : null;
  }

  /** The number that a value spells; `null` when it spells none. */
  decimal(node: FrameNode): Decimal | null {
    const notes = this.#notes;
    const kind = this.#kindOf(node);
    if (isPlainNumber(kind)) return this.#cut(notes[node + START]!, notes[node + END]!);
    return kind === TEXT || kind === RICH_TEXT ? toDecimal(this.text(node)!) : null;
  }

  /** Whether the number that a value spells is above, below or just zero; `null` when it spells none. */
  sign(node: FrameNode): -1 | 0 | 1 | null {
    const kind = this.#kindOf(node);
    if (kind === POSITIVE) return 1;
    if (kind === ZERO_NUMBER) return 0;
    const decimal = this.decimal(node);
    return decimal === null ? null : isZero(decimal) ? 0 : isNegative(decimal) ? -1 : 1;
  }

  /** Numeric order of two numbers above zero, exact to the last digit. */
  compare(one: FrameNode, other: FrameNode): -1 | 0 | 1 {
    if (this.#kindOf(one) !== POSITIVE || this.#kindOf(other) !== POSITIVE) {
      return compareDecimals(this.decimal(one)!, this.decimal(other)!);
    }
    const notes = this.#notes;
    const view = this.#view;
    const a = notes[one + START]!;
    const b = notes[other + START]!;
    const integerDifference = notes[one + INTEGER_END]! - a - (notes[other + INTEGER_END]! - b);
    if (integerDifference !== 0) return integerDifference > 0 ? 1 : -1;
    // Now the points stand at the same place, so the first difference decides; what ends there is smaller.
    const lengthA = notes[one + END]! - a;
    const lengthB = notes[other + END]! - b;
    const shorter = lengthA < lengthB ? lengthA : lengthB;
    let at = 0;
    for (; at + 4 <= shorter; at += 4) {
      const difference = view.getInt32(a + at) - view.getInt32(b + at);
      if (difference !== 0) return difference > 0 ? 1 : -1;
    }
    for (; at < shorter; at += 1) {
      const difference = view.getInt8(a + at) - view.getInt8(b + at);
      if (difference !== 0) return difference > 0 ? 1 : -1;
    }
    return lengthA === lengthB ? 0 : lengthA > lengthB ? 1 : -1;
  }

  /** An epoch time in the unit it is said to have; `null` when it is none. */
  millis(node: FrameNode, unit: TimeUnit): EpochMillis | null {
    if (unit !== 'ns' && this.#isInteger(node)) {
      const bytes = this.#bytes;
      const start = this.#notes[node + START]!;
      const end = this.#notes[node + END]!;
      if (end - start <= LONGEST_COUNT) {
        let count = 0;
        for (let at = start; at < end; at += 1) count = count * 10 + bytes[at]! - ZERO;
        return countToMillis(count, unit);
      }
    }
    const text = isPlainNumber(this.#kindOf(node)) ? this.decimal(node) : this.text(node);
    return text === null ? null : toMillis(text, unit);
  }

  /** An id of digits, exactly as it was written; `null` when it is none. */
  id(node: FrameNode): string | null {
    const isUsual = this.#isInteger(node) && this.#notes[node + END]! - this.#notes[node + START]! <= MAX_ID_LENGTH;
    if (isUsual) return this.decimal(node);
    const text = this.text(node);
    return text === null ? null : toId(text);
  }

  flag(node: FrameNode): boolean | null {
    const kind = this.#kindOf(node);
    return kind === TRUE ? true : kind === FALSE ? false : null;
  }

  /** The whole value as the lossless reader gives it, for what is not read often; `undefined` when it is absent. */
  value(node: FrameNode): LosslessValue | undefined {
    if (this.#kindOf(node) === NOTHING) return undefined;
    const start = this.#rawStart(node);
    const end = this.#pass(start, this.#afterAll());
    const read = parseLosslessJson(this.#bytes.subarray(start, end));
    return read.ok ? read.value : undefined;
  }

  /** ASCII of the frame, as a string of its own: see {@link asciiText}. */
  #cut(start: number, end: number): string {
    if (end - start > LONGEST_COPIED_SLICE) return asciiText(this.#bytes, start, end);
    if (this.#cuts < CUTS_WITHOUT_TEXT) {
      this.#cuts += 1;
      return asciiText(this.#bytes, start, end);
    }
    if (this.#text === '') this.#text = this.#bytes.toString('latin1', 0, this.#plainEnd);
    return this.#text.slice(start, end);
  }

  /** Where the value begins as it is written, its quote included. */
  #rawStart(node: FrameNode): number {
    const start = this.#notes[node + START]!;
    if (this.#kindOf(node) >= ARRAY) return start;
    if (start > this.#frameEnd) return this.#view.getInt32(start - RAW_START_BYTES);
    return this.#bytes[start - 1] === QUOTE ? start - 1 : start;
  }

  #afterAll(): number {
    return this.#kindOf(this.root) >= ARRAY ? this.#notes[this.root + AFTER]! : this.root + NOTE_LENGTH;
  }

  #kindOf(node: FrameNode): number {
    return this.#notes[node]! & KIND_MASK;
  }

  /** Digits only, and as many as were written. */
  #isInteger(node: FrameNode): boolean {
    const kind = this.#kindOf(node);
    if (kind !== POSITIVE && kind !== ZERO_NUMBER) return false;
    const end = this.#notes[node + END]!;
    return end === this.#notes[node + INTEGER_END]! && this.#bytes[end] !== POINT && end <= this.#frameEnd;
  }

  // ---- the pass over the bytes

  #take(frame: Uint8Array): void {
    const { length } = frame;
    if (length > MAX_BYTES) throw REFUSAL;
    if (length > USUAL_BYTES || this.#bytes.length > BYTES_ROOM) {
      this.#bytes = Buffer.alloc(FRAME_START + Math.max(length, USUAL_BYTES) + 1 + PLAIN_NUMBERS_BYTES);
      this.#view = viewOf(this.#bytes);
      this.#notes = new Int32Array(USUAL_NOTES);
    }
    this.#bytes.set(frame, FRAME_START);
    this.#bytes[FRAME_START + length] = 0;
    this.#frameEnd = FRAME_START + length;
    this.#plainEnd = this.#frameEnd + 1;
    this.#isAscii = true;
    this.#text = '';
    this.#cuts = 0;
  }

  /**
   * Checks one value and all it holds, and notes it. One loop and no recursion, so that where it is stays in the
   * processor's registers: this is where the time goes.
   *
   * @param from where the value begins, or white space before it
   * @returns behind the value
   */
  #pass(from: number, firstNote: number): number {
    const bytes = this.#bytes;
    const view = this.#view;
    const contexts = this.#contexts;
    let notes = this.#notes;
    let at = from;
    let top = firstNote;
    let depth = 0;
    /** The key that the next value hangs on, and what its note says of depth and key. */
    let key = this.#rootKey;
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
  #forget(object: FrameNode, top: number, tag: number): void {
    const notes = this.#notes;
    for (let at = object + NOTE_LENGTH; at < top; at = this.next(at)) {
      if ((notes[at]! & ~KIND_MASK) === tag) notes[at] = notes[at]! & (KEY_UNIT - 1);
    }
  }

  /** A word, or a number with an exponent, `-0`, or a very long one; or nothing that may stand there. */
  #passOddValue(start: number, notes: Int32Array, top: number): number {
    const bytes = this.#bytes;
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
    this.#view.setInt32(plainStart - RAW_START_BYTES, start);
    notes[top] = bytes[start] === MINUS ? NEGATIVE : POSITIVE;
    notes[top + START] = plainStart;
    notes[top + END] = end;
    notes[top + INTEGER_END] = integerEnd;
    return at;
  }

  #passDigits(from: number): number {
    const end = endOfDigits(this.#view, from);
    if (end === from) throw REFUSAL;
    return end;
  }

  /** To the quote that ends a string; from `from` on it has escapes or bytes beyond ASCII. */
  #passRichString(start: number, from: number): number {
    const bytes = this.#bytes;
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
    const bytes = this.#bytes;
    if (bytes[quote] !== QUOTE) throw REFUSAL;
    const start = quote + 1;
    let at = endOfPlain(this.#view, start);
    const isRich = bytes[at] !== QUOTE;
    if (isRich) at = this.#passRichString(start, at);
    const colon = endOfSpace(bytes, at + 1);
    if (bytes[colon] !== COLON) throw REFUSAL;
    this.#keyEnd = colon + 1;
    if (!isRich) return this.#knownKeys.at(bytes, start, at);
    return this.#knownKeys.named(JSON.parse(bytes.toString('utf8', quote, at + 1)));
  }

  #makeRoomForNotes(): Int32Array {
    const notes = new Int32Array(2 * this.#notes.length);
    notes.set(this.#notes);
    this.#notes = notes;
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

// Four bytes at a time: a loop over single ones ends at a place that the processor cannot foresee.

/** Behind the digits that begin at `from`, if any. */
function endOfDigits(view: DataView, from: number): number {
  for (let at = from; ; at += 4) {
    const quad = view.getInt32(at, true) ^ 0x30303030;
    const others = ((quad + 0x76767676) | quad) & 0x80808080;
    if (others !== 0) return at + firstByte(others);
  }
}

/** The same end without the zeros before it; something else than a zero stands before them. */
function withoutZeros(view: DataView, end: number): number {
  for (let at = end; ; at -= 4) {
    const quad = view.getInt32(at - 4, true) ^ 0x30303030;
    if (quad !== 0) return at - (Math.clz32(quad) >> 3);
  }
}

/** At the first byte that does not stand for itself inside a string: a quote, a backslash, control or beyond ASCII. */
function endOfPlain(view: DataView, from: number): number {
  for (let at = from; ; at += 4) {
    const quad = view.getInt32(at, true);
    const quotes = quad ^ 0x22222222;
    const backslashes = quad ^ 0x5c5c5c5c;
    const found =
      (((quotes - 0x01010101) & ~quotes) | ((backslashes - 0x01010101) & ~backslashes) | (quad - 0x20202020) | quad) &
      0x80808080;
    if (found !== 0) return at + firstByte(found);
  }
}

/** Index of the first byte, in memory, whose highest bit is set. */
function firstByte(highBits: number): number {
  return (31 - Math.clz32(highBits & -highBits)) >> 3;
}

function isPlainNumber(kind: number): boolean {
  return kind >= ZERO_NUMBER && kind <= NEGATIVE;
}

function viewOf(bytes: Buffer): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function endOfSpace(bytes: Uint8Array, from: number): number {
  let at = from;
  while (bytes[at] === SPACE || bytes[at] === 0x0a || bytes[at] === 0x0d || bytes[at] === 0x09) at += 1;
  return at;
}

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
 */
import { compareDecimals, type Decimal, isNegative, isZero, toDecimal } from '../../shared/model/decimal.ts';
import { MAX_ID_LENGTH, toId } from '../../shared/model/id.ts';
import { countToMillis, type EpochMillis, type TimeUnit, toMillis } from '../../shared/model/time.ts';
import * as ascii from './ascii-text.ts';
import * as layout from './frame-notes.ts';
import { FrameScanner, MAX_BYTES, MAX_DEPTH, RAW_START_BYTES } from './frame-scanner.ts';
import type { KnownKey } from './known-keys.ts';
import * as known from './known-keys.ts';
import { KnownTexts } from './known-texts.ts';
import { type LosslessRefusal, type LosslessValue, parseLosslessJson } from './lossless-json.ts';
import * as quads from './quads.ts';

// Local names, for the reason that `frame-scanner.ts` gives.
const {
  AFTER,
  ARRAY,
  DEPTH_UNIT,
  END,
  FALSE,
  INTEGER_END,
  isPlainNumber,
  KEY_BITS,
  KEY_UNIT,
  KIND_BITS,
  KIND_MASK,
  NOTE_LENGTH,
  NOTHING,
  NULL,
  nextNote,
  OBJECT,
  POSITIVE,
  RICH_TEXT,
  ROOT,
  START,
  TEXT,
  TRUE,
  ZERO_NUMBER,
} = layout;
const { asciiText } = ascii;
const { layoutOf } = known;
const { fourDigits } = quads;

/** Index of a value in the notes of the frame that was read last. */
export type FrameNode = number;

export const ABSENT: FrameNode = 0;

/** A key that was declared: what it leads to can be asked for. */
export type FrameKey = KnownKey;

const QUOTE = 0x22;
const POINT = 0x2e;
const ZERO = 0x30;
/** Digits of the longest count of time; see {@link countToMillis}. */
const LONGEST_COUNT = 16;

/** Keys that are looked for at once. */
export type FrameKeySet = { readonly bits: number };

export function keySetOf(keys: Readonly<Record<string, FrameKey>>): FrameKeySet {
  return { bits: Object.values(keys).reduce((bits, { bit }) => bits | bit, 0) };
}

export class FrameReader extends FrameScanner {
  readonly root: FrameNode = ROOT;
  readonly #knownTexts = new KnownTexts();

  /** Declares keys by names of the caller's: of all others, the values are checked and passed over. */
  keys<Name extends string>(spelling: Readonly<Record<Name, string>>): Readonly<Record<Name, FrameKey>> {
    const entries = Object.entries<string>(spelling).map(([name, text]) => [name, this.knownKeys.declare(text)]);
    return Object.fromEntries(entries) as Record<Name, FrameKey>;
  }

  /** `null` when the frame is JSON; never throws, and takes time and memory in proportion to the frame's size. */
  read(frame: Uint8Array): LosslessRefusal | null {
    try {
      if (this.scan(frame)) return null;
    } catch {
      // Why is told below.
    }
    this.notes[this.root] = NOTHING;
    const whole = parseLosslessJson(frame, { maxBytes: MAX_BYTES, maxDepth: MAX_DEPTH });
    return whole.ok ? 'invalidJson' : whole.reason;
  }

  // ---- what stands where

  /** Of an object, the last value of this key. */
  member(node: FrameNode, key: FrameKey): FrameNode {
    const notes = this.notes;
    const bits = notes[node + KEY_BITS]!;
    if ((notes[node]! & KIND_MASK) !== OBJECT || (bits & key.bit) === 0) return ABSENT;
    const end = notes[node + AFTER]!;
    const depth = (notes[node]! & (KEY_UNIT - 1)) >> KIND_BITS;
    const tag = key.id * KEY_UNIT + (depth + 1) * DEPTH_UNIT;
    const layout = layoutOf(bits);
    const usual = node + key.offsets[layout]!;
    if (usual < end && (notes[usual]! & ~KIND_MASK) === tag) return usual;
    for (let at = node + NOTE_LENGTH; at < end; at = this.next(at)) {
      if ((notes[at]! & ~KIND_MASK) !== tag) continue;
      key.offsets[layout] = at - node;
      return at;
    }
    return ABSENT;
  }

  /** `false`: an object surely has none of these keys. A quick question to be spared slow ones. */
  mayHold(node: FrameNode, keys: FrameKeySet): boolean {
    return this.#kindOf(node) === OBJECT && (this.notes[node + KEY_BITS]! & keys.bits) !== 0;
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
    return kind <= NULL || (kind === TEXT && this.notes[node + START] === this.notes[node + END]);
  }

  /**
   * The items of an array are `for (let item = first(array); item < end(array); item = next(item))`. Of anything else there
   * are none.
   */
  first(node: FrameNode): FrameNode {
    return node + NOTE_LENGTH;
  }

  end(node: FrameNode): FrameNode {
    return this.#kindOf(node) === ARRAY ? this.notes[node + AFTER]! : ABSENT;
  }

  next(node: FrameNode): FrameNode {
    return nextNote(this.notes, node);
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
      return this.#knownTexts.at(this.bytes, this.view, this.notes[node + START]!, this.notes[node + END]!);
    }
    return isPlainNumber(kind) || kind === RICH_TEXT ? (this.value(node) as string) : null;
  }

  /** As {@link decimal}, in a step, for a number that stands there canonically but for trailing zeros; `null` for all else. */
  plain(node: FrameNode): Decimal | null {
    const notes = this.notes;
    if (!isPlainNumber(notes[node]! & KIND_MASK)) return null;
    return asciiText(this.bytes, notes[node + START]!, notes[node + END]!);
  }

  /** The same for one above zero. */
  plainPositive(node: FrameNode): Decimal | null {
    const notes = this.notes;
    if ((notes[node]! & KIND_MASK) !== POSITIVE) return null;
    return asciiText(this.bytes, notes[node + START]!, notes[node + END]!);
  }

  /** The number that a value spells; `null` when it spells none. */
  decimal(node: FrameNode): Decimal | null {
    const notes = this.notes;
    const kind = this.#kindOf(node);
    if (isPlainNumber(kind)) return asciiText(this.bytes, notes[node + START]!, notes[node + END]!);
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
    const notes = this.notes;
    const view = this.view;
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
    if (unit !== 'ns') {
      const count = this.#shortCount(node);
      if (count !== null) return countToMillis(count, unit);
    }
    const text = isPlainNumber(this.#kindOf(node)) ? this.decimal(node) : this.text(node);
    return text === null ? null : toMillis(text, unit);
  }

  /** An id of digits as a number, which is exact below 2^53; `null` when it is none. */
  sequence(node: FrameNode): number | null {
    const count = this.#shortCount(node);
    if (count !== null) return count;
    const id = this.id(node);
    return id === null ? null : Number(id);
  }

  /** An id of digits, exactly as it was written; `null` when it is none. */
  id(node: FrameNode): string | null {
    const isUsual = this.#isInteger(node) && this.notes[node + END]! - this.notes[node + START]! <= MAX_ID_LENGTH;
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
    const end = this.pass(start, nextNote(this.notes, ROOT));
    const read = parseLosslessJson(this.bytes.subarray(start, end));
    return read.ok ? read.value : undefined;
  }

  /** Where the value begins as it is written, its quote included. */
  #rawStart(node: FrameNode): number {
    const start = this.notes[node + START]!;
    if (this.#kindOf(node) >= ARRAY) return start;
    if (start > this.frameEnd) return this.view.getInt32(start - RAW_START_BYTES);
    return this.bytes[start - 1] === QUOTE ? start - 1 : start;
  }

  #kindOf(node: FrameNode): number {
    return this.notes[node]! & KIND_MASK;
  }

  /** A whole number of at most {@link LONGEST_COUNT} digits that stands as it was written; `null` for anything else. */
  #shortCount(node: FrameNode): number | null {
    if (!this.#isInteger(node)) return null;
    const bytes = this.bytes;
    const start = this.notes[node + START]!;
    const end = this.notes[node + END]!;
    if (end - start > LONGEST_COUNT) return null;
    let count = 0;
    let at = start;
    for (; at + 4 <= end; at += 4) count = count * 10_000 + fourDigits(this.view, at);
    for (; at < end; at += 1) count = count * 10 + bytes[at]! - ZERO;
    return count;
  }

  /** Digits only, and as many as were written. */
  #isInteger(node: FrameNode): boolean {
    const kind = this.#kindOf(node);
    if (kind !== POSITIVE && kind !== ZERO_NUMBER) return false;
    const end = this.notes[node + END]!;
    return end === this.notes[node + INTEGER_END]! && this.bytes[end] !== POINT && end <= this.frameEnd;
  }
}

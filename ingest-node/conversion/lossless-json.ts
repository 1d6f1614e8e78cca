/**
 * Reads exchange JSON without losing a digit. `JSON.parse` turns `17853950411240001` into `…240000`, which is another
 * trade's id, and `1.16539E8` into a double; here **every number arrives as a string, exactly as it was written**.
 * A number and a string of the same digits therefore read alike, which is what an adapter wants: exchanges disagree on
 * quoting, and `toDecimal`, `toId` and `toMillis` decide what a text means. Booleans, `null`, arrays, objects and
 * strings are as `JSON.parse` gives them, and the same documents are accepted (RFC 8259).
 *
 * How: one pass over the bytes, each looked at a constant number of times. UTF-8 is checked once up front; all syntax
 * is ASCII, so bytes can be compared directly and a latin1 view of the frame has one character per byte to cut from.
 * Measured against `JSON.parse(frame.toString())` on captured frames (`lossless-json.bench.ts`, Node 24): this reader
 * took 1.0 to 1.2 times as long on socket frames and 1.3 to 1.6 on REST bodies; quoting the numbers and then
 * `JSON.parse` took 1.3 to 1.9 on bytes and 1.4 to 2.3 on strings, a replacing regular expression 2.9 to 3.8, a reviver
 * with `context.source` 5.3 to 7.6. Most of the time goes into making strings, so frames of sockets, of which there are
 * thousands a second, are read by `frame-reader.ts`, which makes only those that are asked for; this reader is its measure.
 */
import { Buffer, isUtf8 } from 'node:buffer';
import { KEY_SLOTS, type RecentKey, RecentKeys } from './recent-keys.ts';

/** What a document holds. Numbers are strings; see above. */
export type LosslessValue = string | boolean | null | LosslessValue[] | LosslessObject;

/** A plain object. A key `__proto__` is an ordinary own property and changes no prototype. */
export type LosslessObject = { [key: string]: LosslessValue };

export type LosslessLimits = {
  /** Size of the document in UTF-8 bytes. Default 4 MiB. */
  readonly maxBytes?: number;
  /** How many arrays and objects may stand inside one another: `[[1]]` is 2 deep. Default 64. */
  readonly maxDepth?: number;
};

/**
 * - `tooLarge`, `tooDeep`: beyond the limits. Size is checked before anything else, depth where it is reached.
 * - `invalidUtf8`: the bytes are no UTF-8, or a string holds a lone surrogate, which UTF-8 cannot carry.
 * - `invalidJson`: everything else that `JSON.parse` refuses.
 */
export type LosslessRefusal = 'tooLarge' | 'tooDeep' | 'invalidUtf8' | 'invalidJson';

export type LosslessResult =
  | { readonly ok: true; readonly value: LosslessValue }
  | { readonly ok: false; readonly reason: LosslessRefusal };

const DEFAULT_MAX_BYTES = 4 * 1024 * 1024;
const DEFAULT_MAX_DEPTH = 64;

/** Never throws, whatever the input; takes time and memory in proportion to its size. */
export function parseLosslessJson(document: Uint8Array | string, limits: LosslessLimits = {}): LosslessResult {
  try {
    const reader = openReader(document, limits);
    return typeof reader === 'string' ? { ok: false, reason: reader } : { ok: true, value: reader.document() };
  } catch (error) {
    return { ok: false, reason: refusalOf(error) };
  }
}

/**
 * The items of a long array one by one, so that whoever reads may pause between them: the array is the document itself, or
 * the member `key` of it. Returns the rest of the document, in which the array stands empty; a document without it is read
 * as by {@link parseLosslessJson}. Whether the document is JSON to its end is known at the end only.
 */
export function* readLosslessItems(
  document: Uint8Array,
  key: string | null,
  limits: LosslessLimits = {},
): Generator<LosslessValue, LosslessResult, undefined> {
  try {
    const reader = openReader(document, limits);
    return typeof reader === 'string' ? { ok: false, reason: reader } : { ok: true, value: yield* reader.items(key) };
  } catch (error) {
    return { ok: false, reason: refusalOf(error) };
  }
}

function openReader(document: Uint8Array | string, limits: LosslessLimits): Reader | LosslessRefusal {
  const size = typeof document === 'string' ? Buffer.byteLength(document) : document.byteLength;
  if (size > (limits.maxBytes ?? DEFAULT_MAX_BYTES)) return 'tooLarge';
  if (typeof document === 'string' && !document.isWellFormed()) return 'invalidUtf8';
  const bytes = toBuffer(document);
  return isUtf8(bytes) ? new Reader(bytes, limits.maxDepth ?? DEFAULT_MAX_DEPTH) : 'invalidUtf8';
}

function refusalOf(error: unknown): LosslessRefusal {
  return error instanceof RangeError ? 'tooDeep' : 'invalidJson';
}

function toBuffer(document: Uint8Array | string): Buffer {
  if (typeof document === 'string') return Buffer.from(document);
  if (Buffer.isBuffer(document)) return document;
  return Buffer.from(document.buffer, document.byteOffset, document.byteLength);
}

const SPACE = 0x20;
const QUOTE = 0x22;
const COMMA = 0x2c;
const MINUS = 0x2d;
const POINT = 0x2e;
const ZERO = 0x30;
const COLON = 0x3a;
const BACKSLASH = 0x5c;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

/** V8 copies shorter pieces of a string; longer ones refer to the whole, so one kept id would keep its frame. */
const SLICE_REFERS_FROM_LENGTH = 13;

const KEYS = new RecentKeys();

/**
 * One walk over one document. `#at` is the next byte. Reading past the end gives `undefined`, for which every
 * comparison is false, so each test below asks for what is allowed rather than for what is not. A document that is
 * whole is read without doing so: V8 makes such reads slower for good once they have happened.
 */
class Reader {
  readonly #bytes: Buffer;
  readonly #text: string;
  readonly #maxDepth: number;
  #at = 0;
  /** The key before; none at first. */
  #lastKey: RecentKey | null = null;

  constructor(bytes: Buffer, maxDepth: number) {
    this.#bytes = bytes;
    this.#text = bytes.toString('latin1');
    this.#maxDepth = maxDepth;
  }

  document(): LosslessValue {
    return this.#whole(this.#value(0));
  }

  /** The document, but for the items of the array that it is or has under a key: those come one by one. */
  *items(key: string | null): Generator<LosslessValue, LosslessValue, undefined> {
    const first = this.#peek();
    if (key === null && first === OPEN_BRACKET) {
      yield* this.#itemsOf(1);
      return this.#whole([]);
    }
    if (key === null || first !== OPEN_BRACE) return this.document();
    const object: LosslessObject = {};
    this.#enter(1);
    if (this.#peek() !== CLOSE_BRACE) {
      do {
        this.#take(QUOTE);
        const { text } = this.#key();
        this.#take(COLON);
        if (text === key && this.#peek() === OPEN_BRACKET) {
          yield* this.#itemsOf(2);
          object[text] = [];
        } else defineOwn(object, text, this.#value(1));
      } while (this.#takeComma());
    }
    this.#take(CLOSE_BRACE);
    return this.#whole(object);
  }

  *#itemsOf(depth: number): Generator<LosslessValue, void, undefined> {
    this.#enter(depth);
    if (this.#peek() !== CLOSE_BRACKET) {
      do yield this.#value(depth);
      while (this.#takeComma());
    }
    this.#take(CLOSE_BRACKET);
  }

  /** Nothing but white space may follow. */
  #whole(value: LosslessValue): LosslessValue {
    if (this.#at < this.#bytes.length) this.#peek();
    return this.#at === this.#bytes.length ? value : refuse();
  }

  #value(depth: number): LosslessValue {
    switch (this.#peek()) {
      case QUOTE:
        this.#at += 1;
        return this.#string();
      case OPEN_BRACE:
        return this.#object(depth + 1);
      case OPEN_BRACKET:
        return this.#array(depth + 1);
      case 0x74: // t
        return this.#word('true', true);
      case 0x66: // f
        return this.#word('false', false);
      case 0x6e: // n
        return this.#word('null', null);
      default:
        return this.#number();
    }
  }

  #object(depth: number): LosslessObject {
    const object: LosslessObject = {};
    this.#enter(depth);
    if (this.#peek() !== CLOSE_BRACE) {
      do {
        this.#take(QUOTE);
        const key = this.#key();
        this.#take(COLON);
        if (key.text === '__proto__') defineOwn(object, key.text, this.#value(depth));
        else object[key.text] = this.#value(depth);
      } while (this.#takeComma());
    }
    this.#take(CLOSE_BRACE);
    return object;
  }

  #array(depth: number): LosslessValue[] {
    const array: LosslessValue[] = [];
    this.#enter(depth);
    if (this.#peek() !== CLOSE_BRACKET) {
      do array.push(this.#value(depth));
      while (this.#takeComma());
    }
    this.#take(CLOSE_BRACKET);
    return array;
  }

  #enter(depth: number): void {
    if (depth > this.#maxDepth) throw new RangeError('too deep');
    this.#at += 1;
  }

  #word<Value>(word: string, value: Value): Value {
    if (!this.#text.startsWith(word, this.#at)) refuse();
    this.#at += word.length;
    return value;
  }

  #number(): string {
    const bytes = this.#bytes;
    const start = this.#at;
    let at = start;
    if (bytes[at] === MINUS) at += 1;
    at = bytes[at] === ZERO ? at + 1 : endOfDigits(bytes, at);
    if (bytes[at] === POINT) at = endOfDigits(bytes, at + 1);
    if (bytes[at] === 0x65 || bytes[at] === 0x45) {
      const isSigned = bytes[at + 1] === MINUS || bytes[at + 1] === 0x2b;
      at = endOfDigits(bytes, at + (isSigned ? 2 : 1));
    }
    this.#at = at;
    return this.#cut(start, at);
  }

  /** The rest of a string whose quote is taken. */
  #string(): string {
    const bytes = this.#bytes;
    const start = this.#at;
    let at = start;
    while (isPlain(bytes[at]!)) at += 1;
    if (bytes[at] !== QUOTE) return this.#richString(start, at);
    this.#at = at + 1;
    return this.#cut(start, at);
  }

  /** A string in which escapes or bytes beyond ASCII begin at `at`. Escapes are left to JSON.parse. */
  #richString(start: number, from: number): string {
    const bytes = this.#bytes;
    let at = from;
    let hasEscapes = false;
    while (bytes[at] !== QUOTE) {
      if (!(bytes[at]! >= SPACE)) refuse();
      const isEscape = bytes[at] === BACKSLASH;
      hasEscapes ||= isEscape;
      at += isEscape ? 2 : 1;
    }
    this.#at = at + 1;
    return hasEscapes ? JSON.parse(bytes.toString('utf8', start - 1, at + 1)) : bytes.toString('utf8', start, at);
  }

  /** As {@link #string}, but a key seen lately is found instead of made, first of all the one that is expected here. */
  #key(): RecentKey {
    const bytes = this.#bytes;
    const start = this.#at;
    const last = this.#lastKey;
    const expected = last === null ? null : last.next;
    if (expected !== null && standsAt(bytes, start, expected.bytes)) {
      this.#at = start + expected.bytes.length + 1;
      this.#lastKey = expected;
      return expected;
    }
    const key = this.#unexpectedKey(start);
    if (last !== null && key.isKept) last.next = key;
    this.#lastKey = key;
    return key;
  }

  #unexpectedKey(start: number): RecentKey {
    const bytes = this.#bytes;
    let at = start;
    let slot = 0;
    while (isPlain(bytes[at]!)) {
      slot = (slot * 31 + bytes[at]!) % KEY_SLOTS;
      at += 1;
    }
    if (bytes[at] !== QUOTE) return KEYS.rare(this.#richString(start, at));
    this.#at = at + 1;
    const recent = KEYS.at(slot);
    if (recent !== null && standsAt(bytes, start, recent.bytes)) return recent;
    return KEYS.add(this.#cut(start, at), slot);
  }

  /** ASCII text of the frame, as a string that does not refer to the frame. */
  #cut(start: number, end: number): string {
    if (end - start < SLICE_REFERS_FROM_LENGTH) return this.#text.slice(start, end);
    return this.#bytes.toString('latin1', start, end);
  }

  #take(byte: number): void {
    if (this.#peek() !== byte) refuse();
    this.#at += 1;
  }

  #takeComma(): boolean {
    const isComma = this.#peek() === COMMA;
    if (isComma) this.#at += 1;
    return isComma;
  }

  /** The next byte that is not white space, without taking it. */
  #peek(): number | undefined {
    const bytes = this.#bytes;
    let byte = bytes[this.#at]!;
    while (isSpace(byte)) {
      this.#at += 1;
      byte = bytes[this.#at]!;
    }
    return byte;
  }
}

/** Whether these bytes and a closing quote come next. */
function standsAt(bytes: Buffer, from: number, wanted: Uint8Array): boolean {
  const { length } = wanted;
  if (from + length >= bytes.length) return false;
  for (let i = 0; i < length; i += 1) if (bytes[from + i] !== wanted[i]) return false;
  return bytes[from + length] === QUOTE;
}

/** Index after one or more digits that begin at `from`. */
function endOfDigits(bytes: Buffer, from: number): number {
  let at = from;
  while (isDigit(bytes[at]!)) at += 1;
  return at > from ? at : refuse();
}

function isDigit(byte: number): boolean {
  return byte >= ZERO && byte <= 0x39;
}

/** Stands for itself inside a string: ASCII, no quote, no backslash, no control character. */
function isPlain(byte: number): boolean {
  return byte >= SPACE && byte < 0x80 && byte !== QUOTE && byte !== BACKSLASH;
}

function isSpace(byte: number): boolean {
  return byte <= SPACE && (byte === SPACE || byte === 0x0a || byte === 0x0d || byte === 0x09);
}

/** Assigning `object['__proto__']` would replace the prototype. */
function defineOwn(object: LosslessObject, key: string, value: LosslessValue): void {
  Object.defineProperty(object, key, { value, writable: true, enumerable: true, configurable: true });
}

function refuse(): never {
  throw new SyntaxError('not JSON');
}

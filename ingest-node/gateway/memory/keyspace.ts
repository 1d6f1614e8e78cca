import type { Clock } from '../../../shared/base/clock.ts';
import { ReplyError } from '../reply.ts';
import type { MemoryStream } from './memory-stream.ts';

export type Value =
  | { readonly type: 'string'; readonly text: string }
  | { readonly type: 'hash'; readonly fields: Map<string, string> }
  | { readonly type: 'stream'; readonly stream: MemoryStream };

type Slot = { value: Value; bytes: number; expiresAt: number | null };

/** The keys of the memory store: their values, when they expire, and about how many bytes they take. */
export class Keyspace {
  readonly #clock: Clock;
  readonly #slots = new Map<string, Slot>();
  #usedBytes = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get usedBytes(): number {
    return this.#usedBytes;
  }

  /** Epoch milliseconds, whole ones, as Redis counts. */
  now(): number {
    return Math.trunc(this.#clock.now());
  }

  has(key: string): boolean {
    return this.#live(key) !== undefined;
  }

  /** The value of that type, `null` when there is none; another type is an error. */
  get<T extends Value['type']>(key: string, type: T): Extract<Value, { type: T }> | null {
    const value = this.#live(key)?.value;
    if (value === undefined) return null;
    if (value.type !== type) throw new ReplyError('WRONGTYPE Operation against a key holding the wrong kind of value');
    return value as Extract<Value, { type: T }>;
  }

  typeOf(key: string): Value['type'] | 'none' {
    return this.#live(key)?.value.type ?? 'none';
  }

  /** Puts a value in the place of whatever was there; its expiry stays only when `keepExpiry`. */
  set(key: string, value: Value, keepExpiry = false): void {
    const before = this.#live(key);
    const expiresAt = keepExpiry ? (before?.expiresAt ?? null) : null;
    this.delete(key);
    const slot = { value, bytes: 0, expiresAt };
    this.#slots.set(key, slot);
    this.#account(key, slot);
  }

  /** To be called after a value was changed in place. */
  changed(key: string): void {
    const slot = this.#slots.get(key);
    if (slot !== undefined) this.#account(key, slot);
  }

  delete(key: string): boolean {
    const slot = this.#live(key);
    if (slot === undefined) return false;
    this.#remove(key, slot);
    return true;
  }

  /** Epoch milliseconds; `null` for a key that stays, or is not there. */
  expiryOf(key: string): number | null {
    return this.#live(key)?.expiresAt ?? null;
  }

  setExpiry(key: string, expiresAt: number | null): void {
    const slot = this.#live(key);
    if (slot !== undefined) slot.expiresAt = expiresAt;
  }

  /** Expired keys go when they are asked for; those that nobody asks for go here. */
  sweep(): void {
    for (const key of this.#slots.keys()) this.#live(key);
  }

  #live(key: string): Slot | undefined {
    const slot = this.#slots.get(key);
    if (slot === undefined || slot.expiresAt === null || slot.expiresAt > this.now()) return slot;
    this.#remove(key, slot);
    return undefined;
  }

  #remove(key: string, slot: Slot): void {
    this.#slots.delete(key);
    this.#usedBytes -= slot.bytes;
  }

  #account(key: string, slot: Slot): void {
    const bytes = key.length + 64 + valueBytes(slot.value);
    this.#usedBytes += bytes - slot.bytes;
    slot.bytes = bytes;
  }
}

function valueBytes(value: Value): number {
  switch (value.type) {
    case 'string':
      return value.text.length;
    case 'stream':
      return value.stream.bytes;
    case 'hash': {
      let bytes = 0;
      for (const [field, text] of value.fields) bytes += field.length + text.length + 32;
      return bytes;
    }
  }
}

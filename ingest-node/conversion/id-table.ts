/**
 * Ids in no order. Numbers up to 4294967295999999999, which those of all frames so far are, take sixteen to thirty-two
 * bytes each; others are texts beside them, such as the longer ids that fetched trades are given.
 */
import type { IdSet } from './id-set.ts';
import { IdTexts } from './id-texts.ts';
import { PairTable } from './pair-table.ts';

const MOST_DIGITS = 19;
/** Digits of the low half; so many fit into 32 bits. */
const LOW_DIGITS = 9;
const HIGHEST_HALF = 2 ** 32 - 1;
const ZERO = 0x30;

export class IdTable implements IdSet {
  readonly #numbers = new PairTable();
  #others: IdTexts | null = null;

  get size(): number {
    return this.#numbers.size + (this.#others?.size ?? 0);
  }

  has(id: string): boolean {
    const high = highOf(id);
    if (high < 0) return this.#others?.has(id) ?? false;
    return this.#numbers.slotOf(high, lowOf(id)) >= 0;
  }

  add(id: string): boolean {
    const high = highOf(id);
    if (high >= 0) return this.#numbers.add(high, lowOf(id)) >= 0;
    this.#others ??= new IdTexts();
    return this.#others.add(id);
  }

  copyLast(most: number, into: IdTable): void {
    const numbers = this.#numbers;
    for (let slot = Math.max(0, numbers.size - most); slot < numbers.size; slot += 1) {
      into.#numbers.add(numbers.highAt(slot), numbers.lowAt(slot));
    }
    if (this.#others === null) return;
    into.#others ??= new IdTexts();
    this.#others.copyLast(most, into.#others);
  }
}

/** The digits before the last nine. -1 for an id that is not the usual spelling of a number, or does not fit. */
function highOf(id: string): number {
  const { length } = id;
  if (length === 0 || length > MOST_DIGITS || id.charCodeAt(0) === ZERO) return -1;
  let high = 0;
  for (let at = 0; at < length; at += 1) {
    const digit = id.charCodeAt(at) - ZERO;
    if (digit < 0 || digit > 9) return -1;
    if (at < length - LOW_DIGITS) high = high * 10 + digit;
  }
  return high <= HIGHEST_HALF ? high : -1;
}

/** The last nine digits. */
function lowOf(id: string): number {
  let low = 0;
  for (let at = Math.max(0, id.length - LOW_DIGITS); at < id.length; at += 1) {
    low = low * 10 + id.charCodeAt(at) - ZERO;
  }
  return low;
}

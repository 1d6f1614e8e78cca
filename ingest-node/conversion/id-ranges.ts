/**
 * Ids that go up by one, as the ranges they make: a market that loses nothing is one range, however much it trades. Ids
 * may come in any order, and holes be filled later.
 */
import type { IdSet } from './id-set.ts';
import { IdTexts } from './id-texts.ts';

/** Fifteen digits and the number after them are exact in a double. */
const MOST_DIGITS = 15;
const ZERO = 0x30;

export class IdRanges implements IdSet {
  /** The first and the last id of each range, in turn. Ranges ascend, and at least one id is missing between two. */
  readonly #bounds: number[] = [];
  #numbers = 0;
  #others: IdTexts | null = null;

  get size(): number {
    return this.#numbers + (this.#others?.size ?? 0);
  }

  /** How many ranges there are. */
  get ranges(): number {
    return this.#bounds.length / 2;
  }

  has(id: string): boolean {
    const number = numberOf(id);
    if (number < 0) return this.#others?.has(id) ?? false;
    const bounds = this.#bounds;
    const at = this.#boundFrom(number);
    return at < bounds.length && (at % 2 === 1 || bounds[at] === number);
  }

  add(id: string): boolean {
    const number = numberOf(id);
    if (number >= 0) return this.#addNumber(number);
    this.#others ??= new IdTexts();
    return this.#others.add(id);
  }

  /** The last are the highest here. */
  copyLast(most: number, into: IdRanges): void {
    const bounds = this.#bounds;
    let left = most;
    for (let at = bounds.length - 2; at >= 0 && left > 0; at -= 2) {
      const [first, last] = [bounds[at]!, bounds[at + 1]!];
      for (let number = last; number >= first && left > 0; number -= 1, left -= 1) into.#addNumber(number);
    }
    if (this.#others === null) return;
    into.#others ??= new IdTexts();
    this.#others.copyLast(most, into.#others);
  }

  #addNumber(number: number): boolean {
    const bounds = this.#bounds;
    const at = this.#boundFrom(number);
    // Between the bounds of a range, or its last or its first.
    if (at % 2 === 1 || bounds[at] === number) return false;
    this.#numbers += 1;
    const continues = at > 0 && bounds[at - 1] === number - 1;
    const precedes = at < bounds.length && bounds[at] === number + 1;
    if (continues && precedes) bounds.splice(at - 1, 2);
    else if (continues) bounds[at - 1] = number;
    else if (precedes) bounds[at] = number;
    else if (at === bounds.length) bounds.push(number, number);
    else bounds.splice(at, 0, number, number);
    return true;
  }

  /** Where the first bound stands that is not below a number. */
  #boundFrom(number: number): number {
    const bounds = this.#bounds;
    let high = bounds.length;
    // Most come at the end.
    if (high === 0 || bounds[high - 1]! < number) return high;
    let low = 0;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (bounds[middle]! < number) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** -1 for an id that is not the usual spelling of a number, or of one that is too large. */
function numberOf(id: string): number {
  const { length } = id;
  if (length === 0 || length > MOST_DIGITS || (length > 1 && id.charCodeAt(0) === ZERO)) return -1;
  let number = 0;
  for (let at = 0; at < length; at += 1) {
    const digit = id.charCodeAt(at) - ZERO;
    if (digit < 0 || digit > 9) return -1;
    number = number * 10 + digit;
  }
  return number;
}

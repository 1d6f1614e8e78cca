/**
 * Looks for the end of digits and of texts in four bytes at a time: a loop over single ones ends at a place that the
 * processor cannot foresee. Three bytes behind the end, and three before the beginning, are looked at as well.
 */

/** Behind the digits that begin at `from`, if any. */
export function endOfDigits(view: DataView, from: number): number {
  for (let at = from; ; at += 4) {
    const quad = view.getInt32(at, true) ^ 0x30303030;
    const others = ((quad + 0x76767676) | quad) & 0x80808080;
    if (others !== 0) return at + firstByte(others);
  }
}

/** The same end without the zeros before it; something else than a zero stands before them. */
export function withoutZeros(view: DataView, end: number): number {
  for (let at = end; ; at -= 4) {
    const quad = view.getInt32(at - 4, true) ^ 0x30303030;
    if (quad !== 0) return at - (Math.clz32(quad) >> 3);
  }
}

/** At the first byte that does not stand for itself inside a string: a quote, a backslash, control or beyond ASCII. */
export function endOfPlain(view: DataView, from: number): number {
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

/** The number that four digits spell. */
export function fourDigits(view: DataView, at: number): number {
  const digits = view.getInt32(at, true) - 0x30303030;
  // First each pair becomes a number of its own, in the lower byte of its half.
  const pairs = digits * 10 + (digits >>> 8);
  return (pairs & 0xff) * 100 + ((pairs >>> 16) & 0xff);
}

/** Index of the first byte, in memory, whose highest bit is set. */
function firstByte(highBits: number): number {
  return (31 - Math.clz32(highBits & -highBits)) >> 3;
}

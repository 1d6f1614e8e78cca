/** Chance that can be repeated: whoever begins with the same state draws the same numbers. By Mulberry32, not for secrets. */
export class SeededRandom {
  /** A 32-bit integer. */
  state: number;

  constructor(state: number) {
    this.state = state >>> 0;
  }

  /** In [0, 1). */
  readonly next = (): number => {
    this.state = (this.state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.state ^ (this.state >>> 15), this.state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/**
 * A small seeded generator (sfc32). The same seed gives the same numbers on every machine, which is what makes a
 * simulated day repeatable; `Math.random` can not do that.
 */
export class Prng {
  #a = 0x9e3779b9;
  #b = 0x243f6a88;
  #c = 0xb7e15162;
  #counter: number;

  constructor(seed: number) {
    this.#counter = seed | 0;
    this.#a ^= seed >>> 0;
    for (let round = 0; round < 16; round += 1) this.uint32();
  }

  uint32(): number {
    const sum = (this.#a + this.#b + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0;
    return sum >>> 0;
  }

  /** Uniform in [0, 1). */
  unit(): number {
    return this.uint32() / 4_294_967_296;
  }

  /** Uniform whole number in [0, below). */
  int(below: number): number {
    return Math.floor(this.unit() * below);
  }

  /** True with the given probability. */
  chance(probability: number): boolean {
    return this.unit() < probability;
  }

  /** About normal, mean 0 and deviation 1, from a sum of uniforms: no logarithm, no tails beyond 3.5. */
  gauss(): number {
    return (this.unit() + this.unit() + this.unit() + this.unit() - 2) * 1.7320508075688772;
  }

  /** Waiting time of a Poisson process with this mean. */
  exponential(mean: number): number {
    return -Math.log(1 - this.unit()) * mean;
  }
}

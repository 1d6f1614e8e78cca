/** A clock that starts at the real time and runs `factor` times as fast, so that seconds pass in a blink. */
export class FastClock {
  readonly #factor: number;
  readonly #originMs = performance.now();
  #startMs = Date.now();

  constructor(factor: number) {
    this.#factor = factor;
  }

  readonly now = (): number => this.#startMs + (performance.now() - this.#originMs) * this.#factor;

  /** Jumps ahead, for what takes minutes or a day. */
  skip(ms: number): void {
    this.#startMs += ms;
  }
}

/**
 * The clock that everything in the simulator follows: it starts as the given one, can be put ahead, and can be made to
 * run faster. Time never goes back.
 */
export class SimulatorClock {
  readonly #base: () => number;
  #originMs: number;
  #startMs: number;
  #speed = 1;

  /** `base` tells epoch milliseconds. */
  constructor(base: () => number = Date.now) {
    this.#base = base;
    this.#originMs = base();
    this.#startMs = this.#originMs;
  }

  readonly now = (): number => this.#startMs + (this.#base() - this.#originMs) * this.#speed;

  /** How many times as fast as the given clock it runs. */
  get speed(): number {
    return this.#speed;
  }

  /** Jump ahead: nothing trades in the time between, as if the host had slept. */
  shift(ms: number): void {
    if (!(ms >= 0)) throw new RangeError('time never goes back');
    this.#settle();
    this.#startMs += ms;
  }

  /** Run faster or, down to 1, slower from now on: the market lives through all of it. */
  run(speed: number): void {
    if (!(speed >= 1)) throw new RangeError('a speed is 1 or more');
    this.#settle();
    this.#speed = speed;
  }

  /** Jump to the next moment at which the time of day is that of `ofDayMs`, milliseconds after 00:00 UTC. */
  shiftToTimeOfDay(ofDayMs: number): void {
    const dayMs = 86_400_000;
    this.shift((((ofDayMs - this.now()) % dayMs) + dayMs) % dayMs);
  }

  #settle(): void {
    const nowMs = this.now();
    this.#originMs = this.#base();
    this.#startMs = nowMs;
  }
}

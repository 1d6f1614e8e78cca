import type { CancelTimer, Clock } from '../../shared/base/clock.ts';

const TICK_MS = 200;

/**
 * Time that does not pass while this process sleeps: busy, starved, or suspended. What others sent meanwhile lies waiting
 * in the system's buffers, so their silence of that time means nothing.
 */
export class AwakeClock {
  readonly #clock: Clock;
  #tickedAt: number;
  #sleptMs = 0;
  #cancel: CancelTimer | null = null;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#tickedAt = clock.monotonic();
  }

  start(): void {
    if (this.#cancel !== null) return;
    this.#tickedAt = this.#clock.monotonic();
    this.#tick();
  }

  stop(): void {
    this.#cancel?.();
    this.#cancel = null;
  }

  /** Milliseconds, monotonic. */
  now(): number {
    return this.#clock.monotonic() - this.#sleptMs - this.#lateMs();
  }

  /** A tick that is overdue counts already: a socket may be served before the timer. */
  #lateMs(): number {
    return this.#cancel === null ? 0 : Math.max(0, this.#clock.monotonic() - this.#tickedAt - TICK_MS);
  }

  #tick(): void {
    this.#cancel = this.#clock.setTimer(TICK_MS, () => {
      this.#sleptMs += this.#lateMs();
      this.#tickedAt = this.#clock.monotonic();
      this.#tick();
    });
  }
}

import type { CancelTimer, Clock } from '../../shared/base/clock.ts';

/** A timer this late means that we slept, not the other side: what it sent meanwhile has not been read yet. */
const LATE_MS = 2_000;
const GRACE_MS = 1_000;

/**
 * Tells when nothing has touched it for a while. Touching costs one clock reading and a number written, no timer: one
 * timer runs per watch, and finds out when it fires how much of the silence is left.
 * After it has told, it tells again only after another touch.
 */
export class SilenceWatch {
  readonly #clock: Clock;
  readonly #limitMs: () => number;
  readonly #onSilence: (silentMs: number) => void;
  #lastTouch: number;
  #cancel: CancelTimer | null = null;

  /** `limitMs` is asked anew each time: the limit may move. */
  constructor(clock: Clock, limitMs: () => number, onSilence: (silentMs: number) => void) {
    this.#clock = clock;
    this.#limitMs = limitMs;
    this.#onSilence = onSilence;
    this.#lastTouch = clock.monotonic();
  }

  touch(): void {
    this.#lastTouch = this.#clock.monotonic();
    if (this.#cancel === null) this.#arm(this.#limitMs());
  }

  /** Monotonic. */
  get touchedAt(): number {
    return this.#lastTouch;
  }

  stop(): void {
    this.#cancel?.();
    this.#cancel = null;
  }

  #arm(ms: number): void {
    const due = this.#clock.monotonic() + ms;
    this.#cancel = this.#clock.setTimer(ms, () => {
      this.#cancel = null;
      const now = this.#clock.monotonic();
      const silentMs = now - this.#lastTouch;
      const left = this.#limitMs() - silentMs;
      if (left > 0) this.#arm(left);
      else if (now - due > LATE_MS) this.#arm(GRACE_MS);
      else this.#onSilence(silentMs);
    });
  }
}

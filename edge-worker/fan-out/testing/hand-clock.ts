import type { Clock } from '../../../shared/base/clock.ts';

/** A clock that only moves when told to; timers fire in order on the way. */
export class HandClock implements Clock {
  #nowMs = 1_000;
  #timers: { at: number; fire: () => void }[] = [];

  now(): number {
    return 1_785_397_735_000 + this.#nowMs;
  }

  monotonic(): number {
    return this.#nowMs;
  }

  setTimer(ms: number, fire: () => void): () => void {
    const timer = { at: this.#nowMs + Math.max(1, ms), fire };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter(other => other !== timer);
    };
  }

  /** The same time for somebody who may die, and all their timers with them. */
  mortal(): Clock & { die(): void } {
    let isAlive = true;
    return {
      now: () => this.now(),
      monotonic: () => this.monotonic(),
      setTimer: (ms, fire) => this.setTimer(ms, () => isAlive && fire()),
      die: () => {
        isAlive = false;
      },
    };
  }

  get pending(): number {
    return this.#timers.length;
  }

  advance(ms: number): void {
    const until = this.#nowMs + ms;
    for (;;) {
      const next = this.#timers.filter(({ at }) => at <= until).sort((a, b) => a.at - b.at)[0];
      if (next === undefined) break;
      this.#timers = this.#timers.filter(timer => timer !== next);
      this.#nowMs = next.at;
      next.fire();
    }
    this.#nowMs = until;
  }
}

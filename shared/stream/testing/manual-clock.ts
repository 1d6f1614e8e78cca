import type { CancelTimer, Clock } from '../../base/clock.ts';

type Timer = { readonly at: number; readonly order: number; readonly fire: () => void };

/** A clock that stands still until it is moved by hand. Timers fire in the order of their time, at their time. */
export class ManualClock implements Clock {
  #time = 0;
  #order = 0;
  readonly #timers = new Set<Timer>();

  now(): number {
    return 1_785_000_000_000 + this.#time;
  }

  monotonic(): number {
    return this.#time;
  }

  setTimer(ms: number, fire: () => void): CancelTimer {
    const timer = { at: this.#time + Math.max(0, ms), order: this.#order++, fire };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  /** Timers that have not fired. */
  get pending(): number {
    return this.#timers.size;
  }

  advance(ms: number): void {
    const until = this.#time + ms;
    for (;;) {
      const timer = this.#earliest(until);
      if (timer === null) break;
      this.#timers.delete(timer);
      this.#time = Math.max(this.#time, timer.at);
      timer.fire();
    }
    this.#time = until;
  }

  #earliest(until: number): Timer | null {
    let earliest: Timer | null = null;
    for (const timer of this.#timers) {
      if (timer.at > until) continue;
      if (earliest === null || timer.at < earliest.at || (timer.at === earliest.at && timer.order < earliest.order)) {
        earliest = timer;
      }
    }
    return earliest;
  }
}

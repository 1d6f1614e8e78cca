import type { CancelTimer, Clock } from '../../shared/base/clock.ts';

type Timer = { readonly due: number; readonly fire: () => void };

/** Time as recorded frames tell it: it stands still between them and fires on the way what has become due. */
export class ReplayClock implements Clock {
  readonly #startMs: number;
  readonly #timers = new Set<Timer>();
  #elapsedMs = 0;

  /** `startMs`: epoch milliseconds of the first moment. */
  constructor(startMs: number) {
    this.#startMs = startMs;
  }

  now(): number {
    return this.#startMs + this.#elapsedMs;
  }

  monotonic(): number {
    return this.#elapsedMs;
  }

  setTimer(ms: number, fire: () => void): CancelTimer {
    const timer = { due: this.#elapsedMs + ms, fire };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  /** Moves on to a moment, in milliseconds since the first one. */
  moveTo(elapsedMs: number): void {
    for (let timer = this.#nextDue(elapsedMs); timer !== null; timer = this.#nextDue(elapsedMs)) {
      this.#timers.delete(timer);
      this.#elapsedMs = Math.max(this.#elapsedMs, timer.due);
      timer.fire();
    }
    this.#elapsedMs = Math.max(this.#elapsedMs, elapsedMs);
  }

  #nextDue(until: number): Timer | null {
    let next: Timer | null = null;
    for (const timer of this.#timers) if (timer.due <= until && (next === null || timer.due < next.due)) next = timer;
    return next;
  }
}

import type { CancelTimer, Clock } from '../clock.ts';

type Timer = { readonly due: number; readonly fire: () => void };

const EPOCH = 1_785_397_735_000;

/**
 * A clock that stands still until a test moves it. Timers fire in the order of their time, at their time; one that is set
 * on the way fires too when its time comes.
 */
export class ManualClock implements Clock {
  #elapsedMs = 0;
  readonly #timers = new Set<Timer>();

  now(): number {
    return EPOCH + this.#elapsedMs;
  }

  monotonic(): number {
    return this.#elapsedMs;
  }

  setTimer(ms: number, fire: () => void): CancelTimer {
    const timer = { due: this.#elapsedMs + Math.max(0, ms), fire };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  /** How many timers are set: what has been stopped must leave none. */
  get pending(): number {
    return this.#timers.size;
  }

  /** Moves time on at once: for what waits for timers only. */
  advance(ms: number): void {
    const end = this.#elapsedMs + ms;
    while (this.#fireNext(end));
    this.#elapsedMs = end;
  }

  /** Moves time on and lets promises run before and after each timer: for what waits for both. */
  async advanceAndSettle(ms: number): Promise<void> {
    const end = this.#elapsedMs + ms;
    await settle();
    while (this.#fireNext(end)) await settle();
    this.#elapsedMs = end;
  }

  /** Moves time on without firing anything, as when the process or the machine slept. */
  sleep(ms: number): void {
    this.#elapsedMs += ms;
  }

  /** Whether a timer was due by then. */
  #fireNext(end: number): boolean {
    let next: Timer | null = null;
    // Whoever was set first stands first, and fires first of those that are due together.
    for (const timer of this.#timers) if (timer.due <= end && (next === null || timer.due < next.due)) next = timer;
    if (next === null) return false;
    this.#timers.delete(next);
    this.#elapsedMs = Math.max(this.#elapsedMs, next.due);
    next.fire();
    return true;
  }
}

/** Lets everything run that waits for promises only. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
}

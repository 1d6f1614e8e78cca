import type { CancelTimer, Clock } from '../clock.ts';

type Timer = { readonly due: number; readonly order: number; readonly fire: () => void };

const EPOCH = 1_785_397_735_000;

/** A clock that stands still until a test moves it. */
export class ManualClock implements Clock {
  #elapsedMs = 0;
  #order = 0;
  readonly #timers = new Set<Timer>();

  now(): number {
    return EPOCH + this.#elapsedMs;
  }

  monotonic(): number {
    return this.#elapsedMs;
  }

  setTimer(ms: number, fire: () => void): CancelTimer {
    const timer = { due: this.#elapsedMs + Math.max(0, ms), order: this.#order++, fire };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  /** How many timers are set: what has been stopped must leave none. */
  get pending(): number {
    return this.#timers.size;
  }

  /** Moves time on, firing each timer at its own moment, and lets promises run in between. */
  async advance(ms: number): Promise<void> {
    const end = this.#elapsedMs + ms;
    await settle();
    for (let next = this.#next(); next !== undefined && next.due <= end; next = this.#next()) {
      this.#timers.delete(next);
      this.#elapsedMs = Math.max(this.#elapsedMs, next.due);
      next.fire();
      await settle();
    }
    this.#elapsedMs = end;
  }

  /** Moves time on without firing anything, as when the process or the machine slept. */
  sleep(ms: number): void {
    this.#elapsedMs += ms;
  }

  #next(): Timer | undefined {
    return [...this.#timers].sort((a, b) => a.due - b.due || a.order - b.order)[0];
  }
}

/** Lets everything run that waits for promises only. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
}

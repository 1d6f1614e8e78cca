/**
 * The time of turns on both clocks: the monotonic one follows from the wall time that a recording holds and from how far the
 * two lie apart, so that a replay comes to the very same numbers.
 */
import type { CancelTimer } from '../../shared/base/clock.ts';
import type { EpochMillis } from '../../shared/model/time.ts';

/** How far the wall clock may carry the monotonic one on before the two are compared again. */
const UNCHECKED_MS = 1_000;

export type TurnTimeState = {
  /** Wall clock minus monotonic clock, milliseconds. */
  readonly offset: number;
  readonly monotonic: number;
};

type Timer = { readonly due: number; readonly fire: () => void };

export class TurnTime {
  offset: number;
  #monotonic: number;
  #checked: number;
  readonly #timers = new Set<Timer>();

  constructor({ offset, monotonic }: TurnTimeState) {
    this.offset = offset;
    this.#monotonic = monotonic;
    this.#checked = monotonic;
  }

  get monotonic(): number {
    return this.#monotonic;
  }

  /** A turn begins for which the two clocks have been compared. */
  reach(time: EpochMillis): void {
    this.#monotonic = Math.max(this.#monotonic, time - this.offset);
    this.#checked = this.#monotonic;
  }

  /** One for which they have not: a wall clock that was set on must not carry the other with it. */
  reachUnchecked(time: EpochMillis): void {
    const monotonic = Math.min(time - this.offset, this.#checked + UNCHECKED_MS);
    if (monotonic > this.#monotonic) this.#monotonic = monotonic;
  }

  /** @param due monotonic */
  setTimer(due: number, fire: () => void): CancelTimer {
    const timer = { due, fire };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  /** Monotonic; infinity where no timer is set. */
  get nextDue(): number {
    let next = Number.POSITIVE_INFINITY;
    for (const { due } of this.#timers) if (due < next) next = due;
    return next;
  }

  /** Fires what is due, in the order of its time; what is set on the way waits for the next turn. */
  fireDue(): void {
    const due = [...this.#timers].filter(timer => timer.due <= this.#monotonic).sort((a, b) => a.due - b.due);
    for (const timer of due) if (this.#timers.delete(timer)) timer.fire();
  }
}

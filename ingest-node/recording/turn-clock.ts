import type { CancelTimer, Clock } from '../../shared/base/clock.ts';
import type { EpochMillis } from '../../shared/model/time.ts';
import { TurnTime, type TurnTimeState } from './turn-time.ts';

export type TurnClockOptions = {
  readonly clock: Clock;
  /** Timers are about to fire, as all of one turn that begins now. */
  readonly onTick: (time: EpochMillis) => void;
  /** From here on the wall clock is so far ahead of the monotonic one. */
  readonly onOffset: (offset: number) => void;
};

/** How far the clocks may drift apart before it is told. */
const DRIFT_MS = 5;

/**
 * A clock that stands still within a turn: one thing that happens to the leader, and all that follows from it at once. What
 * is decided in a turn then depends on nothing but the time of its beginning, and a recording can say that time.
 *
 * Outside of any turn it is the clock behind it.
 */
export class TurnClock implements Clock {
  readonly #options: TurnClockOptions;
  readonly #time: TurnTime;
  /** Of the turn; `null` outside of any. */
  #now: EpochMillis | null = null;
  #cancelTick: CancelTimer = () => {};
  #tickDue = Number.POSITIVE_INFINITY;

  constructor(options: TurnClockOptions) {
    const { clock } = options;
    this.#options = options;
    const monotonic = clock.monotonic();
    this.#time = new TurnTime({ offset: clock.now() - monotonic, monotonic });
  }

  get state(): TurnTimeState {
    return { offset: this.#time.offset, monotonic: this.#time.monotonic };
  }

  now(): EpochMillis {
    return this.#now ?? this.#options.clock.now();
  }

  monotonic(): number {
    if (this.#now !== null) return this.#time.monotonic;
    return Math.max(this.#time.monotonic, this.#options.clock.now() - this.#time.offset);
  }

  setTimer(ms: number, fire: () => void): CancelTimer {
    const due = this.monotonic() + Math.max(0, ms);
    const cancel = this.#time.setTimer(due, fire);
    if (this.#tickDue > due) this.#tickAt(due);
    return cancel;
  }

  /** A frame begins a turn. Answers whether it does: a turn within another is part of it. To be closed by {@link leave}. */
  enter(time: EpochMillis): boolean {
    if (this.#now !== null) return false;
    this.#time.reachUnchecked(time);
    this.#now = time;
    return true;
  }

  leave(): void {
    this.#now = null;
  }

  /** Something else happens, now. */
  run<Result>(act: () => Result): Result {
    if (this.#now !== null) return act();
    this.#begin();
    try {
      return act();
    } finally {
      this.leave();
    }
  }

  /** The same, where what follows at once is also what waits for promises that are settled in this turn. */
  runSettling<Result>(act: () => Result): Result {
    if (this.#now !== null) return act();
    this.#begin();
    // A tick that is asked for by a microtask comes when no microtask is left.
    queueMicrotask(() => process.nextTick(() => this.leave()));
    return act();
  }

  #begin(): void {
    const { clock, onOffset } = this.#options;
    const now = clock.now();
    const offset = now - clock.monotonic();
    if (Math.abs(offset - this.#time.offset) > DRIFT_MS) {
      this.#time.offset = offset;
      onOffset(offset);
    }
    this.#time.reach(now);
    this.#now = now;
  }

  #tickAt(due: number): void {
    this.#cancelTick();
    this.#tickDue = due;
    if (due === Number.POSITIVE_INFINITY) return;
    this.#cancelTick = this.#options.clock.setTimer(Math.max(0, due - this.monotonic()), () => this.#tick());
  }

  #tick(): void {
    this.#tickDue = Number.POSITIVE_INFINITY;
    this.run(() => {
      if (this.#time.nextDue > this.#time.monotonic) return;
      this.#options.onTick(this.now());
      this.#time.fireDue();
    });
    this.#tickAt(this.#time.nextDue);
  }
}

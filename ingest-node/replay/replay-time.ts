import type { CancelTimer, Clock } from '../../shared/base/clock.ts';
import type { EpochMillis } from '../../shared/model/time.ts';
import { TurnTime, type TurnTimeState } from '../recording/turn-time.ts';

/** The clock of a recorded leader: it stands where the record before it says, and its timers fire when they fired then. */
export class ReplayTime implements Clock {
  readonly #time: TurnTime;
  #now: EpochMillis;

  constructor(now: EpochMillis, state: TurnTimeState) {
    this.#now = now;
    this.#time = new TurnTime(state);
  }

  now(): EpochMillis {
    return this.#now;
  }

  monotonic(): number {
    return this.#time.monotonic;
  }

  setTimer(ms: number, fire: () => void): CancelTimer {
    return this.#time.setTimer(this.monotonic() + Math.max(0, ms), fire);
  }

  set offset(offset: number) {
    this.#time.offset = offset;
  }

  /** A frame came. */
  frameAt(time: EpochMillis): void {
    this.#now = time;
    this.#time.reachUnchecked(time);
  }

  /** Something else happened. */
  moveTo(time: EpochMillis): void {
    this.#now = time;
    this.#time.reach(time);
  }

  tick(): void {
    this.#time.fireDue();
  }
}

import type { Clock } from '../../shared/base/clock.ts';

/** When something was sent, by both clocks. */
export type Moment = { readonly monotonic: number; readonly wall: number };

export const momentOf = (clock: Clock): Moment => ({ monotonic: clock.monotonic(), wall: clock.now() });

/**
 * The right to write, rule FEN1: half a session timeout from the *sending* of the last write that ZooKeeper acknowledged.
 * ZooKeeper gives the session up a whole timeout after it *received* that write, which is later, so the other half is
 * the margin between the last write of one leader and the first of the next.
 *
 * The monotonic clock decides. It stands still while the machine sleeps; the wall clock does not, so it is asked, too: a
 * clock that is set ahead costs a pause until the next acknowledgement, nothing else.
 */
export class Lease {
  readonly #clock: Clock;
  #lengthMs = 0;
  #sent: Moment | null = null;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** A write that was sent then has been acknowledged. An answer that comes late may be about the past only. */
  renew(sent: Moment, sessionTimeoutMs: number): void {
    this.#lengthMs = sessionTimeoutMs / 2;
    if (this.#sent === null || sent.monotonic > this.#sent.monotonic) this.#sent = sent;
  }

  holds(): boolean {
    if (this.#sent === null) return false;
    const wallMs = this.#clock.now() - this.#sent.wall;
    return this.remainingMs() > 0 && wallMs < this.#lengthMs;
  }

  /** By the monotonic clock. */
  remainingMs(): number {
    return this.#sent === null ? 0 : this.#sent.monotonic + this.#lengthMs - this.#clock.monotonic();
  }

  end(): void {
    this.#sent = null;
  }
}

/**
 * Notices that a feed's frames paused for longer than its own pace explains, on a socket that never closed: an exchange
 * that stalls may have thrown away what it did not send. A false alarm costs some requests, a missed one costs trades.
 */
const LEAST_PAUSE_MS = 1_000;
/** A feed of few frames pauses by nature: this many times its mean spacing is no chance any more. */
const PAUSES_ALLOWED = 25;
/** Weight of the newest spacing in the mean. */
const SMOOTHING = 1 / 64;

export class FramePause {
  #last: number | null = null;
  #meanMs = 0;

  /**
   * A frame came, at this time, in which our own sleep does not count: an earlier one than before says nothing. `true`
   * where the pause before it is suspicious.
   */
  beat(now: number): boolean {
    if (this.#last !== null && now < this.#last) return false;
    const pauseMs = this.#last === null ? 0 : now - this.#last;
    const isSuspicious = pauseMs > Math.max(LEAST_PAUSE_MS, PAUSES_ALLOWED * this.#meanMs);
    this.#last = now;
    // A pause that was noticed is not its pace.
    if (!isSuspicious) this.#meanMs += (pauseMs - this.#meanMs) * SMOOTHING;
    return isSuspicious;
  }
}

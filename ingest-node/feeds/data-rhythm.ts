/**
 * How long a feed's data may stay away before it is stale, learned from the feed itself: some feeds carry a thousand
 * frames a second, others one market that trades twice an hour. The limit is a multiple of the longest pause seen
 * lately; a feed that has not shown its rhythm yet gets the full limit.
 */
const PAUSES_ALLOWED = 10;
const SHORTEST_LIMIT_MS = 5_000;
const FRAMES_TO_LEARN = 50;
/** The memory of a long pause fades by half in this time, so one hiccup does not make us deaf for a day. */
const HALF_LIFE_MS = 600_000;

export class DataRhythm {
  readonly #longestLimitMs: number;
  #frames = 0;
  #first = 0;
  #last = 0;
  #longestPauseMs = 0;
  #longestPauseAt = 0;

  /** The limit before the rhythm is known, and the bound after. */
  constructor(longestLimitMs: number) {
    this.#longestLimitMs = longestLimitMs;
  }

  /** One data frame came, at this monotonic time. */
  beat(now: number): void {
    if (this.#frames === 0) {
      this.#first = now;
    } else {
      const pause = now - this.#last;
      if (pause >= this.#faded(now)) {
        this.#longestPauseMs = pause;
        this.#longestPauseAt = now;
      }
    }
    this.#last = now;
    this.#frames++;
  }

  limitMs(): number {
    // The burst of snapshots after a subscription is not its rhythm: frames alone prove nothing, it takes time too.
    if (this.#frames < FRAMES_TO_LEARN || this.#last - this.#first < this.#longestLimitMs) return this.#longestLimitMs;
    const limit = PAUSES_ALLOWED * this.#faded(this.#last);
    return Math.min(this.#longestLimitMs, Math.max(SHORTEST_LIMIT_MS, limit));
  }

  #faded(now: number): number {
    return this.#longestPauseMs * 0.5 ** ((now - this.#longestPauseAt) / HALF_LIFE_MS);
  }
}

import type { CancelTimer, Clock } from '../../shared/base/clock.ts';

export type LinkWatchOptions = {
  readonly clock: Clock;
  /** One round trip; rejects when it takes too long. */
  readonly ping: () => Promise<unknown>;
  /** Gives the connection up and dials anew. */
  readonly redial: () => void;
  /** What the last round trip said: `null` when it came back. */
  readonly onAnswer: (fault: string | null, latencyMs: number) => void;
};

const INTERVAL_MS = 1_000;
/** Round trips that fail in a row before the connection is dialled anew: its other end may be gone without a word. */
const FAILURES_TO_REDIAL = 2;

/** Asks every second whether the other end of a connection still answers: only round trips tell. */
export class LinkWatch {
  readonly #options: LinkWatchOptions;
  #failures = 0;
  #isStopped = false;
  #cancel: CancelTimer = () => {};

  constructor(options: LinkWatchOptions) {
    this.#options = options;
    this.#wait();
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancel();
  }

  #wait(): void {
    if (!this.#isStopped) this.#cancel = this.#options.clock.setTimer(INTERVAL_MS, () => void this.#ask());
  }

  async #ask(): Promise<void> {
    const { clock, ping, redial, onAnswer } = this.#options;
    const askedAt = clock.monotonic();
    const fault = await ping().then(
      () => null,
      (error: unknown) => (error instanceof Error ? error.message : String(error)),
    );
    if (this.#isStopped) return;
    onAnswer(fault, clock.monotonic() - askedAt);
    this.#failures = fault === null ? 0 : this.#failures + 1;
    if (this.#failures >= FAILURES_TO_REDIAL) {
      this.#failures = 0;
      redial();
    }
    this.#wait();
  }
}

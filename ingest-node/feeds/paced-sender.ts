import type { CancelTimer, Clock } from '../../shared/base/clock.ts';

/**
 * Keeps what we send on one socket at least `spacingMs` apart, pings included: exchanges count them all (Binance: five
 * a second, "PING, PONG, JSON"). Its user bounds the queue:
 * subscriptions once, and pings far less often than the spacing.
 */
export class PacedSender {
  readonly #clock: Clock;
  readonly #spacingMs: number;
  readonly #queue: (() => void)[] = [];
  #nextAt = Number.NEGATIVE_INFINITY;
  #cancel: CancelTimer | null = null;
  #stopped = false;

  constructor(clock: Clock, spacingMs: number) {
    this.#clock = clock;
    this.#spacingMs = spacingMs;
  }

  /** Runs `send` now or as soon as the spacing allows, in order. */
  enqueue(send: () => void): void {
    if (this.#stopped) return;
    this.#queue.push(send);
    if (this.#cancel === null) this.#drain();
  }

  get idle(): boolean {
    return this.#queue.length === 0;
  }

  stop(): void {
    this.#stopped = true;
    this.#queue.length = 0;
    this.#cancel?.();
    this.#cancel = null;
  }

  #drain(): void {
    this.#cancel = null;
    while (this.#queue.length > 0) {
      const waitMs = this.#nextAt - this.#clock.monotonic();
      if (waitMs > 0) {
        this.#cancel = this.#clock.setTimer(waitMs, () => this.#drain());
        return;
      }
      this.#nextAt = this.#clock.monotonic() + this.#spacingMs;
      this.#queue.shift()?.();
    }
  }
}

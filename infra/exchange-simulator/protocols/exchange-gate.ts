import type { ExchangeName } from '../market/instruments.ts';

/** How a refused client is turned away: an HTTP answer as from a broken proxy, or no answer at all. */
export type Refusal = 'http503' | 'destroy';

/**
 * Between one exchange and its sockets: counts what passes, and holds back what a fault says. All times are epoch
 * milliseconds of the simulator's clock.
 */
export class ExchangeGate {
  readonly exchange: ExchangeName;
  readonly now: () => number;
  connects = 0;
  framesSent = 0;
  bytesSent = 0;
  /** Frames that a fault or a full socket swallowed. */
  framesHeld = 0;
  restRequests = 0;
  stalledUntilMs = 0;
  refusedUntilMs = 0;
  refusal: Refusal = 'http503';
  readonly #skips = new Map<string, number>();

  constructor(exchange: ExchangeName, now: () => number) {
    this.exchange = exchange;
    this.now = now;
  }

  get isStalled(): boolean {
    return this.stalledUntilMs > 0 && this.now() < this.stalledUntilMs;
  }

  get isRefusing(): boolean {
    return this.refusedUntilMs > 0 && this.now() < this.refusedUntilMs;
  }

  /** Swallow the next `count` frames of a channel (`trade`, `ticker`, `orderbook`, `depth`). */
  skip(channel: string, count: number): void {
    this.#skips.set(channel, (this.#skips.get(channel) ?? 0) + count);
  }

  /** True when the frame that is about to go out must be swallowed. */
  takeSkip(channel: string): boolean {
    if (this.#skips.size === 0) return false;
    const left = this.#skips.get(channel);
    if (left === undefined) return false;
    if (left <= 1) this.#skips.delete(channel);
    else this.#skips.set(channel, left - 1);
    this.framesHeld += 1;
    return true;
  }

  /** End every fault that is under way. */
  clear(): void {
    this.stalledUntilMs = 0;
    this.refusedUntilMs = 0;
    this.#skips.clear();
  }
}

import type { ComponentState } from '../../shared/wire/service-info.ts';

/**
 * Whether consumers should be sent to a path: not from the moment on that it fails, and again when it has been well for a
 * while, so that one that comes and goes does not drag everybody along. A path that has never failed is good at once.
 */
export class Availability {
  readonly #healthyAfterMs: number;
  #hasFailed = false;
  /** Since when it has been well; `null` while it is not. */
  #wellSince: number | null = null;
  #isAvailable = false;

  constructor(healthyAfterMs: number) {
    this.#healthyAfterMs = healthyAfterMs;
  }

  get isAvailable(): boolean {
    return this.#isAvailable;
  }

  /** @param now monotonic */
  observe(state: ComponentState, now: number): void {
    if (state === 'down' || state === 'disabled') {
      this.#hasFailed ||= this.#isAvailable;
      this.#wellSince = null;
      this.#isAvailable = false;
      return;
    }
    this.#wellSince ??= now;
    this.#isAvailable ||= !this.#hasFailed || now - this.#wellSince >= this.#healthyAfterMs;
  }
}

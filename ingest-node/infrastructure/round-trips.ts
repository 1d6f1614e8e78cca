import type { Clock } from '../../shared/base/clock.ts';
import type { ComponentState } from '../../shared/wire/service-info.ts';

export type RoundTripHealth = {
  readonly state: Extract<ComponentState, 'up' | 'down'>;
  readonly since: number;
  readonly latencyMs: number | null;
  readonly lastError: string | null;
};

/** Every request was refused without being sent: the other side failed too often just now. */
export class CircuitOpenError extends Error {
  constructor(lastError: string | null) {
    super(`not asked, because it failed lately: ${lastError}`);
    this.name = 'CircuitOpenError';
  }
}

const FAILURES_TO_OPEN = 3;
const OPEN_MS = 500;

/**
 * What the round trips to a service say of it: whether it answers, how fast, and what was wrong last. After three
 * failures in a row the circuit is open: one request in half a second is let through, the others fail at once instead
 * of waiting for their deadlines one after the other.
 */
export class RoundTrips {
  readonly #clock: Clock;
  #health: RoundTripHealth;
  #failures = 0;
  #lastTriedAt = Number.NEGATIVE_INFINITY;
  /** When the last answer came, for who asks only after a silence (monotonic). */
  lastAnswerAt = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#health = { state: 'down', since: clock.now(), latencyMs: null, lastError: null };
  }

  get health(): RoundTripHealth {
    return this.#health;
  }

  async run<Result>(request: () => Promise<Result>): Promise<Result> {
    const startedAt = this.#clock.monotonic();
    if (this.#failures >= FAILURES_TO_OPEN && startedAt - this.#lastTriedAt < OPEN_MS) {
      throw new CircuitOpenError(this.#health.lastError);
    }
    this.#lastTriedAt = startedAt;
    try {
      const result = await request();
      this.#failures = 0;
      this.lastAnswerAt = this.#clock.monotonic();
      this.#set('up', { latencyMs: Math.round((this.lastAnswerAt - startedAt) * 1000) / 1000 });
      return result;
    } catch (error) {
      this.#failures++;
      this.#set('down', { lastError: error instanceof Error ? error.message : String(error) });
      throw error;
    }
  }

  /** Something was wrong that did not end a round trip, such as a record that is none. */
  note(fault: string): void {
    this.#health = { ...this.#health, lastError: fault };
  }

  #set(state: RoundTripHealth['state'], news: Partial<RoundTripHealth>): void {
    const since = state === this.#health.state ? this.#health.since : this.#clock.now();
    this.#health = { ...this.#health, state, since, ...news };
  }
}

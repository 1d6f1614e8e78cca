/**
 * What we may ask of one exchange by REST: a token bucket per limit group, filled so that no window of the exchange's
 * own length ever holds more than half of what it publishes. Acquire before every request; whoever is first in line of a
 * group is served first, but lets all pass who are less patient. A 429 and its like are the business of the `RestClient`,
 * which then sends nothing at all.
 */
import type { CancelTimer, Clock } from '../../shared/base/clock.ts';
import type { RestLimit } from '../exchanges/exchange-adapter.ts';

/** The other half is for whoever shares our address, and for what we got wrong. */
const SHARE_OF_LIMIT = 0.5;
/**
 * This part of our share may be spent at once, the rest comes evenly over the window. What may come at once is lost to the
 * long run, in which hundreds of markets are read back; the dearest request must fit.
 */
const BURST_SHARE = 0.1;

/** Part of a limit by which the exchange may count more than we do because its windows are not ours. */
const COUNTING_TOLERANCE = 0.1;
/** Clocks differ, and requests take their time. */
const WINDOW_MARGIN_MS = 250;

export type RestBudgetOptions = {
  /** By group, as the exchange publishes them. */
  readonly limits: Readonly<Record<string, RestLimit>>;
  readonly clock: Clock;
};

export class RestBudget {
  readonly #groups: ReadonlyMap<string, Bucket>;

  constructor(options: RestBudgetOptions) {
    const { limits, clock } = options;
    this.#groups = new Map(Object.entries(limits).map(([group, limit]) => [group, new Bucket(limit, clock)]));
  }

  /**
   * Resolves when one request of this weight may be sent, once, now. Rejects with the signal's reason when it is aborted
   * before.
   *
   * @param patience waits for as long as anybody of less patience is in line
   * @throws RangeError (as a rejection) for a group that has no limit, or a weight that no burst ever holds
   */
  async acquire(group: string, weight: number, signal: AbortSignal, patience = 0): Promise<void> {
    const bucket = this.#groups.get(group);
    if (bucket === undefined) throw new RangeError(`no REST limit is declared for the group ${group}`);
    if (weight > bucket.burst) throw new RangeError(`a request of weight ${weight} exceeds the burst of ${group}`);
    await bucket.acquire(weight, signal, patience);
  }

  /**
   * The exchange has counted so much of a group in its current window. We alone never come to that, so somebody else behind
   * our address, or this node before it was started anew, has spent the rest: until the window is over nothing is sent.
   */
  counted(group: string, used: number): void {
    this.#groups.get(group)?.counted(used);
  }

  /** How many requests of a group are in line. */
  waiting(group: string): number {
    return this.#groups.get(group)?.waiting ?? 0;
  }
}

type Waiter = { readonly weight: number; readonly patience: number; readonly grant: () => void };

class Bucket {
  readonly burst: number;
  readonly #perMs: number;
  readonly #limit: RestLimit;
  readonly #clock: Clock;
  readonly #line: Waiter[] = [];
  #tokens: number;
  #filledAt: number;
  /** Monotonic. */
  #heldUntil = Number.NEGATIVE_INFINITY;
  #cancel: CancelTimer | null = null;

  constructor(limit: RestLimit, clock: Clock) {
    const share = limit.weight * SHARE_OF_LIMIT;
    this.burst = Math.max(1, Math.floor(share * BURST_SHARE));
    this.#perMs = (share - this.burst) / limit.windowMs;
    this.#limit = limit;
    this.#clock = clock;
    this.#tokens = this.burst;
    this.#filledAt = clock.monotonic();
  }

  get waiting(): number {
    return this.#line.length;
  }

  acquire(weight: number, signal: AbortSignal, patience: number): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) {
        reject(signal.reason);
        return;
      }
      const leave = () => {
        this.#line.splice(this.#line.indexOf(waiter), 1);
        reject(signal.reason);
        this.#serve();
      };
      const waiter: Waiter = {
        weight,
        patience,
        grant: () => {
          signal.removeEventListener('abort', leave);
          resolve();
        },
      };
      signal.addEventListener('abort', leave, { once: true });
      const morePatient = this.#line.findIndex(other => other.patience > patience);
      this.#line.splice(morePatient === -1 ? this.#line.length : morePatient, 0, waiter);
      this.#serve();
    });
  }

  counted(used: number): void {
    const { weight, windowMs } = this.#limit;
    if (used <= weight * (SHARE_OF_LIMIT + COUNTING_TOLERANCE)) return;
    // Binance's minutes begin with the clock's; where a window slides the next answer tells whether it was enough.
    const leftMs = windowMs - (this.#clock.now() % windowMs) + WINDOW_MARGIN_MS;
    this.#heldUntil = Math.max(this.#heldUntil, this.#clock.monotonic() + leftMs);
    this.#serve();
  }

  #serve(): void {
    this.#cancel?.();
    this.#cancel = null;
    this.#fill();
    const heldForMs = this.#heldUntil - this.#clock.monotonic();
    if (heldForMs > 0) {
      if (this.#line.length > 0) this.#cancel = this.#clock.setTimer(heldForMs, () => this.#serve());
      return;
    }
    for (let next = this.#line[0]; next !== undefined; next = this.#line[0]) {
      if (this.#tokens < next.weight) {
        // Rounded up: a timer that fires a hair early would find the bucket a hair short, and be set again and again.
        const waitMs = Math.ceil((next.weight - this.#tokens) / this.#perMs);
        this.#cancel = this.#clock.setTimer(waitMs, () => this.#serve());
        return;
      }
      this.#tokens -= next.weight;
      this.#line.shift();
      next.grant();
    }
  }

  #fill(): void {
    const now = this.#clock.monotonic();
    this.#tokens = Math.min(this.burst, this.#tokens + (now - this.#filledAt) * this.#perMs);
    this.#filledAt = now;
  }
}

import { type Backoff, fullJitterMs } from '../../shared/base/backoff.ts';
import type { CancelTimer, Clock } from '../../shared/base/clock.ts';
import type { EpochMillis } from '../../shared/model/time.ts';

/** What keeps the log from arriving, and since when. */
export type PublishingFault = { readonly since: EpochMillis; readonly reason: string };

export type WriteLoopOptions<Term> = {
  readonly clock: Clock;
  /** Least time from the beginning of a step that was taken to the next: what comes in between travels together. */
  readonly paceMs: number;
  readonly random: () => number;
  readonly retry?: Backoff;
  readonly hasWork: (term: Term) => boolean;
  /** One request or a few; answers whether the other side has shown that it takes what it is given. */
  readonly step: (term: Term) => Promise<boolean>;
  /** A step has failed: what was believed of the other side is in doubt. */
  readonly onFailure: (term: Term, error: unknown) => void;
};

/** While the other side is away it is asked again about this often. */
const RETRY: Backoff = { baseMs: 250, capMs: 1_000 };

/**
 * Writes as long as there is a term and something to do: one step at a time, at a pace, and after failures more and more
 * rarely. What a step learns after its term has ended counts for nothing.
 */
export class WriteLoop<Term> {
  readonly #options: Required<WriteLoopOptions<Term>>;
  #term: Term | null = null;
  #isWorking = false;
  #startedAt = Number.NEGATIVE_INFINITY;
  #failures = 0;
  #fault: PublishingFault | null = null;
  /** How many wait for what there is to do. */
  #urgent = 0;
  #cancelSleep: CancelTimer = () => {};
  #wakeSleeper: () => void = () => {};

  constructor(options: WriteLoopOptions<Term>) {
    this.#options = { retry: RETRY, ...options };
  }

  get term(): Term | null {
    return this.#term;
  }

  get fault(): PublishingFault | null {
    return this.#fault;
  }

  begin(term: Term): void {
    this.#term = term;
    this.wake();
  }

  end(): void {
    this.#term = null;
    this.#fault = null;
    this.#failures = 0;
    this.#endSleep();
  }

  /** There may be something to do. */
  wake(): void {
    if (!this.#isWorking) void this.#work();
  }

  /** Until the answer is called, nothing waits for the pace: somebody stands still until all is written. */
  hurry(): () => void {
    this.#urgent++;
    if (this.#failures === 0) this.#endSleep();
    return () => void this.#urgent--;
  }

  #endSleep(): void {
    this.#cancelSleep();
    this.#wakeSleeper();
  }

  async #work(): Promise<void> {
    const { clock, hasWork, step } = this.#options;
    this.#isWorking = true;
    for (let term = this.#term; term !== null && hasWork(term); term = this.#term) {
      await this.#sleep(this.#waitMs());
      if (this.#term !== term) continue;
      this.#startedAt = clock.monotonic();
      try {
        const isTaken = await step(term);
        if (this.#term !== term) continue;
        if (!isTaken) {
          this.#startedAt = Number.NEGATIVE_INFINITY;
          continue;
        }
        this.#failures = 0;
        this.#fault = null;
      } catch (error) {
        if (this.#term === term) this.#failed(term, error);
      }
    }
    // In the same breath as the last look for work: a call that comes after it begins anew.
    this.#isWorking = false;
  }

  #failed(term: Term, error: unknown): void {
    const { clock, onFailure } = this.#options;
    this.#failures++;
    const since = this.#fault?.since ?? clock.now();
    this.#fault = { since, reason: error instanceof Error ? error.message : String(error) };
    onFailure(term, error);
  }

  #waitMs(): number {
    const { clock, paceMs, retry, random } = this.#options;
    // The first failure is usually one lost connection: its jitter spreads what comes after.
    if (this.#urgent > 0 && this.#failures === 0) return 0;
    const pauseMs = this.#failures === 0 ? paceMs : paceMs + fullJitterMs(this.#failures, retry, random);
    return Math.max(0, this.#startedAt + pauseMs - clock.monotonic());
  }

  #sleep(ms: number): Promise<void> {
    if (ms <= 0) return Promise.resolve();
    return new Promise(resolve => {
      this.#wakeSleeper = resolve;
      this.#cancelSleep = this.#options.clock.setTimer(ms, resolve);
    });
  }
}

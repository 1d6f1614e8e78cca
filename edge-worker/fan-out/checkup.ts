import type { Clock } from '../../shared/base/clock.ts';
import { within } from '../../shared/base/within.ts';
import type { EpochMillis } from '../../shared/model/time.ts';

export type CheckResult = {
  readonly isUp: boolean;
  readonly since: EpochMillis;
  /** Round trip of the last question; `null` when it was not answered. */
  readonly latencyMs: number | null;
  /** The last reason for trouble; stays after the recovery. */
  readonly lastError: string | null;
};

export type CheckupOptions = {
  /** Resolves when the other side answers as it should. */
  readonly ask: () => Promise<unknown>;
  readonly clock: Clock;
  /** How old an answer may be. Together with `withinMs`: how long a change can go unnoticed. */
  readonly freshForMs: number;
  readonly withinMs: number;
};

/** Whether something answers: looked into only when somebody wants to know, and once however many do. */
export class Checkup {
  readonly #options: CheckupOptions;
  #looking: { readonly at: number; readonly result: Promise<CheckResult> } | null = null;
  #last: CheckResult | null = null;
  #note: string | null = null;

  constructor(options: CheckupOptions) {
    this.#options = options;
  }

  look(): Promise<CheckResult> {
    const { clock, freshForMs } = this.#options;
    const now = clock.monotonic();
    if (this.#looking === null || now - this.#looking.at > freshForMs) {
      this.#looking = { at: now, result: this.#ask(now) };
    }
    return this.#looking.result;
  }

  /** Something was wrong that no question would show, such as a record that is none. */
  note(fault: string): void {
    this.#note = fault;
  }

  async #ask(begin: number): Promise<CheckResult> {
    const { ask, clock, withinMs } = this.#options;
    let latencyMs: number | null = null;
    let error = this.#note;
    try {
      await within(ask(), withinMs, clock);
      latencyMs = Math.round((clock.monotonic() - begin) * 1_000) / 1_000;
    } catch (reason) {
      error = reason instanceof Error ? reason.message : String(reason);
    }
    const isUp = latencyMs !== null;
    const last = this.#last;
    const since = last !== null && last.isUp === isUp ? last.since : clock.now();
    this.#note = null;
    this.#last = { isUp, since, latencyMs, lastError: error ?? last?.lastError ?? null };
    return this.#last;
  }
}

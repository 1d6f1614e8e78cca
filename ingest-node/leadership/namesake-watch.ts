import type { Clock } from '../../shared/base/clock.ts';
import type { CandidateRecord } from './candidate-record.ts';

/** Longer than the session of an earlier life of this node can last by the usual settings. */
const BELIEVED_AFTER_MS = 15_000;

type Named = Pick<CandidateRecord, 'node' | 'startedAt'>;

/**
 * Finds out whether somebody else goes by this node's name. An earlier life of its own stands in the queue, too, until its
 * session is over.
 */
export class NamesakeWatch {
  readonly #clock: Clock;
  readonly #onNamesake: () => void;
  /** Since when another one of our name is there (monotonic). */
  #since: number | null = null;
  #isTold = false;

  /** @param onNamesake called once */
  constructor(clock: Clock, onNamesake: () => void) {
    this.#clock = clock;
    this.#onNamesake = onNamesake;
  }

  /** @param others those that stand in the queue now */
  look(own: Named, others: readonly Named[]): void {
    const isThere = others.some(other => other.node === own.node && other.startedAt !== own.startedAt);
    if (!isThere) {
      this.#since = null;
      return;
    }
    const now = this.#clock.monotonic();
    this.#since ??= now;
    if (this.#isTold || now - this.#since < BELIEVED_AFTER_MS) return;
    this.#isTold = true;
    this.#onNamesake();
  }
}

import type { Trade, TradeGap } from '../../shared/model/market-event.ts';

/** A line of the tape: a trade, or the honest place of trades that nobody has. */
export type TapeEntry = Trade | TradeGap;

/**
 * The latest trades between two drawings. Only what could be seen is kept: a page in the background collects no backlog.
 */
export class Tape {
  readonly #length: number;
  #fresh: TapeEntry[] = [];

  /** `length` is how many lines the page shows. */
  constructor(length: number) {
    this.#length = length;
  }

  push(entry: TapeEntry): void {
    this.#fresh.push(entry);
    if (this.#fresh.length > 2 * this.#length) this.#fresh = this.#fresh.slice(-this.#length);
  }

  /** What came since the last time, oldest first, at most as many as there are lines. */
  take(): TapeEntry[] {
    const fresh = this.#fresh.slice(-this.#length);
    this.#fresh = [];
    return fresh;
  }
}

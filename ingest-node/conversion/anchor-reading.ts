import type { Trade } from '../../shared/model/market-event.ts';
import { type Finding, NOTHING, type TradeReading } from './trade-reading.ts';

/** One page of an instrument of which nothing is known yet: what comes later is measured by it. */
export class AnchorReading implements TradeReading {
  readonly wanted = { kind: 'trades', from: null } as const;
  readonly #isAnchored: () => boolean;
  readonly #anchor: (page: readonly Trade[]) => void;

  constructor(isAnchored: () => boolean, anchor: (page: readonly Trade[]) => void) {
    this.#isAnchored = isAnchored;
    this.#anchor = anchor;
  }

  get isHealed(): boolean {
    return this.#isAnchored();
  }

  take(page: readonly Trade[]): Finding {
    this.#anchor(page);
    return { found: NOTHING, next: 'done' };
  }

  rewind(): void {}

  remains(): null {
    return null;
  }
}

import type { Trade } from '../../shared/model/market-event.ts';
import type { TradeHistory } from '../exchanges/exchange-adapter.ts';
import { type Finding, NOTHING, type TradeReading, type WantedPage } from './trade-reading.ts';

/**
 * The last trades of an instrument of which nothing is known yet: what comes later is measured by them. Days without any
 * are passed over, since one that has never been traded is something else than one that is quiet.
 */
export class AnchorReading implements TradeReading {
  readonly #earlierDays: number;
  readonly #isAnchored: () => boolean;
  readonly #anchor: (page: readonly Trade[]) => void;
  #daysAgo = 0;

  constructor(
    { days }: Pick<TradeHistory, 'days'>,
    isAnchored: () => boolean,
    anchor: (page: readonly Trade[]) => void,
  ) {
    this.#earlierDays = days?.earlier ?? 0;
    this.#isAnchored = isAnchored;
    this.#anchor = anchor;
  }

  get wanted(): WantedPage {
    return { kind: 'trades', from: null, daysAgo: this.#daysAgo };
  }

  get isHealed(): boolean {
    return this.#isAnchored();
  }

  take(page: readonly Trade[]): Finding {
    if (page.length === 0 && this.#daysAgo < this.#earlierDays) {
      this.#daysAgo += 1;
      return { found: NOTHING, next: 'more' };
    }
    this.#anchor(page);
    return { found: NOTHING, next: 'done' };
  }

  rewind(): void {
    this.#daysAgo = 0;
  }

  remains(): null {
    return null;
  }
}

import type { MarketEvent } from '../model/market-event.ts';
import type { Batch } from '../wire/messages.ts';

/**
 * A batch that outlives its events: they are let go of a moment after sealing, and decoded again for the few who come
 * later. As one text it lies where it is until it is forgotten; as objects, some hundred for each order book, the garbage collector
 * would move it twice and look through it for a minute.
 */
export class RememberedBatch {
  readonly batch: Batch;
  #events: readonly MarketEvent[] | null;

  constructor({ events, ...envelope }: Batch, text: string) {
    this.#events = events;
    const decode = () => this.#events ?? (JSON.parse(text) as Batch).events;
    this.batch = {
      ...envelope,
      get events() {
        return decode();
      },
    };
  }

  /** From here on its events are decoded each time that they are asked for. */
  letGo(): void {
    this.#events = null;
  }
}

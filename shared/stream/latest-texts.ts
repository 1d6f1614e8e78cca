import type { FeedState, MarketEvent } from '../model/market-event.ts';
import { type Cut, isInCut } from '../wire/messages.ts';
import { comparePositions, type Position } from '../wire/position.ts';
import { LatestValues, type StateHead } from './latest-state.ts';

/** An event as it was encoded when it was sealed. `epoch` is 0 where a snapshot brought it, which does not say. */
type SealedText = { readonly epoch: number; readonly text: string };

/**
 * The latest state of a log, in the texts that were encoded once, at sealing: snapshots and answers are put together from
 * them. An order book is one text instead of a hundred objects, which the garbage collector would move from place to place
 * for as long as the book is the newest; who wants events has them decoded.
 */
export class LatestTexts {
  readonly #values = new LatestValues<SealedText>();

  apply(event: MarketEvent, epoch: number, text: string): void {
    this.#values.apply(event, { epoch, text });
  }

  /** Everything is replaced: what a snapshot does. */
  reset(events: readonly MarketEvent[]): void {
    this.#values.clear();
    for (const event of events) this.apply(event, 0, JSON.stringify(event));
  }

  get size(): number {
    return this.#values.size;
  }

  texts(isWanted?: (head: StateHead) => boolean): string[] {
    return this.#values.values(isWanted).map(({ text }) => text);
  }

  textsOf(cut: Cut): string[] {
    return this.texts(head => isInCut(head, cut));
  }

  events(cut: Cut = 'full'): MarketEvent[] {
    return this.textsOf(cut).map(decoded);
  }

  feeds(): FeedState[] {
    return this.texts(({ type }) => type === 'feed').map(text => JSON.parse(text) as FeedState);
  }

  /** Those that were sealed up to a position, itself included: what came later is in the history that follows it. */
  eventsUntil(position: Position): MarketEvent[] {
    const events: MarketEvent[] = [];
    for (const { epoch, text } of this.#values.values()) {
      if (epoch > position.epoch) continue;
      const event = decoded(text);
      if (comparePositions({ epoch, offset: event.offset }, position) <= 0) events.push(event);
    }
    return events;
  }
}

function decoded(text: string): MarketEvent {
  return JSON.parse(text) as MarketEvent;
}

/**
 * Keeps states from going back. While two sockets carry the same instrument (a planned reconnection, a market that moves
 * to another feed) the one behind brings an older state after the newer; in a quiet market that would be the last word.
 *
 * What counts is the exchange's own number of the state, or its time where it gives none. One socket is in order by
 * itself, so its word is compared only with that of another one, and just after it has joined, when the answer to the
 * subscription may follow a newer frame. So neither a clock of the exchange that jumps nor a sequence that starts over
 * holds an instrument back for longer than {@link TRUSTED_MS}.
 */

import type { ExchangeName } from '../../shared/model/exchange.ts';
import type { EpochMillis } from '../../shared/model/time.ts';
import type { FrameSource } from './heard-feeds.ts';
import { InstrumentMap } from './instrument-map.ts';

/** No socket lags behind another one by more: what is lower after that has begun anew. */
const TRUSTED_MS = 10_000;
/** So long after the first frame of an instrument its socket may still answer the subscription. */
const JOINING_MS = 1_000;

type Place = {
  order: number;
  /** When that state came, and since when this socket has brought the newest. */
  at: EpochMillis;
  feed: string;
  isFirst: boolean;
  joinedAt: EpochMillis;
};

/** Of states of one type. */
export class StateOrder {
  readonly #places = new InstrumentMap<Place>();

  /** Whether a newer state is known; if not, this one is the newest. */
  isOutdated(
    instrument: { readonly exchange: ExchangeName; readonly symbol: string },
    order: number,
    now: EpochMillis,
    { feed, isFirst }: FrameSource,
  ): boolean {
    const place = this.#places.get(instrument);
    if (place === undefined) {
      this.#places.set(instrument, { order, at: now, feed, isFirst, joinedAt: now });
      return false;
    }
    const isSameSocket = place.isFirst === isFirst && place.feed === feed;
    if (order < place.order) {
      const isComparable = !isSameSocket || Math.abs(now - place.joinedAt) < JOINING_MS;
      if (isComparable && Math.abs(now - place.at) < TRUSTED_MS) return true;
    }
    if (!isSameSocket) {
      place.feed = feed;
      place.isFirst = isFirst;
      place.joinedAt = now;
    }
    place.order = order;
    place.at = now;
    return false;
  }

  /** No socket carried these for a moment: whatever comes next is the newest. */
  forget(exchange: ExchangeName, symbols: Iterable<string>): void {
    for (const symbol of symbols) this.#places.delete({ exchange, symbol });
  }

  clear(): void {
    this.#places.clear();
  }
}

/**
 * How far each feed has told us what happened, by the clock of its exchange. A feed whose socket is silently dead has not
 * told us anything since, whatever the others of its exchange deliver.
 *
 * A pong carries no time of the exchange, but answers a ping that was sent at a time of ours. How far the two clocks lie
 * apart, and how late an exchange tells what happened while it is overloaded, is learned from the frames that do carry one:
 * an exchange whose clock is behind ours has not reached a minute's end yet when we have, and one whose frames are late has
 * not told it.
 */
import type { ExchangeName } from '../../shared/model/exchange.ts';
import type { EpochMillis } from '../../shared/model/time.ts';

/** Where a frame came from. */
export type FrameSource = {
  readonly feed: string;
  /** False for the second socket of a planned reconnection: what it does not bring, it may not have been asked for yet. */
  readonly isFirst: boolean;
};

/** How soon it is believed that an exchange has become late; one frame in it that is not old is enough to see that it is not. */
const BLOCK_MS = 10_000;

/** The exchange's time minus ours at its newest frames: the most of this block of our time and of the one before. */
type Offset = { block: number; most: number; mostBefore: number };

export class HeardFeeds {
  readonly #until = new Map<string, EpochMillis>();
  readonly #offsets = new Map<ExchangeName, Offset>();

  /** A feed has told us something that happened at this time of the exchange. */
  told(exchange: ExchangeName, feed: string, exchangeTime: EpochMillis, receivedTime: EpochMillis): void {
    this.#learn(exchange, exchangeTime - receivedTime, Math.floor(receivedTime / BLOCK_MS));
    // An exchange whose clock is ahead of ours is not heard from a time that has not come.
    this.#hear(feed, Math.min(exchangeTime, receivedTime));
  }

  /** A feed has told us everything up to this time of ours. */
  alive(exchange: ExchangeName, feed: string, time: EpochMillis): void {
    const offset = this.#offsets.get(exchange);
    this.#hear(feed, time + Math.min(0, offset === undefined ? 0 : Math.max(offset.most, offset.mostBefore)));
  }

  until(feed: string): EpochMillis {
    return this.#until.get(feed) ?? Number.NEGATIVE_INFINITY;
  }

  #hear(feed: string, until: EpochMillis): void {
    if (until > this.until(feed)) this.#until.set(feed, until);
  }

  #learn(exchange: ExchangeName, aheadMs: number, block: number): void {
    const offset = this.#offsets.get(exchange);
    if (offset === undefined) {
      this.#offsets.set(exchange, { block, most: aheadMs, mostBefore: Number.NEGATIVE_INFINITY });
    } else if (block === offset.block) {
      if (aheadMs > offset.most) offset.most = aheadMs;
    } else {
      offset.mostBefore = offset.most;
      offset.most = aheadMs;
      offset.block = block;
    }
  }
}

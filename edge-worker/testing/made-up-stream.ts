import type { MarketEvent } from '../../shared/model/market-event.ts';
import { feed, orderBook, quote, ticker, trade } from '../../shared/model/testing/market-events.ts';
import type { RingBounds } from '../../shared/stream/history-ring.ts';
import { extendLineage } from '../../shared/stream/lineage.ts';
import { StreamLog } from '../../shared/stream/stream-log.ts';
import type { Batch } from '../../shared/wire/messages.ts';

const SYMBOLS = ['BTC/KRW', 'ETH/KRW', 'XRP/KRW'];

/**
 * The event with a given number in a made-up market: trades, tickers, quotes, order books in turn. The number can be
 * read back from what a consumer received.
 */
function madeUpEvent(number: number): MarketEvent {
  const symbol = SYMBOLS[number % SYMBOLS.length]!;
  const text = String(number);
  switch (number % 4) {
    case 0:
      return trade(symbol, { id: text, price: text });
    case 1:
      return ticker(symbol, { last: text });
    case 2:
      return quote(symbol, { bid: text, ask: text });
    default:
      return orderBook(symbol, { bids: [[text, '1']], asks: [[text, '2']] });
  }
}

/** A leader without exchanges: seals made-up events into a log. */
export class MadeUpStream {
  readonly log: StreamLog;
  #number = 0;

  constructor(epoch = 1_000, bounds?: RingBounds) {
    this.log = new StreamLog(bounds);
    this.log.beginEpoch(epoch, []);
    this.#append([feed()]);
  }

  /** Seals one batch of so many events. */
  seal(count: number, at = 0): Batch {
    return this.#append(
      Array.from({ length: count }, () => madeUpEvent(this.#number++)),
      at,
    );
  }

  /** A new leader takes over at the very end of the old epoch. */
  takeOver(epoch = this.log.position.epoch + 1): void {
    this.log.beginEpoch(epoch, extendLineage(this.log.lineage, this.log.position));
  }

  #append(events: readonly MarketEvent[], at = 0): Batch {
    const { epoch, offset } = this.log.position;
    for (const [index, event] of events.entries()) event.offset = offset + 1 + index;
    const batch: Batch = {
      type: 'batch',
      writer: epoch,
      epoch,
      first: offset + 1,
      next: offset + 1 + events.length,
      ...(offset === 0 ? { lineage: this.log.lineage } : {}),
      events,
    };
    this.log.append(batch, at);
    return batch;
  }
}

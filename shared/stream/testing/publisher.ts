import type { MarketEvent } from '../../model/market-event.ts';
import type { Batch } from '../../wire/messages.ts';
import type { Lineage } from '../../wire/position.ts';
import { extendLineage } from '../lineage.ts';
import { StreamLog } from '../stream-log.ts';

/** A leader in miniature: numbers events, seals them into a log, and remembers all that it has ever published. */
export class Publisher {
  readonly log: StreamLog;
  readonly published: Batch[] = [];
  readonly #now: () => number;

  constructor(log: StreamLog = new StreamLog(), now: () => number = () => 0) {
    this.log = log;
    this.#now = now;
  }

  beginEpoch(epoch: number, lineage: Lineage = this.nextLineage()): void {
    this.log.beginEpoch(epoch, lineage);
  }

  /** The lineage of the epoch that follows the present one. */
  nextLineage(): Lineage {
    const { lineage, position } = this.log;
    return position.epoch === 0 ? lineage : extendLineage(lineage, position);
  }

  /** Seals events, in this order, as the next batch. They are copied, so a test may use them again. */
  seal(...events: readonly MarketEvent[]): Batch {
    const { epoch, offset } = this.log.position;
    const first = offset + 1;
    const batch: Batch = {
      type: 'batch',
      writer: epoch,
      epoch,
      first,
      next: first + events.length,
      ...(first === 1 ? { lineage: this.log.lineage } : {}),
      events: events.map((event, index) => ({ ...event, offset: first + index })),
    };
    this.published.push(batch);
    this.log.append(batch, this.#now());
    return batch;
  }
}

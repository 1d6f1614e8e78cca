import type { MarketEvent } from '../../shared/model/market-event.ts';
import type { StreamLog } from '../../shared/stream/stream-log.ts';
import type { ReceivedSnapshot } from '../../shared/stream/stream-receiver.ts';

/**
 * What a log holds that no successor knows (rule EPO1): sealed by a leader whose term was over without its knowing it, this
 * node perhaps. The log is about to begin again after it. Nothing where it lost its place: it would not hear who of the
 * others has published these.
 */
export function voidEvents(log: StreamLog, { lineage, reason }: ReceivedSnapshot): MarketEvent[] {
  const { epoch } = log.position;
  if (reason !== 'diverged') return [];
  const end = lineage.find(ended => ended.epoch === epoch)?.end ?? 0;
  const events: MarketEvent[] = [];
  for (let number = log.ring.start; number < log.ring.end; number++) {
    const { batch } = log.ring.at(number)!;
    // Old batches are texts until somebody asks for their events: of the others they are not asked.
    if (batch.epoch === epoch && batch.next - 1 > end) {
      for (const event of batch.events) if (event.offset > end) events.push(event);
    }
  }
  return events;
}

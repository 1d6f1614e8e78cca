import type { Batch } from '../wire/messages.ts';
import type { StreamLog } from './stream-log.ts';
import type { ReceivedBatch, ReceivedSnapshot } from './stream-receiver.ts';

/** A received batch as one that can be kept and passed on. */
export function batchOf({ lineage, ...batch }: ReceivedBatch): Batch {
  return { type: 'batch', ...batch, ...(lineage === null ? {} : { lineage }) };
}

/** Takes a batch over that follows what the log holds; the answer is what was appended. */
export function applyBatch(log: StreamLog, received: ReceivedBatch, at: number): Batch {
  const batch = batchOf(received);
  if (batch.epoch > log.position.epoch) log.beginEpoch(batch.epoch, batch.lineage ?? log.lineage);
  log.append(batch, at);
  return batch;
}

/** Begins anew from a snapshot: between it and what the log held is a gap, or there was nothing before. */
export function applySnapshot(log: StreamLog, { position, writer, lineage, events }: ReceivedSnapshot): void {
  log.reset(position, writer, lineage, events);
}

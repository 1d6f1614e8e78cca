/** Finding records in a partition without reading all of it. */
import type { KafkaConnection, ReadRecord } from './kafka-connection.ts';
import { ONLY } from './kafka-layout.ts';

export type Range = { readonly start: number; readonly end: number };

export type Place<Record> = { readonly offset: number; readonly record: Record };

/** The broker gives back the whole batch that an offset lies in, however little is asked for. */
const ONE_BATCH = { waitMs: 0, maxBytes: 1 };
/** How many records of others are stepped over in search of one of ours. */
const MAX_FOREIGN = 4_096;

/**
 * The last record in a range that is one of ours. `read` is called in order, possibly again from further back; `foreign`
 * counts those behind it for which it had nothing to say.
 */
export async function lastWhich<Record>(
  connection: KafkaConnection,
  topic: string,
  { start, end }: Range,
  read: (record: ReadRecord) => Record | null,
  partition: number = ONLY,
): Promise<{ readonly found: Place<Record> | null; readonly foreign: number }> {
  for (let back = 1; ; back *= 8) {
    const from = Math.max(start, end - back);
    let found: Place<Record> | null = null;
    let foreign = 0;
    await eachFrom(connection, { topic, partition }, from, candidate => {
      if (candidate.offset >= end) return false;
      const record = read(candidate);
      if (record === null) foreign++;
      else found = { offset: candidate.offset, record };
      return true;
    });
    if (found !== null || from <= start || back > MAX_FOREIGN) return { found, foreign };
  }
}

/**
 * The first record in a range that lies beyond something, by halving: whatever follows one that does must do so too.
 * `null` when none does.
 */
export async function firstWhich<Record>(
  connection: KafkaConnection,
  topic: string,
  { start, end }: Range,
  read: (record: ReadRecord) => Record | null,
  isBeyond: (record: Record) => boolean,
): Promise<Place<Record> | null> {
  let [low, high] = [start, end];
  let place: Place<Record> | null = null;
  while (low < high) {
    const middle = low + Math.floor((high - low) / 2);
    const next = await firstOfOurs(connection, topic, { start: middle, end: high }, read);
    if (next !== null && !isBeyond(next.record)) {
      low = next.offset + 1;
    } else {
      // Between the middle and the one that was found there is nothing of ours.
      high = middle;
      place = next ?? place;
    }
  }
  return place;
}

async function firstOfOurs<Record>(
  connection: KafkaConnection,
  topic: string,
  { start, end }: Range,
  read: (record: ReadRecord) => Record | null,
): Promise<Place<Record> | null> {
  let found: Place<Record> | null = null;
  await eachFrom(connection, { topic, partition: ONLY }, start, candidate => {
    if (candidate.offset >= end) return false;
    const record = read(candidate);
    if (record !== null) found = { offset: candidate.offset, record };
    return record === null;
  });
  return found;
}

/** Shows records one by one until `visit` has seen enough, or there are no more. */
async function eachFrom(
  connection: KafkaConnection,
  { topic, partition }: { readonly topic: string; readonly partition: number },
  from: number,
  visit: (record: ReadRecord) => boolean,
): Promise<void> {
  for (let next = from; ; ) {
    const { records, end } = await connection.fetch(topic, partition, next, ONE_BATCH);
    for (const record of records) {
      if (!visit(record)) return;
      next = record.offset + 1;
    }
    if (records.length === 0 || next >= end) return;
  }
}

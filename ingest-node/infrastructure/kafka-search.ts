/** Finding records in a partition without reading all of it. */
import type { KafkaConnection, ReadRecord } from './kafka-connection.ts';
import { ONLY } from './kafka-layout.ts';

export type Range = { readonly start: number; readonly end: number };

export type Place<Record> = { readonly offset: number; readonly record: Record };

/** The broker gives back the whole batch that an offset lies in, however little is asked for. */
const ONE_BATCH = { waitMs: 0, maxBytes: 1 };
const SOME_BATCHES = { waitMs: 0, maxBytes: 256 * 1024 };
/** So many records are looked at for the last one that counts, more when there is none among them. */
const LAST_RECORDS = 16;
/** How many records of others are stepped over in search of one of ours. */
const MAX_FOREIGN = 8_192;
/** Most readers are not far behind: what they ask for is looked for near the end first. */
const NEAR_RECORDS = 64;

/**
 * The last record in a range for which `read` has an answer; it is called in order, for some records before that one too.
 * `foreign` counts those for which it had none.
 */
export async function lastWhich<Record>(
  connection: KafkaConnection,
  topic: string,
  { start, end }: Range,
  read: (record: ReadRecord) => Record | null,
  partition: number = ONLY,
): Promise<{ readonly found: Place<Record> | null; readonly foreign: number }> {
  for (let back = LAST_RECORDS; ; back *= 8) {
    const from = Math.max(start, end - back);
    let found: Place<Record> | null = null;
    let foreign = 0;
    await eachFrom(connection, { topic, partition, ...SOME_BATCHES }, { start: from, end }, candidate => {
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
  const lookFrom = async (middle: number) => {
    const next = await firstOfOurs(connection, topic, { start: middle, end: high }, read);
    if (next !== null && !isBeyond(next.record)) {
      low = next.offset + 1;
    } else {
      // Between the middle and the one that was found there is nothing of ours.
      high = middle;
      place = next ?? place;
    }
  };
  for (let back = NEAR_RECORDS; low === start && end - back > start; back *= 8) await lookFrom(end - back);
  while (low < high) await lookFrom(low + Math.floor((high - low) / 2));
  return place;
}

async function firstOfOurs<Record>(
  connection: KafkaConnection,
  topic: string,
  range: Range,
  read: (record: ReadRecord) => Record | null,
): Promise<Place<Record> | null> {
  let found: Place<Record> | null = null;
  await eachFrom(connection, { topic, partition: ONLY, ...ONE_BATCH }, range, candidate => {
    const record = read(candidate);
    if (record !== null) found = { offset: candidate.offset, record };
    return record === null;
  });
  return found;
}

type Reading = {
  readonly topic: string;
  readonly partition: number;
  readonly waitMs: number;
  readonly maxBytes: number;
};

/** Shows the records of a range one by one until `visit` has seen enough, or there are no more. */
export async function eachFrom(
  connection: KafkaConnection,
  { topic, partition, waitMs, maxBytes }: Reading,
  { start, end }: Range,
  visit: (record: ReadRecord) => boolean,
): Promise<void> {
  for (let next = start; next < end; ) {
    const { records } = await connection.fetch(topic, partition, next, { waitMs, maxBytes });
    for (const record of records) {
      if (record.offset >= end || !visit(record)) return;
      next = record.offset + 1;
    }
    if (records.length === 0) return;
  }
}

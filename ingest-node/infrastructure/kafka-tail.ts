import { comparePositions, type Lineage, type Position } from '../../shared/wire/position.ts';
import type { KafkaConnection, ReadRecord } from './kafka-connection.ts';
import { endOf, leadsTo, ONLY, readStreamRecord, STREAM_TOPIC, type StreamRecord } from './kafka-layout.ts';
import { eachFrom, firstWhich, lastWhich, type Place } from './kafka-search.ts';

/** What the last record of the stream says of it. */
export type KafkaTail = {
  readonly writer: number;
  readonly position: Position | null;
  readonly lineage: Lineage;
  /** Offset of the record with which the unbroken history begins. */
  readonly start: number;
  /** Offset of the next record. */
  readonly end: number;
  /** Where to read on from `position`: before the end where parts of the next batch are there already. */
  readonly next: number;
};

/**
 * The end of the stream: one record says all, and what others have written behind it is stepped over. Rejects with `UNKNOWN_TOPIC_OR_PARTITION` where there is no such topic.
 * @param before the end as of that offset
 */
export async function readTail(
  connection: KafkaConnection,
  onFault: (fault: string) => void,
  before?: number,
): Promise<KafkaTail> {
  const [start, newest] = await Promise.all([connection.start(STREAM_TOPIC, ONLY), connection.end(STREAM_TOPIC, ONLY)]);
  const end = before ?? newest;
  let highest = 0;
  const { found, foreign } = await lastWhich(connection, STREAM_TOPIC, { start, end }, read => {
    const record = readStreamRecord(read);
    // A lower writer's record behind a higher one's is none (rule ORD2).
    if (record === null || record.writer < highest) return null;
    highest = record.writer;
    return record;
  });
  if (foreign > 0) onFault(`${STREAM_TOPIC} holds records that are none of ours`);
  if (found === null) return { writer: 0, position: null, lineage: [], start: end, end, next: end };
  const { offset, record } = found;
  const { writer, lineage, part, parts } = record;
  const next = part < parts ? offset - (part - 1) : end;
  return { writer, position: endOf(record), lineage, start: Math.max(record.start, start), end, next };
}

/** The first record of the unbroken history that brings it beyond a position; `null`: nothing does yet. */
export function findPlace(
  connection: KafkaConnection,
  position: Position,
  range: Pick<KafkaTail, 'start' | 'end'>,
): Promise<Place<StreamRecord> | null> {
  const isBeyond = (record: StreamRecord) => {
    const end = leadsTo(record);
    return end !== null && comparePositions(end, position) > 0;
  };
  return firstWhich(connection, STREAM_TOPIC, range, readGrowing, isBeyond);
}

/**
 * A fence is raised over what its writer has not seen yet, such as a write of its own that was never acknowledged: it may
 * say less than the record before it.
 */
function readGrowing(read: ReadRecord): StreamRecord | null {
  const record = readStreamRecord(read);
  return record?.type === 'fence' ? null : record;
}

/** The highest writer of the records in a range. */
export async function highestWriter(
  connection: KafkaConnection,
  range: { readonly start: number; readonly end: number },
): Promise<number> {
  let highest = 0;
  await eachFrom(connection, { topic: STREAM_TOPIC, partition: ONLY, waitMs: 0, maxBytes: 1 }, range, read => {
    highest = Math.max(highest, readStreamRecord(read)?.writer ?? 0);
    return true;
  });
  return highest;
}

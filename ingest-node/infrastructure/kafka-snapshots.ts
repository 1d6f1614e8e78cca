import type { Snapshot } from '../../shared/wire/messages.ts';
import { comparePositions, type Position } from '../../shared/wire/position.ts';
import type { KafkaConnection } from './kafka-connection.ts';
import { ONLY, readSnapshot, readSnapshotRecord, SNAPSHOT_TOPIC, type SnapshotRecord } from './kafka-layout.ts';
import { firstWhich, lastWhich } from './kafka-search.ts';

export type StoredSnapshot = { readonly position: Position; readonly parts: readonly Snapshot[] };

const READ = { waitMs: 0, maxBytes: 16 * 1024 * 1024 };

/** The newest state; `null` when there is none. */
export async function readNewestSnapshot(
  connection: KafkaConnection,
  onFault: (fault: string) => void,
): Promise<StoredSnapshot | null> {
  const { start, end: newest } = await rangeOf(connection);
  for (let end = newest; ; ) {
    const { found, foreign } = await lastWhich(connection, SNAPSHOT_TOPIC, { start, end }, readSnapshotRecord);
    if (foreign > 0) onFault(`${SNAPSHOT_TOPIC} holds records that are none of ours`);
    if (found === null) return null;
    const { offset, record } = found;
    if (record.part === record.parts) return readParts(connection, offset - record.parts + 1, record);
    // Others must follow, and may never: the one before is whole.
    end = offset - record.part + 1;
  }
}

/** The state at a position; `null` when it is not there, or not there any more. */
export async function readSnapshotAt(connection: KafkaConnection, position: Position): Promise<StoredSnapshot | null> {
  const isThere = (record: SnapshotRecord) => comparePositions(record.position, position) >= 0;
  const range = await rangeOf(connection);
  const found = await firstWhich(connection, SNAPSHOT_TOPIC, range, readSnapshotRecord, isThere);
  if (found === null || comparePositions(found.record.position, position) !== 0) return null;
  return readParts(connection, found.offset, found.record);
}

async function rangeOf(connection: KafkaConnection) {
  const [start, end] = await Promise.all([
    connection.start(SNAPSHOT_TOPIC, ONLY),
    connection.end(SNAPSHOT_TOPIC, ONLY),
  ]);
  return { start, end };
}

async function readParts(
  connection: KafkaConnection,
  offset: number,
  { position, parts }: SnapshotRecord,
): Promise<StoredSnapshot | null> {
  const found: Snapshot[] = [];
  for (let next = offset; found.length < parts; ) {
    const { records } = await connection.fetch(SNAPSHOT_TOPIC, ONLY, next, READ);
    if (records.length === 0) return null;
    for (const record of records.slice(0, parts - found.length)) {
      const part = readSnapshot(record.value);
      if (part?.epoch !== position.epoch || part.offset !== position.offset) return null;
      found.push(part);
      next = record.offset + 1;
    }
  }
  return { position, parts: found };
}

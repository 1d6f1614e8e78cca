/**
 * Where the stream lies in a Kafka. Every record says in its headers what it is, so that nobody has to read its value
 * to find a place:
 *
 * | topic | partitions | value | key | kept |
 * |---|---|---|---|---|
 * | `exchange.stream` | 1 | a message as on the wire: a batch, a part of one, a heartbeat | – | 1 h |
 * | `exchange.snapshot` | 1 | a message as on the wire: a part of a snapshot | number of the part | 1 h, and then the last of each part |
 * | `exchange.events` | 12 | one event | `exchange:symbol` | 1 h |
 *
 * Headers of `exchange.stream`: `type` (`batch`, `heartbeat`, `fence`, `gap`), `writer`, `epoch`, `first`, `next`, for parts
 * `part` and `parts`; `start`, the offset of the record with which the unbroken history begins; `lineage` as JSON, of the
 * epochs before `epoch`. With every record the path ends at `epoch`, `next - 1`, but with a part that others must follow at
 * `first - 1`; all but a batch bring it no further. The parts of a batch are neighbours, in one record batch of the broker
 * or, where the topic's `max.message.bytes` is too small for that, in several: then others may follow never.
 * Headers of `exchange.snapshot`: `writer`, `epoch`, `offset`, `part`, `parts`.
 */
import { decodeMessage } from '../../shared/wire/json-codec.ts';
import type { Batch, Snapshot } from '../../shared/wire/messages.ts';
import type { Lineage, Position } from '../../shared/wire/position.ts';
import type { KafkaRecord, ReadRecord, TopicPlan } from './kafka-connection.ts';

export const STREAM_TOPIC = 'exchange.stream';
export const SNAPSHOT_TOPIC = 'exchange.snapshot';
export const EVENTS_TOPIC = 'exchange.events';

/** The one partition of the stream and of its snapshots. */
export const ONLY = 0;

const HOUR_MS = 3_600_000;
/** A merged batch of four megabytes and its parts, or the state of every market, is one record batch of the broker. */
const MAX_BATCH_BYTES = 16 * 1024 * 1024;

/** Kept for an hour. In segments of minutes, because only whole ones are thrown away. */
const KEPT = {
  'cleanup.policy': 'delete',
  'retention.ms': `${HOUR_MS}`,
  'segment.ms': `${HOUR_MS / 6}`,
  'max.message.bytes': `${MAX_BATCH_BYTES}`,
};

export const STREAM_PLAN: TopicPlan = { topic: STREAM_TOPIC, partitions: 1, settings: KEPT };

/** A quiet market must not lose its last state, however old that is. */
export const SNAPSHOT_PLAN: TopicPlan = {
  topic: SNAPSHOT_TOPIC,
  partitions: 1,
  settings: {
    'cleanup.policy': 'compact',
    'min.compaction.lag.ms': `${HOUR_MS}`,
    'segment.ms': `${HOUR_MS / 6}`,
    'max.message.bytes': `${MAX_BATCH_BYTES}`,
  },
};

export function eventsPlan(partitions: number): TopicPlan {
  return { topic: EVENTS_TOPIC, partitions, settings: KEPT };
}

export type StreamRecordType = 'batch' | 'heartbeat' | 'fence' | 'gap';

export type StreamRecord = {
  readonly type: StreamRecordType;
  readonly writer: number;
  readonly epoch: number;
  readonly first: number;
  readonly next: number;
  readonly part: number;
  readonly parts: number;
  readonly start: number;
  readonly lineage: Lineage;
};

export function writeStreamRecord(record: StreamRecord, value: string | null): KafkaRecord {
  const { type, writer, epoch, first, next, part, parts, start, lineage } = record;
  const headers = {
    type,
    writer: `${writer}`,
    epoch: `${epoch}`,
    first: `${first}`,
    next: `${next}`,
    start: `${start}`,
    lineage: JSON.stringify(lineage),
    ...(parts > 1 ? { part: `${part}`, parts: `${parts}` } : {}),
  };
  return { key: null, value, headers };
}

/** `null` when it is none of ours. */
export function readStreamRecord({ headers }: ReadRecord): StreamRecord | null {
  const { type } = headers;
  const lineage = readLineage(headers['lineage']);
  const [writer, epoch, first, next, start, part, parts] = [
    count(headers['writer']),
    count(headers['epoch']),
    count(headers['first']),
    count(headers['next']),
    count(headers['start']),
    count(headers['part'] ?? '1'),
    count(headers['parts'] ?? '1'),
  ];
  if (type !== 'batch' && type !== 'heartbeat' && type !== 'fence' && type !== 'gap') return null;
  if (writer === null || epoch === null || first === null || next === null || start === null) return null;
  if (part === null || parts === null || lineage === null || next < 1) return null;
  return { type, writer, epoch, first, next, part, parts, start, lineage };
}

/** Where the path ends with a record; `null` where it held nothing. */
export function endOf(record: StreamRecord): Position | null {
  const { epoch, first, part, parts } = record;
  return part < parts ? placeAt(epoch, first - 1) : leadsTo(record);
}

/** Where the path ends with a record and, if it is a part of a batch, the others. */
export function leadsTo({ epoch, next }: Pick<StreamRecord, 'epoch' | 'next'>): Position | null {
  return placeAt(epoch, next - 1);
}

function placeAt(epoch: number, offset: number): Position | null {
  return epoch === 0 ? null : { epoch, offset };
}

/** What an encoded batch says of itself before its events. */
export function headOf(message: string): Pick<Batch, 'epoch' | 'first' | 'next' | 'part' | 'parts' | 'lineage'> {
  const events = message.indexOf('"events":');
  return JSON.parse(`${message.slice(0, events)}"events":[]}`);
}

export function readBatch(value: string | null): Batch | null {
  const decoded = value === null ? null : decodeMessage(value);
  return decoded?.ok === true && decoded.message.type === 'batch' ? decoded.message : null;
}

export type SnapshotRecord = {
  readonly writer: number;
  readonly position: Position;
  readonly part: number;
  readonly parts: number;
};

export function writeSnapshotRecord({ writer, position, part, parts }: SnapshotRecord, value: string): KafkaRecord {
  const { epoch, offset } = position;
  const numbers = { writer, epoch, offset, part, parts };
  const headers = Object.fromEntries(Object.entries(numbers).map(([name, number]) => [name, `${number}`]));
  return { key: `${part}`, value, headers };
}

/** `null` when it is none of ours. */
export function readSnapshotRecord({ headers }: ReadRecord): SnapshotRecord | null {
  const [writer, epoch, offset, part, parts] = ['writer', 'epoch', 'offset', 'part', 'parts'].map(name =>
    count(headers[name]),
  );
  if (writer == null || epoch == null || offset == null || part == null || parts == null) return null;
  return part < 1 || part > parts ? null : { writer, position: { epoch, offset }, part, parts };
}

export function readSnapshot(value: string | null): Snapshot | null {
  const decoded = value === null ? null : decodeMessage(value);
  return decoded?.ok === true && decoded.message.type === 'snapshot' ? decoded.message : null;
}

function count(text: string | undefined): number | null {
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : null;
}

function readLineage(text: string | undefined): Lineage | null {
  const message = `{"type":"batch","writer":1,"epoch":1,"first":1,"next":1,"lineage":${text},"events":[]}`;
  return readBatch(message)?.lineage ?? null;
}

/**
 * Record batches that a broker takes. It refuses one that is larger than the topic's `max.message.bytes`, so what is too
 * large together goes in pieces, and a message that is too large alone goes in more and smaller parts.
 */
import { withEvents } from '../../shared/stream/parts.ts';
import type { KafkaRecord } from './kafka-connection.ts';

/** https://kafka.apache.org/documentation/#recordbatch: what stands before the records. */
const BATCH_HEAD_BYTES = 61;
/** Of one record: its length, attributes, time, place in the batch, and how many headers it has. */
const RECORD_HEAD_BYTES = 14;
/** Before each key, value, or header's name: its length, of at most four bytes. */
const LENGTH_BYTES = 4;

/** Size of records as one batch of the broker; it may be a few bytes less. */
export function batchBytes(records: readonly KafkaRecord[]): number {
  return records.reduce((sum, record) => sum + recordBytes(record), BATCH_HEAD_BYTES);
}

/** The records in order, in batches within a size, but for a record that is larger and cannot be divided. */
export function piecesWithin(records: readonly KafkaRecord[], maxBytes: number): KafkaRecord[][] {
  const small = messagesOf(records).flatMap(message => inSmallerParts(message, maxBytes));
  return grouped(small, recordBytes, maxBytes - BATCH_HEAD_BYTES);
}

/** Whether records cannot be written in more and smaller pieces. */
export function isIndivisible(records: readonly KafkaRecord[]): boolean {
  return records.length === 1 && eventsOf(records[0]!).length < 2;
}

/** Neighbours of which each is a part of the same message. */
function messagesOf(records: readonly KafkaRecord[]): KafkaRecord[][] {
  const messages = new Map<string, KafkaRecord[]>();
  for (const record of records) {
    const { part, parts, ...common } = record.headers;
    const key = JSON.stringify(common);
    messages.set(key, [...(messages.get(key) ?? []), record]);
  }
  return [...messages.values()];
}

function inSmallerParts(message: readonly KafkaRecord[], maxBytes: number): readonly KafkaRecord[] {
  if (message.every(record => batchBytes([record]) <= maxBytes)) return message;
  const texts = message.flatMap(eventsOf).map(event => JSON.stringify(event));
  if (texts.length < 2) return message;
  const room = maxBytes - batchBytes([partOf(message[0]!, [], texts.length, texts.length)]);
  const parts = grouped(texts, text => Buffer.byteLength(text) + 1, room);
  return parts.map((part, index) => partOf(message[0]!, part, index + 1, parts.length));
}

function partOf(
  { key, value, headers }: KafkaRecord,
  texts: readonly string[],
  part: number,
  parts: number,
): KafkaRecord {
  const { events, ...envelope } = JSON.parse(value ?? '{}');
  return {
    key: key === null ? null : `${part}`,
    value: withEvents({ ...envelope, part, parts }, texts.join(',')),
    headers: { ...headers, part: `${part}`, parts: `${parts}` },
  };
}

function eventsOf({ value }: KafkaRecord): readonly unknown[] {
  return value === null ? [] : JSON.parse(value).events;
}

function recordBytes({ key, value, headers }: KafkaRecord): number {
  const texts = [key ?? '', value ?? '', ...Object.entries(headers).flat()];
  return texts.reduce((sum, text) => sum + LENGTH_BYTES + Buffer.byteLength(text), RECORD_HEAD_BYTES);
}

/** Neighbours whose sizes add up to no more than a maximum; one that is larger is a group of its own. */
function grouped<Item>(items: readonly Item[], sizeOf: (item: Item) => number, maxBytes: number): Item[][] {
  const groups: Item[][] = [];
  let leftBytes = 0;
  for (const item of items) {
    const bytes = sizeOf(item);
    if (groups.length === 0 || bytes > leftBytes) {
      groups.push([]);
      leftBytes = maxBytes;
    }
    groups.at(-1)!.push(item);
    leftBytes -= bytes;
  }
  return groups;
}

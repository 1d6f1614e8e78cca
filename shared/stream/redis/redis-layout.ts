/**
 * Where the stream lies in a Redis:
 *
 * | key | type | |
 * |---|---|---|
 * | `exchange.stream` | channel | every message as on the wire: batches (large ones in parts) and heartbeats |
 * | `exchange.history` | stream | id `{epoch}-{next-1}`; fields `writer`, then `part` once for each message of the batch |
 * | `exchange.snapshot` | hash | `writer epoch offset lineage parts` and the messages `1`…`parts` |
 * | `exchange.epoch` | string | highest writer: the fence |
 *
 * History covers the last 60 s, and everything since the snapshot. To resume from `{e, o}`: `XRANGE exchange.history (e-o +`.
 */
import { decodeMessage } from '../../wire/json-codec.ts';
import type { Batch, Snapshot } from '../../wire/messages.ts';
import type { Lineage, Position } from '../../wire/position.ts';
import type { RedisReply } from './redis-connection.ts';

export const STREAM_CHANNEL = 'exchange.stream';
export const HISTORY_KEY = 'exchange.history';
export const SNAPSHOT_KEY = 'exchange.snapshot';
export const FENCE_KEY = 'exchange.epoch';

export function entryId({ epoch, offset }: Position): string {
  return `${epoch}-${offset}`;
}

export function positionOfEntry(id: RedisReply | undefined): Position | null {
  const numbers = typeof id === 'string' ? /^(\d{1,15})-(\d{1,15})$/.exec(id) : null;
  return numbers === null ? null : { epoch: Number(numbers[1]), offset: Number(numbers[2]) };
}

/** A whole number as Redis says it; `null` when it is none. */
export function wholeNumber(reply: RedisReply | undefined): number | null {
  const text = typeof reply === 'number' ? String(reply) : reply;
  return typeof text === 'string' && /^\d{1,15}$/.test(text) ? Number(text) : null;
}

export type HistoryEntry = { readonly id: string; readonly batches: readonly Batch[] | null };

/** One entry of `XRANGE`; `batches` is `null` when it is none of ours. */
export function readEntry(reply: RedisReply): HistoryEntry {
  const [id, fields] = Array.isArray(reply) ? reply : [];
  const text = typeof id === 'string' ? id : '';
  if (positionOfEntry(text) === null || !Array.isArray(fields)) return { id: text, batches: null };
  const batches: Batch[] = [];
  for (let index = 2; index < fields.length; index += 2) {
    const batch = fields[index] === 'part' ? readBatch(fields[index + 1]) : null;
    if (batch === null) return { id: text, batches: null };
    batches.push(batch);
  }
  return { id: text, batches: batches.length === 0 ? null : batches };
}

export function readBatch(reply: RedisReply | undefined): Batch | null {
  const decoded = typeof reply === 'string' ? decodeMessage(reply) : null;
  return decoded?.ok === true && decoded.message.type === 'batch' ? decoded.message : null;
}

export type SnapshotHead = { readonly position: Position; readonly lineage: Lineage; readonly parts: number };

export const SNAPSHOT_HEAD_FIELDS = ['epoch', 'offset', 'lineage', 'parts'] as const;

/** The answer to `HMGET` of {@link SNAPSHOT_HEAD_FIELDS}; `null` when there is none, `'garbage'` when it is none. */
export function readSnapshotHead(reply: readonly RedisReply[]): SnapshotHead | null | 'garbage' {
  const [epoch, offset, lineageText, parts] = reply;
  if (epoch === null && offset === null) return null;
  const numbers = [epoch, offset, parts].map(wholeNumber);
  const lineage = readLineage(lineageText);
  if (numbers.includes(null) || lineage === null) return 'garbage';
  return { position: { epoch: numbers[0]!, offset: numbers[1]! }, parts: numbers[2]!, lineage };
}

export function readLineage(reply: RedisReply | undefined): Lineage | null {
  // The codec knows what a lineage is; it is asked about one in the smallest message that has one.
  const decoded = decodeMessage(
    `{"type":"batch","writer":1,"epoch":1,"first":1,"next":1,"lineage":${reply},"events":[]}`,
  );
  return decoded.ok && decoded.message.type === 'batch' ? (decoded.message.lineage ?? null) : null;
}

export function readSnapshotPart(reply: RedisReply | undefined): Snapshot | null {
  const decoded = typeof reply === 'string' ? decodeMessage(reply) : null;
  return decoded?.ok === true && decoded.message.type === 'snapshot' ? decoded.message : null;
}

/**
 * Ids of stream entries, `milliseconds-sequence`, two unsigned 64-bit numbers: here one number, so that they compare.
 * Parsing takes what Redis takes and refuses in its words.
 */
import { ReplyError } from '../reply.ts';

export type StreamId = bigint;

const PART_MAX = 2n ** 64n - 1n;
export const MIN_ID: StreamId = 0n;
export const MAX_ID: StreamId = 2n ** 128n - 1n;

export function streamId(milliseconds: bigint, sequence: bigint): StreamId {
  return (milliseconds << 64n) | sequence;
}

export function millisecondsOf(id: StreamId): bigint {
  return id >> 64n;
}

export function formatId(id: StreamId): string {
  return `${id >> 64n}-${id & PART_MAX}`;
}

/** A full id; `5` is `5-0`, or ends with the `sequence` given for what is missing. */
export function parseId(text: string, sequence = 0n): StreamId {
  const dash = text.indexOf('-');
  const milliseconds = parsePart(dash === -1 ? text : text.slice(0, dash));
  return streamId(milliseconds, dash === -1 ? sequence : parsePart(text.slice(dash + 1)));
}

/** Either end of a range: `-` and `+` are the ends of everything, `(` leaves the id itself out. */
export function parseRangeEnd(text: string, end: 'start' | 'end'): StreamId {
  const missing = end === 'start' ? 0n : PART_MAX;
  if (text === '-') return MIN_ID;
  if (text === '+') return MAX_ID;
  if (!text.startsWith('(')) return parseId(text, missing);
  const id = parseId(text.slice(1), missing);
  if (id === (end === 'start' ? MAX_ID : MIN_ID)) throw new ReplyError(`ERR invalid ${end} ID for the interval`);
  return end === 'start' ? id + 1n : id - 1n;
}

/** What XADD was asked to use: an id, only its milliseconds (`5-*`), or the time (`*`). */
export type RequestedId =
  | { readonly kind: 'full'; readonly id: StreamId }
  | { readonly kind: 'milliseconds'; readonly milliseconds: bigint }
  | { readonly kind: 'now' };

export function parseRequestedId(text: string): RequestedId {
  if (text === '*') return { kind: 'now' };
  if (text.endsWith('-*')) return { kind: 'milliseconds', milliseconds: parsePart(text.slice(0, -2)) };
  return { kind: 'full', id: parseId(text) };
}

function parsePart(text: string): bigint {
  const value = /^\s*\+?\d+$/.test(text) ? BigInt(text.trim().replace('+', '')) : null;
  if (value === null || value > PART_MAX) {
    throw new ReplyError('ERR Invalid stream ID specified as stream command argument');
  }
  return value;
}

/**
 * The readable wire: one JSON object per message. Decoding checks the envelope, which decides order and position;
 * event bodies are the sender's promise and are only required to be objects with a type and an offset.
 */
import type { MarketEvent } from '../model/market-event.ts';
import type { Batch, ServerMessage } from './messages.ts';
import type { Lineage } from './position.ts';

export type Decoded =
  | { readonly ok: true; readonly message: ServerMessage }
  /** A message of a later version: to be passed over. */
  | { readonly ok: false; readonly reason: 'unknownType' }
  | { readonly ok: false; readonly reason: 'malformed'; readonly detail: string };

export function encodeMessage(message: ServerMessage): string {
  return JSON.stringify(message);
}

/**
 * A heartbeat at a position: everything up to it has been sent on this path (rule HB1). At offset 0 it should carry the
 * `lineage`: whoever stands at the end of the epoch before would otherwise take the new epoch for a hole.
 */
export function heartbeatAt(writer: number, epoch: number, offset: number, lineage?: Lineage): Batch {
  return {
    type: 'batch',
    writer,
    epoch,
    first: offset + 1,
    next: offset + 1,
    ...(lineage === undefined ? {} : { lineage }),
    events: [],
  };
}

export function isHeartbeat(batch: Batch): boolean {
  return batch.first === batch.next;
}

export function decodeMessage(text: string): Decoded {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return malformed('not JSON');
  }
  if (!isRecord(value)) return malformed('not an object');
  switch (value['type']) {
    case 'hello':
      return areCounts(value, 'protocol', 'epoch', 'offset') &&
        typeof value['server'] === 'string' &&
        isCut(value['cut']) &&
        isLineage(value['lineage'])
        ? accept(value)
        : malformed('hello');
    case 'snapshot':
      return areCounts(value, 'epoch', 'offset', 'part', 'parts') &&
        isPartOf(value['part'], value['parts']) &&
        isReason(value['reason']) &&
        typeof value['recovered'] === 'boolean' &&
        isLineage(value['lineage']) &&
        areEvents(value['events'])
        ? accept(value)
        : malformed('snapshot');
    case 'batch':
      return areCounts(value, 'writer', 'epoch', 'first', 'next') &&
        isRange(value['first'], value['next']) &&
        (value['parts'] === undefined || isPartOf(value['part'], value['parts'])) &&
        (value['lineage'] === undefined || isLineage(value['lineage'])) &&
        areEvents(value['events']) &&
        areWithin(value['events'], value['first'] as number, value['next'] as number)
        ? accept(value)
        : malformed('batch');
    case 'status':
      return (value['upstream'] === 'live' || value['upstream'] === 'seeking') && Number.isFinite(value['since'])
        ? accept(value)
        : malformed('status');
    default:
      return typeof value['type'] === 'string' ? { ok: false, reason: 'unknownType' } : malformed('no type');
  }
}

function accept(value: Record<string, unknown>): Decoded {
  return { ok: true, message: value as unknown as ServerMessage };
}

function malformed(detail: string): Decoded {
  return { ok: false, reason: 'malformed', detail };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function areCounts(record: Record<string, unknown>, ...names: string[]): boolean {
  return names.every(name => isCount(record[name]));
}

function isRange(first: unknown, next: unknown): boolean {
  return (first as number) >= 1 && (next as number) >= (first as number);
}

function isPartOf(part: unknown, parts: unknown): boolean {
  return isCount(part) && isCount(parts) && part >= 1 && part <= parts;
}

function isCut(value: unknown): boolean {
  return value === 'full' || value === 'lite';
}

function isReason(value: unknown): boolean {
  return value === 'initial' || value === 'lost' || value === 'diverged';
}

function isLineage(value: unknown): boolean {
  return Array.isArray(value) && value.every(entry => isRecord(entry) && areCounts(entry, 'epoch', 'end'));
}

function areEvents(value: unknown): value is MarketEvent[] {
  return (
    Array.isArray(value) &&
    value.every(event => isRecord(event) && isCount(event['offset']) && typeof event['type'] === 'string')
  );
}

/** Rule ORD1 begins here: offsets rise, and within what the batch says that it covers. */
function areWithin(events: readonly MarketEvent[], first: number, next: number): boolean {
  let least = first;
  for (const { offset } of events) {
    if (offset < least || offset >= next) return false;
    least = offset + 1;
  }
  return true;
}

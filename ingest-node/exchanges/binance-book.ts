/**
 * Binance's books from their changes, by the exchange's own rule. The steps below carry its numbers.
 * https://github.com/binance/binance-spot-api-docs/blob/master/web-socket-streams.md#how-to-manage-a-local-order-book-correctly
 *
 * 1. Open the stream `<symbol>@depth@100ms` and buffer what it sends. Note `U` of the first event.
 * 2. Get a snapshot. If its `lastUpdateId` is below that `U`, get another one.
 * 3. Of the buffer, discard events whose `u` is not above `lastUpdateId`. The first one left must have `lastUpdateId`
 *    within its `U` to `u`; we read `U` = `lastUpdateId` + 1 as contiguous too.
 * 4. For every event: `u` below the local id, ignore it; `U` above the local id + 1, something was missed, discard the
 *    book and start over. Otherwise set each level to its quantity, 0 removes it, and the local id becomes `u`.
 * 5. Levels behind the last one of the snapshot are unknown until they change.
 *
 * Steps 3 and 4 are one question about an event and a local id, and `judge` answers it. Steps 1, 2 and 5 are kept by
 * whoever builds the book.
 */

import { type Decimal, isNegative, isPositive, isZero } from '../../shared/model/decimal.ts';
import type { Instrument } from '../../shared/model/instrument.ts';
import type { Level } from '../../shared/model/market-event.ts';
import type { FrameNode } from '../conversion/frame-reader.ts';
import { type LosslessValue, parseLosslessJson } from '../conversion/lossless-json.ts';
import { binanceFrame } from './binance-frame.ts';
import { rejection } from './conversion-builder.ts';
import type { BookDelta, BookSnapshotResult, DeltaBookRules, DeltaVerdict, Rejection } from './exchange-adapter.ts';
import { decimalOf, describe, FieldReader, isRecord } from './field-reader.ts';
import { describeNode, FrameFields } from './frame-fields.ts';

const { frame, KEYS } = binanceFrame;
/** Used again for each record. */
const fields = new FrameFields(frame);

/** The stream that replaces `depth20` for books built from changes. */
export const DELTA_STREAM = 'depth@100ms';

/**
 * 1000 levels a side cost 50 of 6000 a minute, 5000 cost 250: with 1000 all of fifty books fit into half of a minute's
 * limit. We publish fifteen levels, and a book whose known part runs short gets a new snapshot.
 * https://github.com/binance/binance-spot-api-docs/blob/master/rest-api.md#order-book
 */
const SNAPSHOT_LEVELS = 1000;
const SNAPSHOT_WEIGHT = 50;

export const binanceDeltaBooks: DeltaBookRules = {
  snapshot: {
    path: nativeCode => `/api/v3/depth?symbol=${encodeURIComponent(nativeCode)}&limit=${SNAPSHOT_LEVELS}`,
    levels: SNAPSHOT_LEVELS,
    group: 'weight',
    weight: SNAPSHOT_WEIGHT,
    parse: parseSnapshot,
  },
  judge,
};

/** Steps 3 and 4. An event whose `u` is the local id changes nothing any more. */
function judge({ first, last }: Pick<BookDelta, 'first' | 'last'>, sequence: number): DeltaVerdict {
  if (last <= sequence) return 'ignore';
  return first > sequence + 1 ? 'gap' : 'apply';
}

/** A `depthUpdate` record. Zero sizes stay: they say that a level is gone. */
export function toBookDelta(data: FrameNode, { symbol, nativeCode }: Instrument): BookDelta | Rejection {
  fields.begin(data);
  const exchangeTime = fields.optionalTime(KEYS.E, 'ms');
  const [first, last] = [sequenceOf(fields.id(KEYS.U)), sequenceOf(fields.id(KEYS.u))];
  const [bids, asks] = [changesIn(frame.member(data, KEYS.b)), changesIn(frame.member(data, KEYS.a))];
  if (fields.fault !== null) return rejection('depthUpdate', 'invalidField', fields.fault);
  if (first === null || last === null || last < first) {
    const [from, to] = [KEYS.U, KEYS.u].map(key => describeNode(frame, frame.member(data, key)));
    return rejection('depthUpdate', 'invalidField', `U: ${from}, u: ${to}`);
  }
  if (bids === null || asks === null) {
    return rejection('depthUpdate', 'invalidField', `levels of ${bids === null ? 'b' : 'a'}`);
  }
  return { symbol, nativeCode, exchangeTime, first, last, bids, asks };
}

/** The levels of one side; `null` when one of them is no level: those around it cannot be trusted either. */
function changesIn(rows: FrameNode): Level[] | null {
  if (!frame.isArray(rows)) return null;
  const levels: Level[] = [];
  for (let row = frame.first(rows), end = frame.end(rows); row < end; row = frame.next(row)) {
    const level = levelOf(frame.decimal(frame.item(row, 0)), frame.decimal(frame.item(row, 1)));
    if (level === null) return null;
    levels.push(level);
  }
  return levels;
}

function parseSnapshot(body: Uint8Array): BookSnapshotResult {
  const parsed = parseLosslessJson(body);
  if (!parsed.ok) return { ok: false, reason: `not JSON: ${parsed.reason}` };
  const data = parsed.value;
  if (!isRecord(data)) return { ok: false, reason: `not a snapshot: ${describe(data)}` };
  const fields = new FieldReader(data);
  const sequence = sequenceOf(fields.id('lastUpdateId'));
  if (fields.fault !== null || sequence === null)
    return { ok: false, reason: fields.fault ?? 'lastUpdateId too large' };
  const [bids, asks] = [readLevels(data['bids']), readLevels(data['asks'])];
  if (bids === null || asks === null) return { ok: false, reason: 'levels that are none' };
  const hasZero = [...bids, ...asks].some(([, size]) => isZero(size));
  return hasZero ? { ok: false, reason: 'a level of size 0' } : { ok: true, snapshot: { sequence, bids, asks } };
}

/** Exact or not at all; ids are below 2^37 today. */
function sequenceOf(id: string): number | null {
  const sequence = Number(id);
  return Number.isSafeInteger(sequence) ? sequence : null;
}

/** The same out of a REST body. */
function readLevels(value: LosslessValue | undefined): Level[] | null {
  if (!Array.isArray(value)) return null;
  const levels: Level[] = [];
  for (const row of value) {
    const level = Array.isArray(row) ? levelOf(decimalOf(row[0]), decimalOf(row[1])) : null;
    if (level === null) return null;
    levels.push(level);
  }
  return levels;
}

function levelOf(price: Decimal | null, size: Decimal | null): Level | null {
  if (price === null || size === null || !isPositive(price) || isNegative(size)) return null;
  return [price, size];
}

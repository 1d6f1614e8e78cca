/**
 * `exchange.events`, for other services: one record for each event, its value the event as JSON and its key
 * `exchange:symbol`, so that everything of an instrument lies in one partition in order. A feed's state is keyed by the
 * exchange alone.
 *
 * | header | |
 * |---|---|
 * | `type` | of the event, or `stream-gap` |
 * | `epoch`, `offset` | its position: whoever drops what is not above the last one of its partition has each event once |
 * | `exchange`, `symbol` | as in the event; no `symbol` for a feed's state |
 * | `writer` | epoch of the leader that wrote the record |
 * | `since` | `epoch-offset` up to which every partition had everything when it was written |
 * | `state` | present when it is no news: the last known value of what was missed in a gap, to be taken at any position |
 *
 * A `stream-gap` stands in every partition, without a key, where events were lost; its value is `{"from":{…},"to":{…}}`,
 * its position that of `to`. The values that were missed in it follow as `state`.
 */
import type { MarketEvent } from '../../shared/model/market-event.ts';
import type { Position } from '../../shared/wire/position.ts';
import type { KafkaRecord, ReadRecord } from './kafka-connection.ts';

export const GAP_TYPE = 'stream-gap';

/** Who writes, and what had arrived before. */
export type Writing = { readonly writer: number; readonly since: Position };

export function keyOf({ exchange, symbol }: MarketEvent): string {
  return symbol === null ? exchange : `${exchange}:${symbol}`;
}

export function writeEvent(event: MarketEvent, epoch: number, writing: Writing): KafkaRecord {
  const { type, offset, exchange, symbol } = event;
  const headers = { type, ...common({ epoch, offset }, writing), exchange, ...(symbol === null ? {} : { symbol }) };
  return { key: keyOf(event), value: JSON.stringify(event), headers };
}

export function writeState(event: MarketEvent, at: Position, writing: Writing): KafkaRecord {
  const record = writeEvent(event, at.epoch, writing);
  return { ...record, headers: { ...record.headers, ...common(at, writing), state: 'true' } };
}

export function writeGap(from: Position, to: Position, writing: Writing): KafkaRecord {
  return { key: null, value: JSON.stringify({ from, to }), headers: { type: GAP_TYPE, ...common(to, writing) } };
}

/** Up to where every partition had everything when a record was written; `null` when it is none of ours. */
export function sinceOf({ headers }: ReadRecord): Position | null {
  const numbers = /^(\d{1,15})-(\d{1,15})$/.exec(headers['since'] ?? '');
  return numbers === null ? null : { epoch: Number(numbers[1]), offset: Number(numbers[2]) };
}

function common({ epoch, offset }: Position, { writer, since }: Writing) {
  return {
    epoch: `${epoch}`,
    offset: `${offset}`,
    writer: `${writer}`,
    since: `${since.epoch}-${since.offset}`,
  };
}

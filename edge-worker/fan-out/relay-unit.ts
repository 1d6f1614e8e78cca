import type { MarketEvent } from '../../shared/model/market-event.ts';
import { mergedMessages } from '../../shared/stream/cursor.ts';
import type { RingEntry } from '../../shared/stream/history-ring.ts';
import { encodeMessage } from '../../shared/wire/json-codec.ts';
import { type Batch, CUTS, type Cut, isInCut, MAX_PART_BYTES } from '../../shared/wire/messages.ts';
import type { Lineage } from '../../shared/wire/position.ts';

/**
 * What crosses from the hub to its shards as one indivisible thing: a batch, in every cut, in the very messages that
 * browsers receive. Because one relay message holds all of it, a shard never has half a batch, however it dies.
 */
export type RelayUnit = {
  readonly epoch: number;
  readonly first: number;
  readonly next: number;
  /** Present on the first batch of an epoch. */
  readonly lineage?: Lineage;
  /** Encoded messages of each cut, in order; `lite` is the same array where the cut leaves nothing out. */
  readonly messages: Readonly<Record<Cut, readonly string[]>>;
};

/** The most history that one unit covers: with both cuts it stays well below a mebibyte. */
const MAX_UNIT_BYTES = 384 * 1024;

/** UTF-16 units that a relay unit occupies, which is bytes nearly always. */
export function unitBytes({ messages }: RelayUnit): number {
  let bytes = 0;
  for (const cut of CUTS) {
    if (cut !== 'full' && messages[cut] === messages.full) continue;
    for (const text of messages[cut]) bytes += text.length;
  }
  return bytes;
}

/**
 * Merges adjacent sealed batches into as few units as epochs and the size bound allow, each encoded once per cut
 * (rules CNF1 and CUT1).
 */
export function buildUnits(batches: readonly Batch[]): RelayUnit[] {
  const units: RelayUnit[] = [];
  let group: RingEntry[] = [];
  let bytes = 0;
  for (const batch of batches) {
    const entry = { batch, bytes: roughBytes(batch), at: 0 };
    const isFull = bytes + entry.bytes > MAX_UNIT_BYTES || group[0]?.batch.epoch !== batch.epoch;
    if (group.length > 0 && isFull) {
      units.push(buildUnit(group));
      group = [];
      bytes = 0;
    }
    group.push(entry);
    bytes += entry.bytes;
  }
  if (group.length > 0) units.push(buildUnit(group));
  return units;
}

function buildUnit(entries: readonly RingEntry[]): RelayUnit {
  const first = entries[0]!.batch;
  const last = entries.at(-1)!.batch;
  const full = encodeCut(entries, 'full');
  const isSame = entries.every(({ batch }) => batch.events.every(event => isInCut(event, 'lite')));
  return {
    epoch: first.epoch,
    first: first.first,
    next: last.next,
    ...(first.lineage === undefined ? {} : { lineage: first.lineage }),
    messages: { full, lite: isSame ? full : encodeCut(entries, 'lite') },
  };
}

function encodeCut(entries: readonly RingEntry[], cut: Cut): string[] {
  const [only] = entries;
  if (entries.length === 1 && only!.bytes < MAX_PART_BYTES / 2) {
    const { batch } = only!;
    return [
      encodeMessage(cut === 'full' ? batch : { ...batch, events: batch.events.filter(event => isInCut(event, cut)) }),
    ];
  }
  return mergedMessages(entries, cut);
}

/** An estimate that is cheap and rather too high than too low: only grouping depends on it. */
function roughBytes({ events }: Batch): number {
  let bytes = 256;
  for (const event of events) bytes += roughEventBytes(event);
  return bytes;
}

function roughEventBytes(event: MarketEvent): number {
  return event.type === 'orderBook' ? 256 + (event.bids.length + event.asks.length) * 40 : 400;
}

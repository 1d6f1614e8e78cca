/**
 * What was published, put together from what several clients heard on different nodes: nobody asks the nodes themselves.
 * What only one of them heard counts; where two heard different things, that is a fault.
 */
import type { MarketEvent } from '../../shared/model/market-event.ts';
import type { Batch, Snapshot } from '../../shared/wire/messages.ts';
import { comparePositions, type Lineage } from '../../shared/wire/position.ts';
import type { Observer } from './heard-message.ts';
import type { SealedBatch } from './stream-reference.ts';

export type ObservedEpoch = {
  readonly epoch: number;
  /** When anybody heard the first of it, by the observers' clock: a heartbeat, a batch, a trade; `null`: never. */
  readonly firstRecordAt: number | null;
  readonly firstBatchAt: number | null;
  readonly firstTradeAt: number | null;
  /** Its last offset by the lineage; `null` while it lasts. */
  readonly end: number | null;
};

export type ObservedStream = {
  readonly published: readonly SealedBatch[];
  /** What lies beyond the end that the successors know. */
  readonly deposed: readonly SealedBatch[];
  readonly epochs: readonly ObservedEpoch[];
  readonly faults: readonly string[];
  /** Offsets that nobody heard: conflated for everybody, or lost. */
  readonly unheard: number;
};

type Term = {
  readonly epoch: number;
  readonly events: Map<number, MarketEvent>;
  readonly bounds: Set<number>;
  last: number;
  firstRecordAt: number | null;
  firstBatchAt: number | null;
  firstTradeAt: number | null;
};

export function observedStream(observers: readonly Observer[]): ObservedStream {
  const faults: string[] = [];
  const ends = new Map<number, number>();
  const terms = new Map<number, Term>();
  let founding: Snapshot | null = null;

  for (const { name, heard } of observers) {
    for (const { at, message } of heard) {
      if (message.type === 'status') continue;
      if (message.lineage !== undefined) learn(name, message.lineage);
      if (message.type === 'batch') hear(name, at, message);
      if (message.type === 'snapshot' && isEarlier(message, founding)) founding = message;
    }
  }

  const published: SealedBatch[] = [];
  const deposed: SealedBatch[] = [];
  const known = [...terms.values()].sort((a, b) => a.epoch - b.epoch);
  let unheard = 0;
  for (const term of known) {
    if (founding !== null && term.epoch < founding.epoch) continue;
    const isFounding = founding !== null && term.epoch === founding.epoch;
    // What was there before anybody listened: the state that the first of them was given.
    if (isFounding && founding!.offset > 0) {
      const { epoch, offset, events } = founding!;
      published.push({ epoch, first: 1, next: offset + 1, events });
    }
    const start = isFounding ? founding!.offset : 0;
    const end = ends.get(term.epoch) ?? term.last;
    unheard += split(term, start, end, published);
    split(term, end, term.last, deposed);
  }

  const epochs = known.map(({ epoch, firstRecordAt, firstBatchAt, firstTradeAt }) => {
    return { epoch, firstRecordAt, firstBatchAt, firstTradeAt, end: ends.get(epoch) ?? null };
  });
  return { published, deposed, epochs, faults, unheard };

  function learn(name: string, lineage: Lineage): void {
    for (const { epoch, end } of lineage) {
      const other = ends.get(epoch);
      if (other !== undefined && other !== end)
        faults.push(`${name} heard that ${epoch} ends at ${end}, not at ${other}`);
      ends.set(epoch, end);
    }
  }

  function hear(name: string, at: number, { epoch, first, next, events }: Batch): void {
    let term = terms.get(epoch);
    if (term === undefined) {
      const never = { firstRecordAt: null, firstBatchAt: null, firstTradeAt: null };
      term = { epoch, events: new Map(), bounds: new Set(), last: 0, ...never };
      terms.set(epoch, term);
    }
    term.firstRecordAt = earlier(term.firstRecordAt, at);
    if (first === next) return;
    term.firstBatchAt = earlier(term.firstBatchAt, at);
    term.bounds.add(next - 1);
    term.last = Math.max(term.last, next - 1);
    for (const event of events) {
      if (event.type === 'trade') term.firstTradeAt = earlier(term.firstTradeAt, at);
      const same = term.events.get(event.offset);
      if (same === undefined) term.events.set(event.offset, event);
      else if (JSON.stringify(same) !== JSON.stringify(event)) {
        faults.push(
          `${name} heard another ${epoch}:${event.offset}: ${JSON.stringify(event)}, not ${JSON.stringify(same)}`,
        );
      }
    }
  }
}

/** Cuts a stretch of an epoch where anybody heard a batch end. @returns how many offsets of it nobody heard */
function split({ epoch, events, bounds }: Term, after: number, end: number, into: SealedBatch[]): number {
  const cuts = [...bounds].filter(bound => bound > after && bound < end).sort((a, b) => a - b);
  if (end > after) cuts.push(end);
  let first = after + 1;
  let heard = 0;
  for (const cut of cuts) {
    const within: MarketEvent[] = [];
    for (let offset = first; offset <= cut; offset++) {
      const event = events.get(offset);
      if (event !== undefined) within.push(event);
    }
    heard += within.length;
    into.push({ epoch, first, next: cut + 1, events: within });
    first = cut + 1;
  }
  return Math.max(0, end - after) - heard;
}

function isEarlier(one: Snapshot, other: Snapshot | null): boolean {
  return other === null || comparePositions(one, other) < 0;
}

function earlier(one: number | null, other: number): number {
  return one === null ? other : Math.min(one, other);
}

import type { MarketEvent } from '../../shared/model/market-event.ts';
import { comparePositions, type Position } from '../../shared/wire/position.ts';

/** A sealed batch as its leader published it. */
export type SealedBatch = {
  readonly epoch: number;
  readonly first: number;
  readonly next: number;
  readonly events: readonly MarketEvent[];
};

/** All that was ever published, laid out for questions. */
export type Reference = {
  /** What is wrong with the publishing itself. */
  readonly faults: readonly string[];
  event(epoch: number, offset: number): MarketEvent | undefined;
  /** Whether nothing was published between two positions: an epoch's end and the beginning of the next are one place. */
  isNext(have: Position, from: Position): boolean;
  isBoundary(position: Position): boolean;
  /** Whether only deposed leaders have been there. */
  isDeposed(position: Position): boolean;
};

type Epoch = { readonly events: Map<number, MarketEvent>; readonly ends: Set<number>; end: number };

export function referenceOf(published: readonly SealedBatch[], deposed: readonly SealedBatch[]): Reference {
  const faults: string[] = [];
  const epochs = layOut(published);
  const tails = layOut(deposed);
  const order = [...epochs.keys()].sort((a, b) => a - b);
  findFaults(published, faults);

  function place({ epoch, offset }: Position): Position {
    // From the end of an epoch on to the beginning of the next that holds anything.
    const end = epochs.get(epoch)?.end ?? 0;
    const following = order.find(candidate => candidate > epoch);
    return offset === end && following !== undefined ? { epoch: following, offset: 0 } : { epoch, offset };
  }

  return {
    faults,
    event: (epoch, offset) => epochs.get(epoch)?.events.get(offset) ?? tails.get(epoch)?.events.get(offset),
    isNext: (have, from) =>
      comparePositions(have, from) === 0 || comparePositions(place(have), from) === 0 || isEmptyTerm(have, from),
    isBoundary: ({ epoch, offset }) =>
      offset === 0 || epochs.get(epoch)?.ends.has(offset) === true || tails.get(epoch)?.ends.has(offset) === true,
    isDeposed: ({ epoch, offset }) => offset > (epochs.get(epoch)?.end ?? 0),
  };

  /** Into an epoch that holds nothing: allowed from the end of whatever came before it. */
  function isEmptyTerm(have: Position, from: Position): boolean {
    if (from.offset !== 0 || from.epoch <= have.epoch) return false;
    const isAtEnd = have.offset === (epochs.get(have.epoch)?.end ?? 0);
    return isAtEnd && !order.some(epoch => epoch > have.epoch && epoch < from.epoch);
  }
}

function layOut(batches: readonly SealedBatch[]): Map<number, Epoch> {
  const epochs = new Map<number, Epoch>();
  for (const { epoch, next, events } of batches) {
    const known = epochs.get(epoch) ?? { events: new Map(), ends: new Set(), end: 0 };
    for (const event of events) known.events.set(event.offset, event);
    known.ends.add(next - 1);
    known.end = Math.max(known.end, next - 1);
    epochs.set(epoch, known);
  }
  return epochs;
}

function findFaults(published: readonly SealedBatch[], faults: string[]): void {
  const trades = new Set<string>();
  let at: Position = { epoch: 0, offset: 0 };
  for (const { epoch, first, next, events } of published) {
    const follows = epoch === at.epoch ? first === at.offset + 1 : epoch > at.epoch && first === 1;
    if (!follows) faults.push(`${epoch}:${first} was published after ${at.epoch}:${at.offset}`);
    at = { epoch, offset: next - 1 };
    for (const event of events) {
      if (event.type !== 'trade') continue;
      const key = `${event.exchange}:${event.symbol}:${event.id}`;
      if (trades.has(key)) faults.push(`trade ${key} was published twice`);
      trades.add(key);
    }
  }
}

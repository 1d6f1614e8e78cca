/** Rule EPO1, as functions: what a position means to somebody who knows the epochs' ends. */
import { type Lineage, MAX_LINEAGE, type Position } from '../wire/position.ts';

export type Relation =
  /** In the current epoch or an earlier one, not past its end: what follows it is well defined. */
  | 'known'
  /** Beyond what we have: we are behind, or the other one is. */
  | 'ahead'
  /** Past the end of a finished epoch: it saw what no successor knows. */
  | 'diverged'
  /** Of an epoch that we know nothing about. */
  | 'unknown';

export function relate(position: Position, head: Position, lineage: Lineage): Relation {
  if (position.epoch > head.epoch) return 'ahead';
  if (position.epoch === head.epoch) return position.offset <= head.offset ? 'known' : 'ahead';
  const entry = lineage.find(candidate => candidate.epoch === position.epoch);
  if (entry === undefined) return 'unknown';
  return position.offset <= entry.end ? 'known' : 'diverged';
}

/**
 * The same place, as late as it can be said: at the end of an epoch is at the beginning of the next one that holds
 * anything. `{e, end(e)}` and `{next, 0}` are one place, and only the second can be compared with a ring's floor.
 */
export function normalise(position: Position, head: Position, lineage: Lineage): Position {
  let place = position;
  for (const entry of lineage) {
    if (entry.epoch < place.epoch) continue;
    if (entry.epoch !== place.epoch || entry.end !== place.offset) return place;
    place = { epoch: epochAfter(entry.epoch, head.epoch, lineage), offset: 0 };
  }
  return place;
}

/** The epoch that follows another one. */
export function epochAfter(epoch: number, current: number, lineage: Lineage): number {
  return lineage.find(entry => entry.epoch > epoch)?.epoch ?? current;
}

export function extendLineage(lineage: Lineage, ended: Position): Lineage {
  return [...lineage, { epoch: ended.epoch, end: ended.offset }].slice(-MAX_LINEAGE);
}

/**
 * A place in the stream: `offset` events of `epoch` have been delivered. An offset alone would recover
 * from the wrong stream, so the two never travel apart.
 */
export type Position = { readonly epoch: number; readonly offset: number };

/** One finished epoch: its last offset is `end`. */
export type LineageEntry = { readonly epoch: number; readonly end: number };

/** The last epochs before the current one, oldest first, at most {@link MAX_LINEAGE}. */
export type Lineage = readonly LineageEntry[];

export const MAX_LINEAGE = 16;

/** Negative when `a` is before `b`. Epochs never go back, so they weigh first. */
export function comparePositions(a: Position, b: Position): number {
  return a.epoch - b.epoch || a.offset - b.offset;
}

/** Reads `?epoch=&offset=`. `null` when neither is given; `'invalid'` when what is given is not a position. */
export function positionFromQuery(query: URLSearchParams): Position | null | 'invalid' {
  const epoch = query.get('epoch');
  const offset = query.get('offset');
  if (epoch === null && offset === null) return null;
  if (epoch === null || offset === null || !/^\d{1,15}$/.test(epoch) || !/^\d{1,15}$/.test(offset)) return 'invalid';
  return { epoch: Number(epoch), offset: Number(offset) };
}

/** The query that {@link positionFromQuery} reads. */
export function positionToQuery(position: Position): string {
  return `epoch=${position.epoch}&offset=${position.offset}`;
}

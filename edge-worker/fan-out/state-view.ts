import type { MarketEvent } from '../../shared/model/market-event.ts';
import { matchesQuery, parseStateQuery, stateTag } from '../../shared/stream/state-query.ts';
import type { Lineage, Position } from '../../shared/wire/position.ts';

export type LatestView = {
  readonly position: Position;
  readonly lineage: Lineage;
  readonly events: readonly MarketEvent[];
};

export type StateKind = 'snapshot' | 'tickers';

/** An answer as the hub prepares it, so that the Worker between hub and reader passes text and does not parse. */
export type StateAnswer =
  | { readonly status: 200; readonly tag: string; readonly body: string }
  | { readonly status: 304; readonly tag: string }
  | { readonly status: 400 | 503; readonly code: string; readonly message: string };

/** `/api/snapshot` and `/api/tickers`; the same bodies as an ingest node's. */
export function viewState(
  kind: StateKind,
  latest: LatestView,
  search: string,
  ifNoneMatch: string | null,
): StateAnswer {
  const parsed = parseStateQuery(new URLSearchParams(search));
  if (!parsed.ok) return { status: 400, code: 'badQuery', message: parsed.faults.join('; ') };
  const { position, lineage, events } = latest;
  const tag = stateTag(position);
  if (matchesTag(ifNoneMatch, tag)) return { status: 304, tag };
  const chosen = events.filter(
    event => (kind === 'snapshot' || event.type === 'ticker') && matchesQuery(event, parsed.query),
  );
  const body = kind === 'snapshot' ? { ...position, lineage, events: chosen } : { ...position, tickers: chosen };
  return { status: 200, tag, body: JSON.stringify(body) };
}

/** A proxy on the way may have made the tag a weak one. */
export function matchesTag(ifNoneMatch: string | null, tag: string): boolean {
  return (ifNoneMatch ?? '').split(',').some(given => given.trim().replace(/^W\//, '') === tag);
}

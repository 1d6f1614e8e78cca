/** What `/api/snapshot` and `/api/tickers` answer, the same on a node and at the edge. */
import { withEvents } from './parts.ts';
import { matchesQuery, parseStateQuery } from './state-query.ts';
import type { StreamLog } from './stream-log.ts';

export type StateKind = 'snapshot' | 'tickers';

/** An answer as it leaves, so that whoever stands between the log and the reader passes text and does not parse. */
export type StateAnswer =
  | { readonly status: 200; readonly tag: string; readonly body: string }
  | { readonly status: 304; readonly tag: string }
  | { readonly status: 400 | 503; readonly code: string; readonly message: string };

export function answerStateQuery(
  kind: StateKind,
  log: Pick<StreamLog, 'position' | 'lineage' | 'latest'>,
  params: URLSearchParams,
  ifNoneMatch: string | null,
): StateAnswer {
  const parsed = parseStateQuery(params);
  if (!parsed.ok) return { status: 400, code: 'badQuery', message: parsed.faults.join('; ') };
  const { position, lineage, latest } = log;
  // The state changes with the position only, so the position names it.
  const tag = `"${position.epoch}-${position.offset}"`;
  if (matchesTag(ifNoneMatch, tag)) return { status: 304, tag };
  const texts = latest.texts(
    head => (kind === 'snapshot' || head.type === 'ticker') && matchesQuery(head, parsed.query),
  );
  const { epoch, offset } = position;
  const [envelope, name] =
    kind === 'snapshot' ? [{ epoch, offset, lineage }, 'events'] : [{ epoch, offset }, 'tickers'];
  return { status: 200, tag, body: withEvents(envelope, texts.join(','), name) };
}

/** Whether the reader has it already. A proxy on the way may have made the tag a weak one. */
export function matchesTag(ifNoneMatch: string | null, tag: string): boolean {
  return (ifNoneMatch ?? '').split(',').some(given => given.trim().replace(/^W\//, '') === tag);
}

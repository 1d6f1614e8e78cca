/**
 * What lies in ZooKeeper, as JSON. Others may write there, older and newer versions of this program among them: keys we
 * do not know are kept, what breaks the format is `null` here and named in health, never an error.
 *
 * ```text
 * /leadership/candidates/candidate-<guid>-0000000012   who stands ready, with its load and its part in a handover
 *                                                      ends with its session
 * /leadership/term                                     the newest term and its end, and the one before
 *                                                      stays
 * ```
 */
import { isEpoch } from './epoch-memory.ts';
import type { PreviousTerm } from './leader-election.ts';

/** A node that stands ready to lead. */
export type CandidateRecord = {
  readonly node: string;
  /** Where its stream would be: `ws://10.0.0.5:8080/ws/exchange`. */
  readonly url: string | null;
  /** Epoch milliseconds. */
  readonly startedAt: number;
  /** Clients it serves. */
  readonly sessions: number;
  /** It is about to leave. */
  readonly isDraining: boolean;
  /** Name of the candidate's node that shall lead after this one. */
  readonly successor: string | null;
  /** The epoch whose leader it is ready to follow. */
  readonly readyAfter: number | null;
  /** The highest epoch that it knew when it became ready: its own must be above. */
  readonly remembers: number;
};

/** The newest term. Its epoch is the counter that never goes back. */
export type TermRecord = {
  readonly [key: string]: unknown;
  readonly epoch: number;
  /** Name of the candidate's node that begins it; whoever led before may have written it there. */
  readonly candidate: string;
  readonly node: string;
  readonly url: string | null;
  /** The last offset of the term, once it was released. */
  readonly end: number | null;
  readonly previous: PreviousTerm | null;
};

export function readCandidateRecord(data: Uint8Array): CandidateRecord | null {
  const record = readObject(data);
  if (record === null) return null;
  const { node, url, startedAt, sessions, isDraining, successor, readyAfter, remembers } =
    record as Partial<CandidateRecord>;
  if (!isNodeName(node) || !isUrl(url) || typeof startedAt !== 'number') return null;
  return {
    node,
    url,
    startedAt,
    sessions: isCount(sessions) ? sessions : 0,
    isDraining: isDraining === true,
    successor: typeof successor === 'string' ? successor : null,
    readyAfter: isEpoch(readyAfter) ? readyAfter : null,
    remembers: isEpoch(remembers) ? remembers : 0,
  };
}

export function readTermRecord(data: Uint8Array): TermRecord | null {
  const record = readObject(data);
  if (record === null || !isEpoch(record['epoch']) || typeof record['candidate'] !== 'string') return null;
  if (!isNodeName(record['node']) || !isUrl(record['url'])) return null;
  const { end, previous } = record as Partial<TermRecord>;
  const before = isEpoch(previous?.epoch) ? { epoch: previous.epoch, end: readEnd(previous.end) } : null;
  return { ...(record as TermRecord), end: readEnd(end), previous: before };
}

const readEnd = (value: unknown): number | null => (isCount(value) ? value : null);

export const writeRecord = (record: CandidateRecord | TermRecord | Record<string, never>): Uint8Array =>
  Buffer.from(JSON.stringify(record));

/** `candidate-<guid>-`: ZooKeeper appends the number. The GUID is how a candidate knows its node after a lost reply. */
export const candidatePrefix = (guid: string): string => `candidate-${guid}-`;

/** A candidate's node by its name; `null` for anything else that lies beside them. */
export function readCandidateName(name: string): { readonly guid: string; readonly sequence: number } | null {
  const match = /^candidate-([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})-(\d{10})$/.exec(name);
  return match === null ? null : { guid: match[1] ?? '', sequence: Number(match[2]) };
}

function readObject(data: Uint8Array): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(data));
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : null;
  } catch {
    return null;
  }
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

const isNodeName = (value: unknown): value is string => typeof value === 'string' && /^[\w.:-]{1,64}$/.test(value);

const isUrl = (value: unknown): value is string | null =>
  value === null ||
  (typeof value === 'string' &&
    value.length <= 2_000 &&
    URL.canParse(value) &&
    /^wss?:$/.test(new URL(value).protocol));

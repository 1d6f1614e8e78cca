/**
 * The language between a hub and its shards, one text message per frame.
 *
 * Down (hub to shard): one line of JSON, a newline, then the payload exactly as browsers receive it. The shard reads
 * the line and slices the rest; it never decodes a payload. Up (shard to hub): small JSON.
 */
import type { SnapshotReason, UpstreamState } from '../../shared/wire/messages.ts';
import type { Lineage, Position } from '../../shared/wire/position.ts';
import type { RelayUnit } from './relay-unit.ts';
import type { SnapshotPart } from './snapshot-shelf.ts';

export type DownFrame =
  /** Everything before is void: history, snapshots and a fresh `ready` follow; live sessions get a snapshot for `reason`. */
  | { readonly kind: 'reset'; readonly position: Position; readonly lineage: Lineage; readonly reason: SnapshotReason }
  /** The next batch. */
  | { readonly kind: 'batch'; readonly unit: RelayUnit }
  /** A batch from before what the shard has, oldest first; complete with the next `ready`. */
  | { readonly kind: 'history'; readonly unit: RelayUnit }
  /** One part of the latest state of a cut: encoded events without brackets, so that the shard can say the reason. */
  | ({ readonly kind: 'snapshot' } & SnapshotPart)
  /** The answer to the last request is complete; the hub has sent everything up to this position. */
  | { readonly kind: 'ready'; readonly position: Position; readonly lineage: Lineage }
  /** Nobody can send what follows `position`. */
  | { readonly kind: 'unhealable'; readonly position: Position; readonly reason: SnapshotReason }
  | { readonly kind: 'heartbeat'; readonly position: Position; readonly message: string }
  | { readonly kind: 'status'; readonly upstream: UpstreamState; readonly since: number };

/** How many browsers a shard holds, and what it has noticed about them. */
export type ShardReport = {
  readonly sessions: number;
  /** Client messages that were no ping, since the shard woke. */
  readonly refused: number;
  /** Whether this runtime says how much a socket has queued; `null` while there is no socket to ask. */
  readonly seesBacklog: boolean | null;
};

export type UpFrame =
  /** First frame on every relay, and again after a hole: bring me on from here; `null`: I have nothing. */
  | { readonly kind: 'join'; readonly position: Position | null; readonly report: ShardReport }
  | { readonly kind: 'report'; readonly report: ShardReport }
  /** The latest state as it is now, please. */
  | { readonly kind: 'refresh' }
  /** My memory was lost while I stayed connected: history before `floor` (or all of it) and the latest state, please. */
  | { readonly kind: 'refill'; readonly floor: Position | null }
  /** Somebody wants to resume at `position`; I only reach back to `floor`. */
  | { readonly kind: 'heal'; readonly position: Position; readonly floor: Position };

type UnitHeader = {
  kind: 'batch' | 'history';
  epoch: number;
  first: number;
  next: number;
  lineage?: Lineage;
  /** Lengths of the messages that follow. */
  full: number[];
  /** Absent where it is the same as `full`. */
  lite?: number[];
};

export function encodeDown(frame: DownFrame): string {
  switch (frame.kind) {
    case 'batch':
    case 'history':
      return encodeUnit(frame.kind, frame.unit);
    case 'snapshot': {
      const { events, ...header } = frame;
      return `${JSON.stringify(header)}\n${events}`;
    }
    case 'heartbeat': {
      const { message, ...header } = frame;
      return `${JSON.stringify(header)}\n${message}`;
    }
    default:
      return `${JSON.stringify(frame)}\n`;
  }
}

function encodeUnit(kind: 'batch' | 'history', { epoch, first, next, lineage, messages }: RelayUnit): string {
  const { full, lite } = messages;
  const header: UnitHeader = {
    kind,
    epoch,
    first,
    next,
    ...(lineage === undefined ? {} : { lineage }),
    full: full.map(text => text.length),
    ...(lite === full ? {} : { lite: lite.map(text => text.length) }),
  };
  return `${JSON.stringify(header)}\n${full.join('')}${lite === full ? '' : lite.join('')}`;
}

/** `null` for what is not a frame of ours: to be treated like a hole. */
export function decodeDown(text: string): DownFrame | null {
  const end = text.indexOf('\n');
  const header = parse(end < 0 ? text : text.slice(0, end)) as DownFrame | UnitHeader | null;
  if (header === null || end < 0) return null;
  switch (header.kind) {
    case 'batch':
    case 'history':
      return decodeUnit(header as UnitHeader, text, end + 1);
    case 'snapshot':
      return { ...(header as Omit<DownFrame & { kind: 'snapshot' }, 'events'>), events: text.slice(end + 1) };
    case 'heartbeat':
      return { ...(header as Omit<DownFrame & { kind: 'heartbeat' }, 'message'>), message: text.slice(end + 1) };
    case 'reset':
    case 'ready':
    case 'unhealable':
    case 'status':
      return header;
    default:
      return null;
  }
}

function decodeUnit(
  { kind, epoch, first, next, lineage, full, lite }: UnitHeader,
  text: string,
  from: number,
): DownFrame | null {
  let at = from;
  const cut = (lengths: readonly number[]) =>
    lengths.map(length => {
      const message = text.slice(at, at + length);
      at += length;
      return message;
    });
  const fullMessages = cut(full);
  const liteMessages = lite === undefined ? fullMessages : cut(lite);
  if (at !== text.length) return null;
  return {
    kind,
    unit: {
      epoch,
      first,
      next,
      ...(lineage === undefined ? {} : { lineage }),
      messages: { full: fullMessages, lite: liteMessages },
    },
  };
}

export function encodeUp(frame: UpFrame): string {
  return JSON.stringify(frame);
}

export function decodeUp(text: string): UpFrame | null {
  const frame = parse(text) as UpFrame | null;
  switch (frame?.kind) {
    case 'join':
    case 'report':
    case 'refresh':
    case 'refill':
    case 'heal':
      return frame;
    default:
      return null;
  }
}

function parse(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' ? value : null;
  } catch {
    return null;
  }
}

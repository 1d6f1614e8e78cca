import { CLOSE_CODES, type CloseCodeName } from '../../shared/wire/close-codes.ts';
import type { Cut, SnapshotReason } from '../../shared/wire/messages.ts';
import type { Position } from '../../shared/wire/position.ts';

/** The shard's end of one browser's socket. */
export type SessionSocket = {
  send(text: string): void;
  close(code: number, reason: string): void;
  /** Bytes that wait to be sent; `null` where the runtime does not say. */
  backlogBytes(): number | null;
  /** Kept by the platform with the socket, for when this object's memory is gone. */
  remember(note: SessionNote): void;
};

/** What survives the shard's memory. Written on transitions only: it costs, and the rest can be found out. */
export type SessionNote = { readonly cut: Cut; readonly isLive: boolean };

export function isSessionNote(value: unknown): value is SessionNote {
  const note = value as SessionNote | null;
  return (
    typeof note === 'object' &&
    note !== null &&
    (note.cut === 'full' || note.cut === 'lite') &&
    typeof note.isLive === 'boolean'
  );
}

export type WaitingState = {
  readonly name: 'waiting';
  /** What it has; `null`: it needs a snapshot, for this reason. */
  position: Position | null;
  reason: SnapshotReason;
  /** What it came with. A snapshot that is not beyond it would be refused as going back (rule ORD2). */
  readonly presented: Position | null;
  /** On the monotonic clock. */
  readonly since: number;
  isGreeted: boolean;
  /** The hub has sent the state as of now, or history, since this session came. */
  wasAnswered: boolean;
};

export type SessionState =
  /** Accepted; waits for a snapshot or for history. */
  | WaitingState
  /** Has everything up to the shard's head, and is sent whatever comes. */
  | { readonly name: 'live' }
  /** Too slow: skipped until its backlog has drained; then it goes on from where it was left (rule SLO1). */
  | { readonly name: 'shed'; readonly position: Position };

export type Session = {
  readonly socket: SessionSocket;
  readonly cut: Cut;
  state: SessionState;
  /** When it was last too slow, on the monotonic clock. */
  lastShedAt: number | null;
};

/** Sends; a socket that is going away says so by its close, not here. */
export function sendTo({ socket }: Session, text: string): void {
  try {
    socket.send(text);
  } catch {
    // Its close is on the way.
  }
}

export function closeSocket(socket: SessionSocket, name: CloseCodeName): void {
  const { code, reason } = CLOSE_CODES[name];
  try {
    socket.close(code, reason);
  } catch {
    // It is closed already.
  }
}

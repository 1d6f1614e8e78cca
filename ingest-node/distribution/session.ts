import type { Clock } from '../../shared/base/clock.ts';
import { StreamCursor } from '../../shared/stream/cursor.ts';
import type { StreamLog } from '../../shared/stream/stream-log.ts';
import { CLOSE_CODES, type CloseCodeName } from '../../shared/wire/close-codes.ts';
import { encodeMessage, heartbeatAt } from '../../shared/wire/json-codec.ts';
import { CLIENT_PING, type Cut, SERVER_PONG, type UpstreamState } from '../../shared/wire/messages.ts';
import type { Position } from '../../shared/wire/position.ts';
import { PROTOCOL_VERSION } from '../../shared/wire/protocol-version.ts';

/** What a session needs from a socket. */
export type SessionSocket = {
  /** `sent` is called when the bytes have left this process. */
  send(text: string, sent?: () => void): void;
  /** Bytes that were sent but have not left this process. */
  readonly bufferedBytes: number;
  close(code: number, reason: string): void;
  /** Ends it without asking the other side. */
  terminate(): void;
};

export type SessionBounds = {
  /** No more is handed to the socket while it holds this much: a reader's backlog stays in the log. */
  readonly highWaterBytes: number;
  /** Rule SLO1: how far behind a session may be. */
  readonly maxLagBytes: number;
  /** After a loss, a second one within this time ends the session. */
  readonly lossForgivenAfterMs: number;
  /** A socket that holds bytes and moves none of them for this long is dead. */
  readonly stalledAfterMs: number;
};

export const DEFAULT_SESSION_BOUNDS: SessionBounds = {
  highWaterBytes: 256 * 1024,
  maxLagBytes: 16 * 1024 * 1024,
  lossForgivenAfterMs: 60_000,
  stalledAfterMs: 30_000,
};

export type SessionOptions = {
  readonly server: string;
  readonly log: StreamLog;
  readonly socket: SessionSocket;
  readonly clock: Clock;
  readonly position: Position | null;
  readonly cut: Cut;
  readonly upstream: { readonly state: UpstreamState; readonly since: number };
  readonly bounds?: SessionBounds;
};

/** One client's connection: greeting, snapshot or resume, live, heartbeats, and the rules for a slow one. */
export class Session {
  readonly #log: StreamLog;
  readonly #socket: SessionSocket;
  readonly #clock: Clock;
  readonly #bounds: SessionBounds;
  readonly #cursor: StreamCursor;
  readonly #sent = () => this.#progressed();
  #lastLossAt: number | null = null;
  #progressAt: number;
  #isClosed = false;
  /** Nothing has been taken since the beginning or since a loss: what the log holds is not a backlog yet. */
  #awaitsFirst = true;
  /** Rule SLO1: how often this session lost its backlog. */
  losses = 0;

  constructor({
    server,
    log,
    socket,
    clock,
    position,
    cut,
    upstream,
    bounds = DEFAULT_SESSION_BOUNDS,
  }: SessionOptions) {
    this.#log = log;
    this.#socket = socket;
    this.#clock = clock;
    this.#bounds = bounds;
    this.#progressAt = clock.monotonic();
    const { epoch, offset } = log.position;
    this.#send(
      encodeMessage({ type: 'hello', protocol: PROTOCOL_VERSION, server, cut, epoch, offset, lineage: log.lineage }),
    );
    this.status(upstream.state, upstream.since);
    this.#cursor = new StreamCursor(log, position, cut);
    this.pump();
  }

  /** Sends as much as the socket takes. Called whenever the log has grown or the socket has drained. */
  pump(): void {
    if (this.#isClosed) return;
    while (this.#socket.bufferedBytes < this.#bounds.highWaterBytes) {
      const message = this.#cursor.take();
      if (message === null) return;
      this.#awaitsFirst = false;
      this.#send(message);
    }
    if (!this.#awaitsFirst && this.#cursor.lagBytes > this.#bounds.maxLagBytes) this.#lose();
  }

  /** Passes on the leader's heartbeat, if this session has been sent everything: otherwise data is its sign of life. */
  heartbeat(): void {
    if (this.#isClosed) return;
    if (this.#socket.bufferedBytes > 0 && this.#clock.monotonic() - this.#progressAt > this.#bounds.stalledAfterMs) {
      this.terminate();
      return;
    }
    this.pump();
    if (!this.#isClosed && this.#cursor.isCaughtUp) {
      const { epoch, offset } = this.#cursor.position;
      this.#send(encodeMessage(heartbeatAt(this.#log.writer, epoch, offset)));
    }
  }

  status(upstream: UpstreamState, since: number): void {
    if (!this.#isClosed) this.#send(encodeMessage({ type: 'status', upstream, since }));
  }

  /** What the client said. `false` when it was not a ping: the session is then closing. */
  receive(text: string): boolean {
    if (text === CLIENT_PING) {
      this.#send(SERVER_PONG);
      return true;
    }
    this.close('unexpectedMessage');
    return false;
  }

  close(name: CloseCodeName): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#socket.close(CLOSE_CODES[name].code, CLOSE_CODES[name].reason);
  }

  terminate(): void {
    this.#isClosed = true;
    this.#socket.terminate();
  }

  /** The socket is gone. */
  closed(): void {
    this.#isClosed = true;
  }

  #send(text: string): void {
    // A socket that was empty starts to be measured now: before, there was nothing it could have moved.
    if (this.#socket.bufferedBytes === 0) this.#progressAt = this.#clock.monotonic();
    this.#socket.send(text, this.#sent);
  }

  #progressed(): void {
    this.#progressAt = this.#clock.monotonic();
    if (!this.#isClosed && this.#socket.bufferedBytes < this.#bounds.highWaterBytes) this.pump();
  }

  #lose(): void {
    const now = this.#clock.monotonic();
    const isRepeated = this.#lastLossAt !== null && now - this.#lastLossAt < this.#bounds.lossForgivenAfterMs;
    this.losses++;
    this.#lastLossAt = now;
    if (isRepeated) this.close('tooSlow');
    else {
      this.#cursor.loseBacklog();
      this.#awaitsFirst = true;
    }
  }
}

import type { Clock } from '../../shared/base/clock.ts';
import type { StreamLog } from '../../shared/stream/stream-log.ts';
import type { CloseCodeName } from '../../shared/wire/close-codes.ts';
import { type Cut, HEARTBEAT_INTERVAL_MS, type UpstreamState } from '../../shared/wire/messages.ts';
import type { Position } from '../../shared/wire/position.ts';
import { DEFAULT_SESSION_BOUNDS, Session, type SessionBounds, type SessionSocket } from './session.ts';

export type SessionRegistryOptions = {
  readonly server: string;
  readonly log: StreamLog;
  readonly clock: Clock;
  readonly bounds?: SessionBounds;
};

/** All sessions of this node: each reads the log on its own; what concerns them all goes through here. */
export class SessionRegistry {
  readonly #options: Required<SessionRegistryOptions>;
  readonly #sessions = new Set<Session>();
  #upstream: { readonly state: UpstreamState; readonly since: number };
  #cancelRepeat: () => void = () => {};
  /** Sessions closed because their client said something other than a ping. */
  unexpectedMessages = 0;

  constructor(options: SessionRegistryOptions) {
    this.#options = { bounds: DEFAULT_SESSION_BOUNDS, ...options };
    this.#upstream = { state: 'seeking', since: options.clock.now() };
    this.#sayAgainWhileSeeking();
    options.log.onChange(() => {
      for (const session of this.#sessions) session.pump();
    });
  }

  get size(): number {
    return this.#sessions.size;
  }

  /** Whether this node has a living upstream: as the leader, that it leads. */
  get upstream(): UpstreamState {
    return this.#upstream.state;
  }

  add(socket: SessionSocket, position: Position | null, cut: Cut): Session {
    const session = new Session({ ...this.#options, socket, position, cut, upstream: this.#upstream });
    this.#sessions.add(session);
    return session;
  }

  remove(session: Session): void {
    session.closed();
    this.#sessions.delete(session);
  }

  heartbeat(): void {
    for (const session of this.#sessions) session.heartbeat();
  }

  setUpstream(state: UpstreamState): void {
    if (this.#upstream.state === state) return;
    this.#cancelRepeat();
    this.#upstream = { state, since: this.#options.clock.now() };
    this.#tellUpstream();
    this.#sayAgainWhileSeeking();
  }

  closeAll(name: CloseCodeName): void {
    for (const session of this.#sessions) session.close(name);
  }

  /** Nothing is sent any more; sessions that are open stay so until they are closed. */
  stop(): void {
    this.#cancelRepeat();
  }

  #tellUpstream(): void {
    for (const session of this.#sessions) session.status(this.#upstream.state, this.#upstream.since);
  }

  /** Without an upstream there are no heartbeats to pass on, and silence would end the sessions (rule HB1). */
  #sayAgainWhileSeeking(): void {
    if (this.#upstream.state !== 'seeking') return;
    this.#cancelRepeat = this.#options.clock.setTimer(HEARTBEAT_INTERVAL_MS, () => {
      this.#tellUpstream();
      this.#sayAgainWhileSeeking();
    });
  }
}

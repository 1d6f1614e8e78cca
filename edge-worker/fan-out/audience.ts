import type { Clock } from '../../shared/base/clock.ts';
import type { CloseCodeName } from '../../shared/wire/close-codes.ts';
import { encodeMessage } from '../../shared/wire/json-codec.ts';
import { type Cut, HEARTBEAT_INTERVAL_MS, type Hello, type UpstreamState } from '../../shared/wire/messages.ts';
import type { Position } from '../../shared/wire/position.ts';
import type { RelayUnit } from './relay-unit.ts';
import {
  closeSocket,
  type Session,
  type SessionNote,
  type SessionSocket,
  sendTo,
  type WaitingState,
} from './session.ts';

export type AudienceOptions = {
  readonly clock: Clock;
  /** Beyond this many queued bytes a browser is too slow. */
  readonly maxBacklogBytes: number;
  /** What a browser is greeted with at this moment. */
  readonly hello: (cut: Cut) => Hello;
  readonly onChange: () => void;
};

const SLOW_AGAIN_MS = 60_000;
/** Well below the 1.5 s after which a silent hop is dead. */
const SPEAK_AFTER_MS = 1_000;

/** The browsers of a shard: who is live, who waits, who is too slow; and how the upstream fares, which all are told. */
export class Audience {
  readonly #options: AudienceOptions;
  readonly #sessions = new Map<SessionSocket, Session>();
  #upstream: { state: UpstreamState; since: number };
  #seesBacklog: boolean | null = null;
  #unsettled = 0;
  /** When live browsers were last sent anything, and when those who wait were. */
  #lastToldAt: number;
  #lastToldWaitingAt = 0;

  constructor(options: AudienceOptions) {
    this.#options = options;
    this.#upstream = { state: 'seeking', since: options.clock.now() };
    this.#lastToldAt = options.clock.monotonic();
  }

  get size(): number {
    return this.#sessions.size;
  }

  /** Whether this runtime shows what a socket has queued; `null` until there was one to ask. */
  get seesBacklog(): boolean | null {
    return this.#seesBacklog;
  }

  /** Whether anybody is not live: somebody then has to look after them from time to time. */
  get hasUnsettled(): boolean {
    return this.#unsettled > 0;
  }

  *waiting(): Generator<Session & { state: WaitingState }> {
    for (const session of this.#sessions.values()) {
      if (session.state.name === 'waiting') yield session as Session & { state: WaitingState };
    }
  }

  *live(): Generator<Session> {
    for (const session of this.#sessions.values()) if (session.state.name === 'live') yield session;
  }

  admit(socket: SessionSocket, cut: Cut, position: Position | null): Session & { state: WaitingState } {
    const since = this.#options.clock.monotonic();
    const state: WaitingState = {
      name: 'waiting',
      position,
      reason: 'initial',
      presented: position,
      since,
      isGreeted: false,
      wasAnswered: false,
    };
    const session = { socket, cut, state, lastShedAt: null };
    this.#add(session);
    socket.remember({ cut, isLive: false });
    return session;
  }

  /** A browser that was live when our memory was lost. */
  readmit(socket: SessionSocket, { cut }: SessionNote): void {
    this.#add({ socket, cut, state: { name: 'live' }, lastShedAt: null });
  }

  leave(socket: SessionSocket): void {
    const session = this.#sessions.get(socket);
    if (session === undefined) return;
    this.#sessions.delete(socket);
    if (session.state.name !== 'live') this.#unsettled--;
    this.#options.onChange();
  }

  close({ socket }: Session, name: CloseCodeName): void {
    closeSocket(socket, name);
    this.leave(socket);
  }

  /** What it lacks, and from now on whatever comes. */
  goLive(session: Session, messages: readonly string[], units: readonly RelayUnit[]): void {
    this.greet(session);
    for (const text of messages) sendTo(session, text);
    for (const unit of units) for (const text of unit.messages[session.cut]) sendTo(session, text);
    if (session.state.name === 'live') return;
    session.state = { name: 'live' };
    this.#unsettled--;
    session.socket.remember({ cut: session.cut, isLive: true });
  }

  greet(session: Session): void {
    if (session.state.name !== 'waiting' || session.state.isGreeted) return;
    session.state.isGreeted = true;
    sendTo(session, encodeMessage(this.#options.hello(session.cut)));
    sendTo(session, this.#statusMessage());
  }

  fanOut({ epoch, first, messages }: RelayUnit): void {
    this.#lastToldAt = this.#options.clock.monotonic();
    for (const session of this.#sessions.values()) {
      if (session.state.name !== 'live' || this.#isTooSlow(session, { epoch, offset: first - 1 })) continue;
      for (const text of messages[session.cut]) sendTo(session, text);
    }
  }

  heartbeat(message: string): void {
    this.#lastToldAt = this.#options.clock.monotonic();
    for (const session of this.live()) sendTo(session, message);
  }

  setUpstream(state: UpstreamState, since: number): void {
    this.#upstream = { state, since };
    this.tellStatus();
  }

  tellStatus(): void {
    this.#lastToldAt = this.#options.clock.monotonic();
    this.#lastToldWaitingAt = this.#lastToldAt;
    const message = this.#statusMessage();
    for (const session of this.#sessions.values()) {
      if (session.state.name === 'live' || (session.state.name === 'waiting' && session.state.isGreeted))
        sendTo(session, message);
    }
  }

  /** Nobody hears nothing from us for long: a browser would take us for dead (rule HB1). */
  keepAwake(): void {
    const now = this.#options.clock.monotonic();
    const isSeeking = this.#upstream.state === 'seeking';
    if (now - this.#lastToldAt >= (isSeeking ? HEARTBEAT_INTERVAL_MS : SPEAK_AFTER_MS)) {
      this.tellStatus();
    } else if (now - this.#lastToldWaitingAt >= SPEAK_AFTER_MS) {
      this.#lastToldWaitingAt = now;
      const message = this.#statusMessage();
      for (const session of this.waiting()) if (session.state.isGreeted) sendTo(session, message);
    }
  }

  /** Whoever was too slow and has caught breath waits again, for what follows the position where it was left. */
  readmitDrained(): void {
    const limit = this.#options.maxBacklogBytes / 4;
    const since = this.#options.clock.monotonic();
    for (const session of this.#sessions.values()) {
      if (session.state.name !== 'shed' || (session.socket.backlogBytes() ?? 0) > limit) continue;
      const { position } = session.state;
      const state = {
        position,
        reason: 'lost',
        presented: position,
        since,
        isGreeted: true,
        wasAnswered: false,
      } as const;
      session.state = { name: 'waiting', ...state };
    }
  }

  #add(session: Session): void {
    this.#sessions.set(session.socket, session);
    if (session.state.name !== 'live') this.#unsettled++;
    this.#seesBacklog ??= session.socket.backlogBytes() !== null;
    this.#options.onChange();
  }

  /**
   * Rule SLO1, where the runtime shows the backlog: the shard's history is its queue until it has drained; within a
   * minute of that it is closed.
   */
  #isTooSlow(session: Session, position: Position): boolean {
    const backlog = session.socket.backlogBytes();
    if (backlog === null || backlog <= this.#options.maxBacklogBytes) return false;
    const now = this.#options.clock.monotonic();
    if (session.lastShedAt !== null && now - session.lastShedAt < SLOW_AGAIN_MS) {
      this.close(session, 'tooSlow');
      return true;
    }
    session.lastShedAt = now;
    session.state = { name: 'shed', position };
    this.#unsettled++;
    this.#options.onChange();
    session.socket.remember({ cut: session.cut, isLive: false });
    return true;
  }

  #statusMessage(): string {
    return encodeMessage({ type: 'status', upstream: this.#upstream.state, since: this.#upstream.since });
  }
}

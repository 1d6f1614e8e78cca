import type { CancelTimer, Clock } from '../../shared/base/clock.ts';
import type { Cut, SnapshotReason } from '../../shared/wire/messages.ts';
import { comparePositions, type Lineage, type Position } from '../../shared/wire/position.ts';
import { PROTOCOL_VERSION } from '../../shared/wire/protocol-version.ts';
import { Audience } from './audience.ts';
import { HubLine, type HubSocket } from './hub-line.ts';
import { type DownFrame, decodeDown } from './relay-frame.ts';
import type { RelayUnit } from './relay-unit.ts';
import { closeSocket, type Session, type SessionNote, type SessionSocket, type WaitingState } from './session.ts';
import { SnapshotShelf, type StoredSnapshot, snapshotMessages } from './snapshot-shelf.ts';
import { DEFAULT_TAIL_BOUNDS, type TailBounds, UnitTail } from './unit-tail.ts';

export type ShardCoreOptions = {
  readonly name: string;
  readonly clock: Clock;
  readonly capacity: number;
  /** Asks the hub to dial us; may be called often. */
  readonly pokeHub: () => void;
  readonly bounds?: TailBounds;
  /** Beyond this many queued bytes a browser is too slow. */
  readonly maxBacklogBytes?: number;
};

type RelayPhase =
  /** There is no relay. */
  | 'none'
  /** The hub was told where we stand and has not brought us on yet. */
  | 'joining'
  /** The relay outlived our memory: where we stand, its next frame will tell. */
  | 'amnesic'
  /** We have everything that the hub has sent. */
  | 'joined';

/** A snapshot older than this is replaced before it is served: what follows it would be long. */
const SNAPSHOT_FRESH_MS = 2_000;
/** So long a newcomer waits for a fresher snapshot when there is one that would do. */
const FRESHER_WAIT_MS = 500;
/** A browser that has been sent nothing for so long is greeted all the same, so that it knows we live. */
const GREET_AFTER_MS = 700;
const TICK_MS = 250;

/**
 * One shard: hands the hub's encoded messages to its browsers without looking into them. A newcomer gets a snapshot and
 * what followed it, a returning one exactly what it lacks (rules SNP1, RES1), both in one turn, and then what comes.
 *
 * Its memory may vanish at any time while all sockets stay ({@link restore}). It then does not know where it stands, but
 * the next frame of the same relay says so, because every live browser had been sent everything before it.
 */
export class ShardCore {
  readonly #options: Required<ShardCoreOptions>;
  readonly #tail: UnitTail;
  readonly #shelf = new SnapshotShelf();
  readonly #audience: Audience;
  readonly #hub: HubLine;
  #phase: RelayPhase = 'none';
  /** Units from before our memory, until the hub says that they are complete. */
  #history: RelayUnit[] = [];
  #resetReason: SnapshotReason | null = null;
  #lastTickAt = Number.NEGATIVE_INFINITY;
  #refused = 0;
  #cancelTick: CancelTimer | null = null;

  constructor(options: ShardCoreOptions) {
    this.#options = { bounds: DEFAULT_TAIL_BOUNDS, maxBacklogBytes: 4 * 1024 * 1024, ...options };
    const { clock, name, maxBacklogBytes, pokeHub } = this.#options;
    this.#tail = new UnitTail(this.#options.bounds);
    this.#audience = new Audience({
      clock,
      maxBacklogBytes,
      hello: cut => ({
        type: 'hello',
        protocol: PROTOCOL_VERSION,
        server: name,
        cut,
        ...(this.#tail.head ?? { epoch: 0, offset: 0 }),
        lineage: this.#tail.lineage,
      }),
      onChange: () => this.#keepTicking(),
    });
    this.#hub = new HubLine({
      clock,
      pokeHub,
      report: () => ({
        sessions: this.#audience.size,
        refused: this.#refused,
        seesBacklog: this.#audience.seesBacklog,
      }),
    });
  }

  get sessions(): number {
    return this.#audience.size;
  }

  get isFull(): boolean {
    return this.#audience.size >= this.#options.capacity;
  }

  /** After our memory was lost: the sockets that the platform kept, and the relay if it is among them. */
  restore(
    sessions: readonly { readonly socket: SessionSocket; readonly note: SessionNote | null }[],
    relay: HubSocket | null,
  ): void {
    for (const { socket, note } of sessions) {
      if (note?.isLive === true && relay !== null) this.#audience.readmit(socket, note);
      // Half-served, or nobody knows how far: it knows its position, and will be served from there.
      else closeSocket(socket, 'upstreamReset');
    }
    if (relay !== null) this.#hub.opened(relay);
    this.#phase = relay === null ? 'none' : 'amnesic';
  }

  /** A browser was accepted. */
  open(socket: SessionSocket, cut: Cut, position: Position | null): void {
    const session = this.#audience.admit(socket, cut, position);
    if (this.#phase === 'amnesic' && this.#tail.head === null) this.#hub.ask({ kind: 'refill', floor: null });
    this.#serve(session);
    this.#watchHub();
    this.#hub.report();
  }

  /** A browser said something that the platform has not answered for us, so it was no ping. */
  refuse(socket: SessionSocket, length: number): void {
    this.#refused++;
    closeSocket(socket, length > 1_024 ? 'messageTooLarge' : 'unexpectedMessage');
    this.closed(socket);
  }

  closed(socket: SessionSocket): void {
    this.#audience.leave(socket);
    this.#hub.report();
  }

  relayOpened(relay: HubSocket): void {
    this.#hub.opened(relay);
    if (this.#tail.head === null) this.#closeLive();
    this.#join();
  }

  relayClosed(relay: HubSocket): void {
    if (this.#hub.is(relay)) this.#loseRelay();
  }

  relayMessage(relay: HubSocket, text: string): void {
    if (!this.#hub.is(relay)) return;
    this.#hub.heard();
    const frame = decodeDown(text);
    if (frame === null) this.#join();
    else this.#handle(frame);
    if (this.#options.clock.monotonic() - this.#lastTickAt >= TICK_MS) this.#tick();
  }

  /** Called from time to time by the platform, for when no timer of ours runs. Whether it is to be called again. */
  alarm(): boolean {
    this.#tick();
    this.#keepTicking();
    return this.#audience.size > 0;
  }

  #handle(frame: DownFrame): void {
    switch (frame.kind) {
      case 'reset':
        this.#tail.reset(frame.position, frame.lineage);
        this.#shelf.clear();
        this.#history = [];
        this.#resetReason = frame.reason;
        return;
      case 'batch':
        this.#batch(frame.unit);
        return;
      case 'history':
        this.#history.push(frame.unit);
        return;
      case 'snapshot':
        this.#shelf.add(frame, this.#options.clock.monotonic());
        return;
      case 'ready':
        this.#ready(frame.position, frame.lineage);
        return;
      case 'unhealable':
        this.#unhealable(frame.position, frame.reason);
        return;
      case 'heartbeat':
        this.#heartbeat(frame.position, frame.message);
        return;
      case 'status':
        this.#audience.setUpstream(frame.upstream, frame.since);
        return;
    }
  }

  #batch(unit: RelayUnit): void {
    this.#placeAt({ epoch: unit.epoch, offset: unit.first - 1 });
    switch (this.#tail.relationOf(unit)) {
      case 'old':
        return;
      case 'hole':
        this.#hole();
        return;
      case 'next':
        this.#tail.push(unit, this.#options.clock.monotonic());
        this.#audience.fanOut(unit);
        return;
    }
  }

  #heartbeat(position: Position, message: string): void {
    this.#placeAt(position);
    const { head } = this.#tail;
    if (head === null) return;
    if (comparePositions(position, head) > 0) this.#hole();
    else this.#audience.heartbeat(message);
  }

  /** Never passed on in silence: the hub is asked to bring us on from where we are (rule GAP1). */
  #hole(): void {
    if (this.#phase !== 'joining') this.#join();
  }

  /** Without a memory, the first frame on a relay that outlived it says where all live browsers stand. */
  #placeAt(position: Position): void {
    if (this.#phase !== 'amnesic' || this.#tail.head !== null) return;
    this.#tail.reset(position, []);
    this.#hub.ask({ kind: 'refill', floor: position });
  }

  #ready(position: Position, lineage: Lineage): void {
    this.#phase = 'joined';
    this.#hub.answered();
    if (this.#tail.head === null) this.#tail.reset(position, lineage);
    this.#tail.learn(lineage);
    this.#tail.prepend(this.#history, this.#options.clock.monotonic());
    this.#history = [];
    const reason = this.#resetReason;
    this.#resetReason = null;
    if (reason !== null) for (const session of this.#audience.live()) this.#beginAnew(session, reason);
    for (const session of this.#audience.waiting()) {
      session.state.wasAnswered = true;
      this.#serve(session);
    }
  }

  #unhealable(position: Position, reason: SnapshotReason): void {
    this.#hub.answered('heal');
    for (const session of this.#audience.waiting()) {
      const wanted = session.state.position;
      if (wanted !== null && comparePositions(wanted, position) === 0) {
        session.state.position = null;
        session.state.reason = reason;
      }
      this.#serve(session);
    }
  }

  /** Serves a waiting session if what it needs is here, or asks the hub for it. */
  #serve(session: Session & { state: WaitingState }): void {
    const { state } = session;
    const isPlaced = this.#phase === 'joined' || (this.#phase === 'none' && this.#tail.head !== null);
    if (!isPlaced) return;
    if (state.position !== null) {
      const plan = this.#tail.plan(state.position);
      if (plan.kind === 'resume') {
        this.#audience.goLive(session, [], plan.units);
        return;
      }
      if (plan.kind === 'beyond') {
        this.#hub.ask({ kind: 'heal', position: state.position, floor: this.#tail.floor! });
        return;
      }
      state.position = null;
      state.reason = plan.reason;
    }
    const snapshot = this.#usableSnapshot(session.cut, state.presented);
    const now = this.#options.clock.monotonic();
    const mayWait = this.#phase === 'joined' && !state.wasAnswered && now - state.since < FRESHER_WAIT_MS;
    if (snapshot !== null && (!mayWait || now - snapshot.at <= SNAPSHOT_FRESH_MS))
      this.#begin(session, snapshot, state.reason);
    else this.#hub.ask({ kind: 'refresh' });
  }

  /** The snapshot of a cut, if history connects it with now and it leads beyond what the session came with. */
  #usableSnapshot(cut: Cut, presented: Position | null = null): StoredSnapshot | null {
    const snapshot = this.#shelf.get(cut);
    if (snapshot === null || this.#tail.plan(snapshot.position).kind !== 'resume') return null;
    return presented === null || comparePositions(snapshot.position, presented) > 0 ? snapshot : null;
  }

  #begin(session: Session, snapshot: StoredSnapshot, reason: SnapshotReason): void {
    const plan = this.#tail.plan(snapshot.position);
    this.#audience.goLive(session, snapshotMessages(snapshot, reason), plan.kind === 'resume' ? plan.units : []);
  }

  #beginAnew(session: Session, reason: SnapshotReason): void {
    const snapshot = this.#usableSnapshot(session.cut);
    if (snapshot === null) this.#audience.close(session, 'upstreamReset');
    else this.#begin(session, snapshot, reason);
  }

  #join(): void {
    // In the middle of a reset nobody can say where live browsers stand.
    if (this.#resetReason !== null) this.#closeLive();
    this.#phase = 'joining';
    this.#history = [];
    this.#resetReason = null;
    this.#hub.join(this.#tail.head);
  }

  #loseRelay(): void {
    this.#hub.lost();
    this.#phase = 'none';
    this.#history = [];
    if (this.#resetReason !== null || this.#tail.head === null) {
      this.#closeLive();
      this.#resetReason = null;
      this.#tail.clear();
      this.#shelf.clear();
    }
    if (this.#audience.size === 0) {
      this.#tail.clear();
      this.#shelf.clear();
      return;
    }
    this.#audience.setUpstream('seeking', this.#options.clock.now());
    this.#watchHub();
    this.#keepTicking();
  }

  /** Nobody can say any more how far these have come. They know, and come back with it. */
  #closeLive(): void {
    for (const session of this.#audience.live()) this.#audience.close(session, 'upstreamReset');
  }

  /** Rule HB1 for our own hop: without a relay, or with a silent one, the hub is asked to dial. */
  #watchHub(): void {
    if (this.#audience.size === 0) return;
    if (this.#hub.isSilent) this.#loseRelay();
    else if (!this.#hub.isOpen) this.#hub.poke();
  }

  /**
   * While all is well the hub's frames are the clock: a pending timer would keep the platform from ever putting this
   * object to sleep. Only who waits, or misses the hub, needs one.
   */
  #keepTicking(): void {
    if (this.#cancelTick !== null || this.#audience.size === 0) return;
    if (this.#hub.isOpen && !this.#audience.hasUnsettled) return;
    this.#cancelTick = this.#options.clock.setTimer(TICK_MS, () => {
      this.#cancelTick = null;
      this.#tick();
      this.#keepTicking();
    });
  }

  #tick(): void {
    const now = this.#options.clock.monotonic();
    this.#lastTickAt = now;
    this.#watchHub();
    this.#audience.readmitDrained();
    for (const session of this.#audience.waiting()) {
      if (now - session.state.since >= GREET_AFTER_MS) this.#audience.greet(session);
      this.#serve(session);
    }
    this.#audience.keepAwake();
    this.#hub.report();
  }
}

import type { Backoff } from '../base/backoff.ts';
import { type Clock, systemClock } from '../base/clock.ts';
import type { CloseVerdict } from '../wire/close-codes.ts';
import { type Cut, HOP_DEAD_AFTER_MS, type ServerMessage, type Snapshot } from '../wire/messages.ts';
import { comparePositions, type Position } from '../wire/position.ts';
import { PathChoice } from './path-choice.ts';
import { type Incumbent, judgeBatch, judgeSnapshot, type Verdict } from './path-trial.ts';
import type { StreamSource } from './source.ts';
import { StreamPath } from './stream-path.ts';
import { type Received, type ReceivedBatch, type ReceivedSnapshot, StreamReceiver } from './stream-receiver.ts';

export type ConnectionState =
  /** Opening a path; nothing has come yet. */
  | { readonly name: 'connecting'; readonly source: string; readonly since: number; readonly reason: string | null }
  | { readonly name: 'live'; readonly source: string; readonly since: number; readonly reason: null }
  /** Connected to a server that is itself looking for its upstream, or is behind us. */
  | { readonly name: 'seeking'; readonly source: string; readonly since: number; readonly reason: string }
  /** All paths failed lately; the next attempt is waiting for its time. */
  | { readonly name: 'waiting'; readonly source: string; readonly since: number; readonly reason: string }
  /** Refused for good by every path, or stopped by us. */
  | { readonly name: 'stopped'; readonly source: string; readonly since: number; readonly reason: string };

export type ResilientSourceOptions = {
  /** In order of preference, at least one. */
  readonly sources: readonly StreamSource[];
  readonly cut?: Cut;
  /** What the consumer already has. */
  readonly position?: Position | null;
  readonly onBatch: (batch: ReceivedBatch) => void;
  readonly onSnapshot: (snapshot: ReceivedSnapshot) => void;
  readonly onHeartbeat?: (position: Position, writer: number) => void;
  /** After what was delivered: `live` means that the consumer has it. */
  readonly onState?: (state: ConnectionState) => void;
  readonly clock?: Clock;
  readonly random?: () => number;
  /** A path that has sent nothing at all after this long is given up. */
  readonly openTimeoutMs?: number;
  /** How long a fallback is kept before the preferred path is tried again beside it. */
  readonly preferredRetryMs?: number;
  readonly backoff?: Backoff;
  /**
   * Rule GAP1: when a path says on opening that what we lack is lost, every other path is asked before that is believed.
   * `false` for readers whose servers ask for them already.
   */
  readonly healElsewhere?: boolean;
};

/** Counts of what was healed, for health and tests. */
export type SourceCounters = { opened: number; holes: number; lost: number; switched: number };

/**
 * The one mechanism behind fallback, failover, resume and catch-up: reads the stream from the best of several sources,
 * resuming by position on whichever works. Overlap is trimmed by the receiver, so a new path can be opened beside the
 * old one and takes over once it has shown a position that is not behind ours (rule HB1).
 *
 * Callbacks may call `stop()` and `start()`; nothing is delivered after `stop()`.
 */
export class ResilientSource {
  readonly counters: SourceCounters = { opened: 0, holes: 0, lost: 0, switched: 0 };
  /** Records of deposed leaders that were dropped (rule ORD2). */
  staleWriters = 0;
  readonly #options: Required<Omit<ResilientSourceOptions, 'position'>>;
  readonly #receiver: StreamReceiver;
  #isRunning = false;
  #current: StreamPath | null = null;
  /** A path that is being tried while the current one still serves. */
  #probe: StreamPath | null = null;
  #cancelRetry: () => void = () => {};
  #cancelPreferred: () => void = () => {};
  #cancelTrial: () => void = () => {};
  readonly #choice: PathChoice;
  #state: ConnectionState;

  constructor({ position = null, ...options }: ResilientSourceOptions) {
    if (options.sources.length === 0) throw new RangeError('a stream needs at least one source');
    this.#options = {
      cut: 'full',
      onHeartbeat: () => {},
      onState: () => {},
      clock: systemClock,
      random: Math.random,
      openTimeoutMs: 5_000,
      preferredRetryMs: 30_000,
      backoff: { baseMs: 250, capMs: 10_000 },
      healElsewhere: true,
      ...options,
    };
    this.#choice = new PathChoice(options.sources.length, this.#options.backoff, this.#options.random);
    this.#receiver = new StreamReceiver(position);
    this.#state = { name: 'stopped', source: '', since: this.#options.clock.now(), reason: 'not started' };
  }

  get position(): Position | null {
    return this.#receiver.position;
  }

  get state(): ConnectionState {
    return this.#state;
  }

  start(): void {
    if (this.#isRunning) return;
    this.#isRunning = true;
    this.#choice.reset();
    this.#open(0, null);
  }

  stop(reason = 'stopped'): void {
    if (!this.#isRunning) return;
    this.#isRunning = false;
    this.#cancelRetry();
    this.#cancelPreferred();
    this.#dropProbe();
    const current = this.#current;
    this.#current = null;
    current?.close();
    this.#setState({ name: 'stopped', source: this.#state.source, reason });
  }

  #open(index: number, reason: string | null): void {
    this.#receiver.pathChanged();
    const path = this.#newPath(index);
    this.#current = path;
    this.#setState({ name: 'connecting', source: path.source.name, reason });
    this.#watchPreferred();
    path.open({ position: this.#choice.isUnhealable ? null : this.#receiver.position, cut: this.#options.cut });
  }

  #newPath(index: number): StreamPath {
    this.counters.opened++;
    const { sources, clock, openTimeoutMs } = this.#options;
    return new StreamPath({
      source: sources[index]!,
      index,
      clock,
      openTimeoutMs,
      sink: {
        message: (path, message) => this.#message(path, message),
        closed: (path, reason, verdict) => this.#closed(path, reason, verdict),
      },
    });
  }

  #message(path: StreamPath, message: ServerMessage): void {
    if (path === this.#probe) {
      if (!this.#takesOver(path, message)) return;
      this.#promote(path);
    } else if (path === this.#current && message.type === 'snapshot' && this.#mayBeHealedElsewhere(path, message)) {
      path.close();
      this.#failed(path, 'its history does not reach back to us');
      return;
    }
    if (path === this.#current) this.#received(path, this.#receiver.receive(message));
  }

  #received(path: StreamPath, received: Received): void {
    switch (received.kind) {
      case 'hello': {
        const { epoch, offset } = received.hello;
        if (this.#isBehind({ epoch, offset })) this.#seek(path, 'the server is behind');
        return;
      }
      case 'status':
        path.isUpstreamLive = received.status.upstream === 'live';
        if (!path.isUpstreamLive) this.#seek(path, 'the server has lost its upstream');
        return;
      case 'nothing':
        this.#gotNothing(path, received.why);
        return;
      case 'heartbeat':
        // Only the leader beats, so whoever passes it on has an upstream, whatever it said last.
        path.isUpstreamLive = true;
        this.#served(path);
        this.#options.onHeartbeat(received.position, received.writer);
        this.#isLive(path);
        return;
      case 'batch':
        this.#served(path);
        this.#choice.moved();
        this.#options.onBatch(received.batch);
        this.#isLive(path);
        return;
      case 'snapshot':
        this.#served(path);
        this.#choice.moved();
        if (!received.snapshot.recovered) this.counters.lost++;
        this.#options.onSnapshot(received.snapshot);
        this.#isLive(path);
        return;
      case 'hole':
        // History heals it: the same path is asked again from our position, then the others in turn.
        this.counters.holes++;
        this.#choice.hole();
        path.close();
        this.#failed(path, `events are missing between ${show(received.have)} and ${show(received.got)}`);
        return;
    }
  }

  #isBehind(position: Position): boolean {
    const ours = this.#receiver.position;
    return ours !== null && comparePositions(position, ours) < 0;
  }

  #served(path: StreamPath): void {
    path.hasDelivered = true;
    path.uselessSince = null;
    this.#choice.served();
  }

  #isLive(path: StreamPath): void {
    if (path !== this.#current || !path.isUpstreamLive || this.#state.name === 'live') return;
    // Whoever was sought while this one had no upstream is not needed any more, unless it is preferred anyway.
    if (this.#probe !== null && this.#probe.index > path.index) this.#dropProbe();
    this.#setState({ name: 'live', source: path.source.name, reason: null });
    this.#watchPreferred();
  }

  /** Messages come, but none that helps: a path that goes on like this is as good as silent. */
  #gotNothing(path: StreamPath, why: (Received & { kind: 'nothing' })['why']): void {
    if (why === 'partial') {
      path.uselessSince = null;
      return;
    }
    if (why === 'staleWriter') this.staleWriters++;
    const now = this.#options.clock.monotonic();
    path.uselessSince ??= now;
    const uselessMs = now - path.uselessSince;
    if (this.#receiver.position === null) {
      if (uselessMs < this.#options.openTimeoutMs) return;
      path.close();
      this.#failed(path, 'no snapshot came');
    } else if (uselessMs >= HOP_DEAD_AFTER_MS) {
      this.#seek(path, why === 'staleWriter' ? 'the server follows a deposed leader' : 'the server is behind');
    }
  }

  #seek(path: StreamPath, reason: string): void {
    if (path !== this.#current || this.#state.name === 'seeking') return;
    this.#setState({ name: 'seeking', source: path.source.name, reason });
    if (path === this.#current) this.#watchPreferred();
  }

  /** Rule GAP1: what one path has lost, another may still have. A loss in mid-stream is the server's to decide (SLO1). */
  #mayBeHealedElsewhere(path: StreamPath, { reason }: Snapshot): boolean {
    if (reason !== 'lost' || path.hasDelivered || this.#receiver.position === null) return false;
    this.#choice.tried(path.index);
    return this.#options.healElsewhere && this.#choice.hasUntriedBeside(path.index);
  }

  /** Whether a path on trial takes over with this message; what it said before is not needed. */
  #takesOver(path: StreamPath, message: ServerMessage): boolean {
    const verdict = this.#judge(path, message);
    if (verdict === 'dismiss') this.#endTrial(path);
    return verdict === 'takeOver';
  }

  #judge(path: StreamPath, message: ServerMessage): Verdict {
    switch (message.type) {
      case 'hello':
        // For its lineage.
        this.#receiver.receive(message);
        return 'wait';
      case 'status':
        path.isUpstreamLive = message.upstream === 'live';
        return 'wait';
      case 'snapshot':
        this.#choice.tried(path.index);
        return judgeSnapshot(message, this.#incumbent());
      case 'batch':
        return judgeBatch(path, message, this.#incumbent(), this.#options.clock.monotonic());
    }
  }

  #incumbent(): Incumbent {
    const { position, writer } = this.#receiver;
    const isLastHope = this.#current === null || !this.#choice.hasUntriedBeside(this.#current.index);
    return { position, writer, isSeeking: this.#state.name === 'seeking', isLastHope };
  }

  #promote(path: StreamPath): void {
    this.counters.switched++;
    const old = this.#current;
    this.#adoptProbe(path, null);
    old?.close();
  }

  #adoptProbe(path: StreamPath, reason: string | null): void {
    this.#cancelTrial();
    this.#probe = null;
    this.#current = path;
    this.#receiver.pathChanged();
    this.#setState({ name: 'connecting', source: path.source.name, reason });
    if (this.#current === path) this.#watchPreferred();
  }

  #closed(path: StreamPath, reason: string, verdict: CloseVerdict): void {
    if (path !== this.#probe && path !== this.#current) return;
    if (verdict === 'stop') this.#choice.refused(path.index);
    if (path === this.#current) this.#failed(path, reason, verdict === 'elsewhere');
    else {
      this.#choice.tried(path.index);
      this.#endTrial(path);
    }
  }

  /** @param isLeaving its server is about to end: there is no use in going back to it */
  #failed(path: StreamPath, reason: string, isLeaving = false): void {
    const { sources, clock } = this.#options;
    this.#current = null;
    this.#cancelPreferred();
    if (!path.hasDelivered) this.#choice.tried(path.index);
    const probe = this.#probe;
    if (probe !== null) {
      // Another path is on its way already.
      this.#adoptProbe(probe, reason);
      if (!probe.isUpstreamLive) this.#seek(probe, 'the server has lost its upstream');
      return;
    }
    const next = this.#choice.after(path.index, path.hasDelivered && !isLeaving);
    if (next === null) {
      this.stop(reason);
      return;
    }
    const waitMs = isLeaving && next !== path.index ? this.#choice.moveWaitMs() : this.#choice.nextWaitMs();
    this.#cancelRetry = clock.setTimer(waitMs, () => this.#open(next, reason));
    this.#setState({ name: 'waiting', source: sources[next]!.name, reason });
  }

  /** While a fallback or a seeking server serves, other paths are tried beside it from time to time. */
  #watchPreferred(): void {
    this.#cancelPreferred();
    const current = this.#current;
    if (current === null || this.#probe !== null) return;
    const isSeeking = this.#state.name === 'seeking';
    const candidates = this.#choice.othersThan(current.index).filter(index => isSeeking || index < current.index);
    if (candidates.length === 0) return;
    const { clock, preferredRetryMs, openTimeoutMs, cut } = this.#options;
    this.#cancelPreferred = clock.setTimer(isSeeking ? HOP_DEAD_AFTER_MS : preferredRetryMs, () => {
      const path = this.#newPath(candidates[current.probes++ % candidates.length]!);
      this.#probe = path;
      // One that is itself seeking could stay for ever, and nobody else would be tried.
      this.#cancelTrial = clock.setTimer(openTimeoutMs, () => this.#endTrial(path));
      path.open({ position: this.#receiver.position, cut });
    });
  }

  #endTrial(path: StreamPath): void {
    if (path !== this.#probe) return;
    this.#dropProbe();
    this.#watchPreferred();
  }

  #dropProbe(): void {
    this.#cancelTrial();
    const probe = this.#probe;
    this.#probe = null;
    probe?.close();
  }

  #setState(state: Pick<ConnectionState, 'name' | 'source' | 'reason'>): void {
    const since = this.#options.clock.now();
    this.#state = { ...state, since } as ConnectionState;
    this.#options.onState(this.#state);
  }
}

function show({ epoch, offset }: Position): string {
  return `${epoch}:${offset}`;
}

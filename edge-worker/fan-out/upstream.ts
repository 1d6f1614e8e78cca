import type { CancelTimer, Clock } from '../../shared/base/clock.ts';
import { type ConnectionState, ResilientSource } from '../../shared/stream/resilient-source.ts';
import type { StreamSource } from '../../shared/stream/source.ts';
import { StreamLog } from '../../shared/stream/stream-log.ts';
import type { ReceivedBatch, ReceivedSnapshot } from '../../shared/stream/stream-receiver.ts';
import type { Batch, SnapshotReason, UpstreamState } from '../../shared/wire/messages.ts';

export type UpstreamOptions = {
  readonly clock: Clock;
  /** Ingest nodes in order of preference. */
  readonly sources: readonly StreamSource[];
  readonly random: () => number;
  /** There is so much to send that the next tick should not be waited for. */
  readonly onPressure: () => void;
  /** Called before the log jumps to a snapshot: the last chance to send what was before it. */
  readonly onBeforeReset: () => void;
  readonly onReset: (reason: SnapshotReason) => void;
  /** It went from live to seeking or back. */
  readonly onTurn: () => void;
};

/** What is known about the upstream, for status and health. */
export type UpstreamView = {
  readonly isFollowing: boolean;
  readonly state: UpstreamState;
  readonly since: number;
  readonly source: string;
  /** The last reason for trouble; stays after the recovery. */
  readonly lastError: string | null;
};

/** The log is only the buffer between two ticks: encoded history is kept elsewhere. */
const PENDING_BOUNDS = { maxAgeMs: 10_000, maxBytes: 8 * 1024 * 1024 };
const PRESSURE_BYTES = 1024 * 1024;
/** When every node has refused us for good, they may be configured otherwise after this. */
const STOPPED_RETRY_MS = 5_000;

/** The stream as it comes from the nodes: latest state, what has not been sent on yet, and how the connection fares. */
export class Upstream {
  readonly #options: UpstreamOptions;
  #log = new StreamLog(PENDING_BOUNDS);
  #source: ResilientSource | null = null;
  /** Ring number of the first batch that was not taken. */
  #unsent = 0;
  #unsentBytes = 0;
  #heartbeatWriter: number | null = null;
  #view: Omit<UpstreamView, 'isFollowing'>;
  #cancelRestart: CancelTimer = () => {};

  constructor(options: UpstreamOptions) {
    this.#options = options;
    this.#view = { state: 'seeking', since: options.clock.now(), source: '', lastError: null };
  }

  get log(): StreamLog {
    return this.#log;
  }

  get view(): UpstreamView {
    return { isFollowing: this.#source !== null, ...this.#view };
  }

  get isFollowing(): boolean {
    return this.#source !== null;
  }

  start(): void {
    const { sources, clock, random } = this.#options;
    this.#cancelRestart();
    this.#source = new ResilientSource({
      sources,
      clock,
      random,
      position: this.#log.position.epoch === 0 ? null : this.#log.position,
      onBatch: batch => this.#batch(batch),
      onSnapshot: snapshot => this.#snapshot(snapshot),
      onHeartbeat: (_position, writer) => {
        this.#heartbeatWriter = writer;
      },
      onState: state => this.#turned(state),
    });
    this.#source.start();
  }

  /** Lets go, and forgets everything. */
  stop(): void {
    const source = this.#source;
    this.#source = null;
    this.#cancelRestart();
    source?.stop('no viewers');
    this.#log = new StreamLog(PENDING_BOUNDS);
    this.#unsent = 0;
    this.#unsentBytes = 0;
    this.#heartbeatWriter = null;
  }

  /** Batches since the last time. */
  takeUnsent(): Batch[] {
    const { ring } = this.#log;
    const batches: Batch[] = [];
    for (let number = this.#unsent; number < ring.end; number++) batches.push(ring.at(number)!.batch);
    this.#unsent = ring.end;
    this.#unsentBytes = 0;
    return batches;
  }

  /** The writer of a heartbeat that came since the last time; `null`: none came, and none may be invented (rule HB1). */
  takeHeartbeat(): number | null {
    const writer = this.#heartbeatWriter;
    this.#heartbeatWriter = null;
    return writer;
  }

  #batch({ lineage, ...received }: ReceivedBatch): void {
    const batch: Batch = { type: 'batch', ...received, ...(lineage === null ? {} : { lineage }) };
    if (batch.epoch > this.#log.position.epoch) this.#log.beginEpoch(batch.epoch, lineage ?? this.#log.lineage);
    this.#log.append(batch, this.#options.clock.monotonic());
    this.#unsentBytes += this.#log.ring.at(this.#log.ring.end - 1)!.bytes;
    if (this.#unsentBytes >= PRESSURE_BYTES) this.#options.onPressure();
  }

  /** A snapshot: between it and what we had is a gap, or there was nothing before. */
  #snapshot({ position, writer, lineage, reason, events }: ReceivedSnapshot): void {
    this.#options.onBeforeReset();
    this.#log.reset(position, writer, lineage, events);
    this.#unsent = this.#log.ring.end;
    this.#unsentBytes = 0;
    this.#options.onReset(reason);
  }

  #turned({ name, source, reason }: ConnectionState): void {
    const { clock } = this.#options;
    const state: UpstreamState = name === 'live' ? 'live' : 'seeking';
    const hasTurned = state !== this.#view.state;
    const since = hasTurned ? clock.now() : this.#view.since;
    this.#view = { state, since, source, lastError: reason ?? this.#view.lastError };
    if (hasTurned) this.#options.onTurn();
    if (name === 'stopped' && this.#source !== null) {
      this.#cancelRestart = clock.setTimer(STOPPED_RETRY_MS, () => this.start());
    }
  }
}

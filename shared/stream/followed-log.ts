import type { CancelTimer, Clock } from '../base/clock.ts';
import type { EpochMillis } from '../model/time.ts';
import type { Batch, UpstreamState } from '../wire/messages.ts';
import type { Position } from '../wire/position.ts';
import { type ConnectionState, ResilientSource, type SourceCounters } from './resilient-source.ts';
import type { StreamSource } from './source.ts';
import type { StreamLog } from './stream-log.ts';
import type { ReceivedBatch, ReceivedSnapshot } from './stream-receiver.ts';

export type FollowedLogOptions = {
  /** Nobody else appends to it while it is followed. */
  readonly log: StreamLog;
  /** In order of preference, at least one. */
  readonly sources: readonly StreamSource[];
  readonly clock: Clock;
  readonly random?: () => number;
  /** How long a fallback is kept before the preferred path is tried again beside it; 5 s by default. */
  readonly preferredRetryMs?: number;
  /** Everything up to here has been sent to us; only what came may be passed on (rule HB1). */
  readonly onHeartbeat?: (position: Position, writer: number) => void;
  /** After it was appended. */
  readonly onBatch?: (batch: Batch) => void;
  /** Before the log jumps to a snapshot: the last chance to send what was before it. */
  readonly onBeforeReset?: (snapshot: ReceivedSnapshot) => void;
  readonly onReset?: (snapshot: ReceivedSnapshot) => void;
  /** It went from live to seeking or back. */
  readonly onTurn?: (view: FollowedView) => void;
};

/** How the connection to the stream fares, for status and health. */
export type FollowedView = {
  readonly isFollowing: boolean;
  readonly state: UpstreamState;
  readonly since: EpochMillis;
  /** Name of the path in use, or tried. */
  readonly source: string;
  /** The last reason for trouble; stays after the recovery. */
  readonly lastError: string | null;
};

/** A relay is back on the better path soon: whoever reads from it is not disturbed by that. */
const PREFERRED_RETRY_MS = 5_000;
/** When every path has refused us for good, they may be configured otherwise after this. */
const STOPPED_RETRY_MS = 5_000;

/**
 * Keeps a log by reading the stream from the best of several paths, for others to read: what follower nodes and edge hubs
 * are. It goes on from where the log stands, however that came there, as often as it is started.
 */
export class FollowedLog {
  readonly #options: FollowedLogOptions;
  readonly #counters = { opened: 0, holes: 0, lost: 0, switched: 0, staleWriters: 0 };
  #source: ResilientSource | null = null;
  #view: Omit<FollowedView, 'isFollowing'>;
  #cancelRestart: CancelTimer = () => {};

  constructor(options: FollowedLogOptions) {
    this.#options = options;
    this.#view = { state: 'seeking', since: options.clock.now(), source: '', lastError: null };
  }

  get log(): StreamLog {
    return this.#options.log;
  }

  get isFollowing(): boolean {
    return this.#source !== null;
  }

  get view(): FollowedView {
    return { isFollowing: this.isFollowing, ...this.#view };
  }

  /** Since this object was made. */
  get counters(): SourceCounters & { readonly staleWriters: number } {
    const totals = { ...this.#counters };
    if (this.#source !== null) addTo(totals, this.#source);
    return totals;
  }

  start(): void {
    if (this.#source !== null) return;
    const { log, sources, clock, random, onHeartbeat, preferredRetryMs = PREFERRED_RETRY_MS } = this.#options;
    this.#source = new ResilientSource({
      sources,
      clock,
      ...(random === undefined ? {} : { random }),
      preferredRetryMs,
      position: log.position.epoch === 0 ? null : log.position,
      onBatch: batch => {
        const appended = applyBatch(log, batch, clock.monotonic());
        this.#options.onBatch?.(appended);
      },
      onSnapshot: snapshot => {
        this.#options.onBeforeReset?.(snapshot);
        applySnapshot(log, snapshot);
        this.#options.onReset?.(snapshot);
      },
      ...(onHeartbeat === undefined ? {} : { onHeartbeat }),
      onState: state => this.#turned(state),
    });
    this.#source.start();
  }

  /** Nothing is applied after this; the log stays as it is. */
  stop(reason = 'stopped'): void {
    this.#cancelRestart();
    this.#letGo(reason);
  }

  #letGo(reason: string): void {
    const source = this.#source;
    if (source === null) return;
    this.#source = null;
    addTo(this.#counters, source);
    source.stop(reason);
  }

  #turned({ name, source, reason }: ConnectionState): void {
    const { clock, onTurn } = this.#options;
    const state: UpstreamState = name === 'live' ? 'live' : 'seeking';
    const hasTurned = state !== this.#view.state;
    const since = hasTurned ? clock.now() : this.#view.since;
    this.#view = { state, since, source, lastError: reason ?? this.#view.lastError };
    if (hasTurned) onTurn?.(this.view);
    if (name !== 'stopped' || this.#source === null) return;
    this.#cancelRestart = clock.setTimer(STOPPED_RETRY_MS, () => {
      this.#letGo('all paths refused');
      this.start();
    });
  }
}

function addTo(totals: SourceCounters & { staleWriters: number }, { counters, staleWriters }: ResilientSource): void {
  totals.opened += counters.opened;
  totals.holes += counters.holes;
  totals.lost += counters.lost;
  totals.switched += counters.switched;
  totals.staleWriters += staleWriters;
}

/** A received batch as one that can be kept and passed on. */
export function batchOf({ lineage, ...batch }: ReceivedBatch): Batch {
  return { type: 'batch', ...batch, ...(lineage === null ? {} : { lineage }) };
}

/** Takes a batch over that follows what the log holds; the answer is what was appended. */
export function applyBatch(log: StreamLog, received: ReceivedBatch, at: number): Batch {
  const batch = batchOf(received);
  if (batch.epoch > log.position.epoch) log.beginEpoch(batch.epoch, batch.lineage ?? log.lineage);
  log.append(batch, at);
  return batch;
}

/** Begins anew from a snapshot: between it and what the log held is a gap, or there was nothing before. */
export function applySnapshot(log: StreamLog, { position, writer, lineage, events }: ReceivedSnapshot): void {
  log.reset(position, writer, lineage, events);
}

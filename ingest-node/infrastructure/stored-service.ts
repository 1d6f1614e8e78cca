import type { CancelTimer, Clock } from '../../shared/base/clock.ts';
import type { StreamSource } from '../../shared/stream/source.ts';
import type { ComponentHealth } from '../../shared/wire/service-info.ts';
import type { InfrastructureService, PathTail, PublishTerm } from './infrastructure-service.ts';
import { PathPublisher, type PathWriter } from './path-publisher.ts';
import type { RoundTrips } from './round-trips.ts';

export type StoredServiceParts = {
  readonly name: string;
  readonly source: StreamSource;
  readonly writer: PathWriter & { tail(): Promise<PathTail> };
  /** Told of every request by whoever makes them. */
  readonly trips: RoundTrips;
  /** The smallest of requests, for when nobody makes any. */
  readonly ping: () => Promise<unknown>;
  readonly close: () => unknown;
  readonly clock: Clock;
  /** Least time between two writes. */
  readonly paceMs: number;
  readonly snapshotIntervalMs: number;
  readonly random: () => number;
};

/** How often is looked whether anything was answered lately. */
const PROBE_INTERVAL_MS = 1_000;
/** Longer ago than that is not lately. Less than the interval: the last probe's own answer came a moment after it. */
const RECENT_MS = 500;

/** A service that stores the stream, made of how it is written, how it is read and how it is asked. */
export class StoredService implements InfrastructureService {
  readonly name: string;
  readonly source: StreamSource;
  readonly #parts: StoredServiceParts;
  readonly #publisher: PathPublisher;
  #cancelProbe: CancelTimer = () => {};

  constructor(parts: StoredServiceParts) {
    this.#parts = parts;
    this.name = parts.name;
    this.source = parts.source;
    this.#publisher = new PathPublisher(parts);
  }

  start(): void {
    this.#probe();
  }

  tail(): Promise<PathTail> {
    return this.#parts.writer.tail();
  }

  fence(writer: number): Promise<PathTail> {
    return this.#parts.writer.fence(writer);
  }

  publish(term: PublishTerm): void {
    this.#publisher.begin(term);
  }

  heartbeat(): void {
    this.#publisher.heartbeat();
  }

  flush(withinMs: number): Promise<boolean> {
    return this.#publisher.flush(withinMs);
  }

  retire(): void {
    this.#publisher.end();
  }

  health(): ComponentHealth {
    const { fault } = this.#publisher;
    const health: ComponentHealth = { name: this.name, enabled: true, ...this.#parts.trips.health };
    if (fault === null || health.state === 'down') return health;
    // It answers, and takes nothing: out of memory, read only, a disk that is full.
    return { ...health, state: 'down', since: fault.since, lastError: fault.reason };
  }

  async stop(): Promise<void> {
    this.#cancelProbe();
    this.#publisher.end();
    await this.#parts.close();
  }

  /** Asks when nothing else did: an answer to anything is as good. */
  #probe(): void {
    const { clock, trips, ping } = this.#parts;
    if (clock.monotonic() - trips.lastAnswerAt >= RECENT_MS) ping().catch(() => {});
    this.#cancelProbe = clock.setTimer(PROBE_INTERVAL_MS, () => this.#probe());
  }
}

/** Notes what was found where something of ours should be, with how often. */
export function noting(trips: RoundTrips): (fault: string) => void {
  let faults = 0;
  return fault => trips.note(`${fault} (${++faults} such so far)`);
}

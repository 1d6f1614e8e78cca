import type { CancelTimer, Clock } from '../../shared/base/clock.ts';
import { within } from '../../shared/base/within.ts';
import type { RedisConnection } from '../../shared/stream/redis/redis-connection.ts';
import { RedisSource } from '../../shared/stream/redis/redis-source.ts';
import type { StreamSource } from '../../shared/stream/source.ts';
import type { ComponentHealth } from '../../shared/wire/service-info.ts';
import type { InfrastructureService, PathTail, PublishTerm } from './infrastructure-service.ts';
import { PathPublisher } from './path-publisher.ts';
import { RedisWriter } from './redis-writer.ts';
import { RoundTrips } from './round-trips.ts';

export type RedisServiceOptions = {
  /** Stopped with the service. */
  readonly connection: RedisConnection;
  readonly clock: Clock;
  /** Least time between two writes; Upstash bills per command. */
  readonly paceMs?: number;
  readonly snapshotIntervalMs?: number;
  readonly random?: () => number;
};

/** Without any other round trip, one is made this often. */
const PROBE_INTERVAL_MS = 1_000;
/** It is tiny, so it need not have as long as a command may take. */
const PROBE_WITHIN_MS = 800;

/** The stream through a Redis, however that is reached. */
export class RedisService implements InfrastructureService {
  readonly name = 'redis';
  readonly source: StreamSource;
  readonly #connection: RedisConnection;
  readonly #clock: Clock;
  readonly #trips: RoundTrips;
  readonly #writer: RedisWriter;
  readonly #publisher: PathPublisher;
  #cancelProbe: CancelTimer = () => {};
  /** Records and keys of ours that held something else. */
  faults = 0;

  constructor({
    connection,
    clock,
    paceMs = 50,
    snapshotIntervalMs = 20_000,
    random = Math.random,
  }: RedisServiceOptions) {
    this.#connection = connection;
    this.#clock = clock;
    this.#trips = new RoundTrips(clock);
    const onFault = (fault: string) => {
      this.faults++;
      this.#trips.note(`${fault} (${this.faults} such so far)`);
    };
    const measured: RedisConnection = {
      name: connection.name,
      command: (...words) => this.#trips.run(() => connection.command(...words)),
      subscribe: (channel, sink) => connection.subscribe(channel, sink),
      stop: () => connection.stop(),
    };
    this.#writer = new RedisWriter(measured, onFault);
    this.source = new RedisSource({ connection: measured, clock, onFault });
    this.#publisher = new PathPublisher({ writer: this.#writer, clock, paceMs, snapshotIntervalMs, random });
  }

  start(): void {
    this.#probe();
  }

  tail(): Promise<PathTail> {
    return this.#writer.tail();
  }

  fence(writer: number): Promise<PathTail> {
    return this.#writer.fence(writer);
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
    const health: ComponentHealth = { name: this.name, enabled: true, ...this.#trips.health };
    if (fault === null || health.state === 'down') return health;
    // It answers, and takes nothing: out of memory, read only.
    return { ...health, state: 'down', since: fault.since, lastError: fault.reason };
  }

  async stop(): Promise<void> {
    this.#cancelProbe();
    this.#publisher.end();
    await this.#connection.stop();
  }

  /** Asks when nothing else did: an answer to anything is as good. */
  #probe(): void {
    const silentMs = this.#clock.monotonic() - this.#trips.lastAnswerAt;
    if (silentMs >= PROBE_INTERVAL_MS) this.#trips.run(() => this.#ping()).catch(() => {});
    this.#cancelProbe = this.#clock.setTimer(PROBE_INTERVAL_MS, () => this.#probe());
  }

  #ping(): Promise<unknown> {
    return within(this.#connection.command('PING'), PROBE_WITHIN_MS, this.#clock);
  }
}

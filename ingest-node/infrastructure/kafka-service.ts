import type { CancelTimer, Clock } from '../../shared/base/clock.ts';
import type { StreamSource } from '../../shared/stream/source.ts';
import type { ComponentHealth } from '../../shared/wire/service-info.ts';
import type { InfrastructureService, PathTail, PublishTerm } from './infrastructure-service.ts';
import type { KafkaAccess } from './kafka-access.ts';
import { KafkaConnection } from './kafka-connection.ts';
import { KafkaEvents } from './kafka-events.ts';
import { EVENTS_TOPIC, STREAM_TOPIC } from './kafka-layout.ts';
import { KafkaSource } from './kafka-source.ts';
import { KafkaWriter } from './kafka-writer.ts';
import { PathPublisher } from './path-publisher.ts';
import { RoundTrips } from './round-trips.ts';

export type KafkaServiceOptions = KafkaAccess & {
  readonly clock: Clock;
  /** Least time between two writes. */
  readonly paceMs?: number;
  readonly snapshotIntervalMs?: number;
  readonly random?: () => number;
};

/** Without any other round trip, one is made this often. */
const PROBE_INTERVAL_MS = 1_000;
const EVENTS_PACE_MS = 50;
/** A topic that was just created refuses for a moment. */
const EVENTS_PATIENCE_MS = 2_000;

/** The stream through a Kafka. */
export class KafkaService implements InfrastructureService {
  readonly name = 'kafka';
  readonly source: StreamSource;
  readonly #connection: KafkaConnection;
  readonly #clock: Clock;
  readonly #trips: RoundTrips;
  readonly #writer: KafkaWriter;
  readonly #publisher: PathPublisher;
  /** A connection of its own: what is written for other services must not keep the stream waiting. */
  readonly #eventsConnection: KafkaConnection;
  readonly events: KafkaEvents;
  #cancelProbe: CancelTimer = () => {};
  /** Records in topics of ours that are none of ours. */
  faults = 0;

  constructor({
    brokers,
    eventPartitions = 12,
    clock,
    paceMs = 20,
    snapshotIntervalMs = 20_000,
    random = Math.random,
  }: KafkaServiceOptions) {
    this.#clock = clock;
    this.#trips = new RoundTrips(clock);
    const onFault = (fault: string) => {
      this.faults++;
      this.#trips.note(`${fault} (${this.faults} such so far)`);
    };
    const connection = new KafkaConnection({ brokers, clock, measured: request => this.#trips.run(request) });
    this.#connection = connection;
    this.#eventsConnection = new KafkaConnection({ brokers, clock });
    this.events = new KafkaEvents({
      connection: this.#eventsConnection,
      clock,
      partitions: eventPartitions,
      paceMs: EVENTS_PACE_MS,
      random,
    });
    this.#writer = new KafkaWriter({ connection, onFault, onArrived: position => this.events.arrived(position) });
    this.source = new KafkaSource({
      name: connection.name,
      connect: () => new KafkaConnection({ brokers, clock }),
      clock,
      onFault,
    });
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
    this.events.begin(term);
  }

  heartbeat(): void {
    this.#publisher.heartbeat();
  }

  flush(withinMs: number): Promise<boolean> {
    return this.#publisher.flush(withinMs);
  }

  retire(): void {
    this.#publisher.end();
    this.events.end();
  }

  health(): ComponentHealth {
    const { fault } = this.#publisher;
    const health: ComponentHealth = { name: this.name, enabled: true, ...this.#trips.health };
    if (health.state === 'down') return health;
    if (fault === null) return this.#withoutEvents(health);
    // It answers, and takes nothing: a disk that is full, too few replicas.
    return { ...health, state: 'down', since: fault.since, lastError: fault.reason };
  }

  /** The stream is what followers live by: what other services miss is said, and sends nobody elsewhere. */
  #withoutEvents(health: ComponentHealth): ComponentHealth {
    const { fault } = this.events;
    if (fault === null || this.#clock.now() - fault.since < EVENTS_PATIENCE_MS) return health;
    return { ...health, lastError: `${EVENTS_TOPIC}: ${fault.reason}` };
  }

  async stop(): Promise<void> {
    this.#cancelProbe();
    this.#publisher.end();
    this.events.end();
    this.#connection.close();
    this.#eventsConnection.close();
  }

  /** Asks when nothing else did: an answer to anything is as good, a refusal too. */
  #probe(): void {
    const silentMs = this.#clock.monotonic() - this.#trips.lastAnswerAt;
    if (silentMs >= PROBE_INTERVAL_MS) this.#connection.partitions(STREAM_TOPIC).catch(() => {});
    this.#cancelProbe = this.#clock.setTimer(PROBE_INTERVAL_MS, () => this.#probe());
  }
}

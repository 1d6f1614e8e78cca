import type { Clock } from '../../shared/base/clock.ts';
import type { Position } from '../../shared/wire/position.ts';
import type { ComponentHealth } from '../../shared/wire/service-info.ts';
import type { PublishTerm } from './infrastructure-service.ts';
import type { KafkaAccess } from './kafka-access.ts';
import { KafkaBrokers } from './kafka-brokers.ts';
import { KafkaConnection } from './kafka-connection.ts';
import { KafkaEvents } from './kafka-events.ts';
import { KafkaPing } from './kafka-ping.ts';
import { KafkaSource } from './kafka-source.ts';
import { KafkaWriter } from './kafka-writer.ts';
import { RoundTrips } from './round-trips.ts';
import { noting, StoredService } from './stored-service.ts';

export type KafkaServiceOptions = KafkaAccess & {
  readonly clock: Clock;
  /** Least time between two writes. */
  readonly paceMs?: number;
  readonly snapshotIntervalMs?: number;
  readonly random?: () => number;
};

const EVENTS_PACE_MS = 50;
/** A topic that was just created refuses for a moment. */
const EVENTS_PATIENCE_MS = 2_000;

/** The stream through a Kafka, and beside it every event for other services. */
export class KafkaService extends StoredService {
  readonly events: KafkaEvents;
  readonly #clock: Clock;
  readonly #ping: KafkaPing;

  constructor({
    brokers: configured,
    tls = null,
    sasl = null,
    eventPartitions = 12,
    clock,
    paceMs = 20,
    snapshotIntervalMs = 20_000,
    random = Math.random,
  }: KafkaServiceOptions) {
    // What any connection learns of the brokers, all of them know.
    const access = { brokers: new KafkaBrokers(configured), clock, tls, sasl };
    const trips = new RoundTrips(clock);
    const onFault = noting(trips);
    const connection = new KafkaConnection({ ...access, measured: request => trips.run(request) });
    const ping = new KafkaPing(connection, clock);
    // A connection of its own: what is written for other services must not keep the stream waiting.
    const eventsConnection = new KafkaConnection(access);
    const events = new KafkaEvents({
      connection: eventsConnection,
      clock,
      partitions: eventPartitions,
      paceMs: EVENTS_PACE_MS,
      random,
    });
    const onArrived = (position: Position) => {
      ping.served();
      events.arrived(position);
    };
    super({
      name: 'kafka',
      source: new KafkaSource({
        name: connection.name,
        connect: () => new KafkaConnection(access),
        clock,
        onFault,
      }),
      writer: new KafkaWriter({ connection, onFault, onArrived }),
      trips,
      ping: () => ping.ask(),
      close: () => {
        connection.close();
        eventsConnection.close();
      },
      clock,
      paceMs,
      snapshotIntervalMs,
      random,
    });
    this.events = events;
    this.#ping = ping;
    this.#clock = clock;
  }

  override publish(term: PublishTerm): void {
    super.publish(term);
    this.events.begin(term);
  }

  override retire(): void {
    super.retire();
    this.events.end();
  }

  override async stop(): Promise<void> {
    this.events.end();
    await super.stop();
  }

  /** The stream is what followers live by: what other services miss is said, and sends nobody elsewhere. */
  override health(): ComponentHealth {
    const health = super.health();
    const refused = this.#ping.fault;
    if (refused !== null && health.state === 'up') {
      return { ...health, state: 'down', since: refused.since, lastError: refused.reason };
    }
    const { fault } = this.events;
    const isNews = health.state === 'up' && fault !== null && this.#clock.now() - fault.since >= EVENTS_PATIENCE_MS;
    return isNews ? { ...health, lastError: fault.reason } : health;
  }
}

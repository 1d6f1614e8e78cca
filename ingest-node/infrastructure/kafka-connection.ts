import type { Clock } from '../../shared/base/clock.ts';
import { type Address, keyOf } from './kafka-brokers.ts';
import { type Call, KafkaCluster, type KafkaClusterOptions, NO_LEADER_YET, NOT_ACKNOWLEDGED } from './kafka-cluster.ts';
import { type ClientRecord, loadMurmur2 } from './kafka-dialler.ts';
import { replicated } from './kafka-replication.ts';

/** One record to be written. */
export type KafkaRecord = {
  readonly key: string | null;
  readonly value: string | null;
  readonly headers: Readonly<Record<string, string>>;
};

export type ReadRecord = KafkaRecord & { readonly offset: number };

export type Fetched = {
  readonly records: readonly ReadRecord[];
  /** The first offset that the broker still has. */
  readonly start: number;
  /** The offset after the last one that may be read. */
  readonly end: number;
};

/** Who writes, as the broker tells writers of one name apart: a lower epoch is refused where a higher one has written. */
export type ProducerIdentity = { readonly id: string; readonly epoch: number };

export type TopicPlan = {
  readonly topic: string;
  readonly partitions: number;
  readonly settings: Readonly<Record<string, string>>;
};

export type KafkaConnectionOptions = KafkaClusterOptions;

/** Creating topics needs a majority of controllers. */
const CREATE_WITHIN_MS = 5_000;
/** The first use of a coordinator creates a topic of Kafka's own, and its broker's restart has it read back. */
const COORDINATOR_WITHIN_MS = 3_000;
const NO_COORDINATOR_YET = new Set([
  'GROUP_COORDINATOR_NOT_AVAILABLE',
  'GROUP_LOAD_IN_PROGRESS',
  'NOT_COORDINATOR_FOR_GROUP',
  'CONCURRENT_TRANSACTIONS',
]);
/** A write that has a number is known again by it: made once more, it is the same one and waits for its copies again. */
const NO_LEADER_OR_COPIES_YET: ReadonlySet<string> = new Set([...NO_LEADER_YET, NOT_ACKNOWLEDGED]);
/** The broker's own deadline for its followers, so that it says what we would only call silence. */
const ACKNOWLEDGED_WITHIN = 0.8;
const ALL_REPLICAS = -1;
/** Coordinators are found by what they coordinate. */
const TRANSACTIONS = 1;
const TOPIC_SETTINGS = 2;
const READ_UNCOMMITTED = 0;
const LATEST = -1;
const EARLIEST = -2;
/** Of a transaction that is never begun. */
const TRANSACTION_TIMEOUT_MS = 60_000;

/**
 * Requests to a Kafka, each with a deadline and none queued while there is no connection. Writing is repeated only where a
 * broker has said that it is not, or not yet, the one to ask; reading also where it went away.
 */
export class KafkaConnection {
  /** For people: `kafka 127.0.0.1:9092`. */
  readonly name: string;
  readonly #clock: Clock;
  readonly #cluster: KafkaCluster;
  readonly #acknowledged: { readonly acks: number; readonly timeout: number };
  /** Who gives out the identities of a name. */
  readonly #coordinators = new Map<string, Address>();

  constructor(options: KafkaConnectionOptions) {
    this.#clock = options.clock;
    this.#cluster = new KafkaCluster(options);
    this.#acknowledged = {
      acks: ALL_REPLICAS,
      timeout: Math.round(this.#cluster.requestTimeoutMs * ACKNOWLEDGED_WITHIN),
    };
    this.name = `kafka ${this.#cluster.name}`;
  }

  /** How many sockets are open. */
  get sockets(): number {
    return this.#cluster.sockets;
  }

  /** The number of partitions; rejects with `UNKNOWN_TOPIC_OR_PARTITION` where there is no such topic. */
  partitions(topic: string): Promise<number> {
    // Who leads what stays known meanwhile: the next write shall not wait for two answers.
    return this.#cluster.ask(
      { subject: topic, isReading: true },
      async call => (await this.#cluster.askLeadersOf(call, topic)).size,
    );
  }

  /** The partition of a key, as every client of Kafka finds it. */
  async partitionOf(key: string, partitions: number): Promise<number> {
    const murmur2 = await loadMurmur2();
    return (murmur2(key) & 0x7fffffff) % partitions;
  }

  /** Appends records to several partitions; when it rejects, some may have arrived in some of them. */
  appendEach(topic: string, records: ReadonlyMap<number, readonly KafkaRecord[]>): Promise<void> {
    const bytes = [...records.values()].reduce((sum, each) => sum + sizeOf(each), 0);
    return this.#cluster.ask({ subject: topic, bytes, notYetMs: 0 }, async call => {
      const byBroker = new Map<string, { leader: Address; partitions: { partition: number; messages: Message[] }[] }>();
      for (const [partition, each] of records) {
        const leader = await this.#cluster.leaderOf(call, topic, partition);
        const known = byBroker.get(keyOf(leader)) ?? { leader, partitions: [] };
        known.partitions.push({ partition, messages: this.#stamped(each) });
        byBroker.set(keyOf(leader), known);
      }
      const writes = [...byBroker.values()].map(({ leader, partitions }) =>
        this.#cluster.from(call, leader, broker =>
          broker.produce({ ...this.#acknowledged, topicData: [{ topic, partitions }] }),
        ),
      );
      await Promise.all(writes);
    });
  }

  /** Appends records to one partition, all of them or none; answers with the offset of the first. */
  async append(
    topic: string,
    partition: number,
    records: readonly KafkaRecord[],
    by?: { readonly identity: ProducerIdentity; readonly sequence: number },
  ): Promise<number> {
    const notYet = by === undefined ? NO_LEADER_YET : NO_LEADER_OR_COPIES_YET;
    return this.#cluster.ask({ subject: topic, bytes: sizeOf(records), notYet }, async call => {
      const messages = this.#stamped(records);
      const leader = await this.#cluster.leaderOf(call, topic, partition);
      const { topics } = await this.#cluster.from(call, leader, broker =>
        broker.produce({
          ...this.#acknowledged,
          topicData: [{ topic, partitions: [{ partition, firstSequence: by?.sequence ?? 0, messages }] }],
          ...(by === undefined ? {} : { producerId: by.identity.id, producerEpoch: by.identity.epoch }),
        }),
      );
      return Number(topics[0]!.partitions[0]!.baseOffset);
    });
  }

  #stamped(records: readonly KafkaRecord[]): Message[] {
    const timestamp = Math.round(this.#clock.now());
    return records.map(record => ({ ...record, timestamp }));
  }

  /** Reads from an offset on: at least one record when there is any, and waits so long when there is none. */
  async fetch(
    topic: string,
    partition: number,
    from: number,
    { waitMs, maxBytes }: { readonly waitMs: number; readonly maxBytes: number },
  ): Promise<Fetched> {
    return this.#cluster.ask({ subject: topic, bytes: maxBytes, extraMs: waitMs, isReading: true }, async call => {
      const leader = await this.#cluster.leaderOf(call, topic, partition);
      const { responses } = await this.#cluster.from(call, leader, broker =>
        broker.fetch({
          topics: [{ topic, partitions: [{ partition, fetchOffset: String(from), maxBytes }] }],
          isolationLevel: READ_UNCOMMITTED,
          maxWaitTime: waitMs,
          minBytes: 1,
          maxBytes,
        }),
      );
      const { messages, highWatermark, lastStartOffset } = responses[0]!.partitions[0]!;
      const records = messages.filter(({ isControlRecord }) => isControlRecord !== true).map(readRecord);
      return {
        // A batch is given back whole, even when it is asked for from its middle on.
        records: records.filter(({ offset }) => offset >= from),
        start: Math.max(0, Number(lastStartOffset ?? 0)),
        end: Number(highWatermark),
      };
    });
  }

  /** The offset that the next record of a partition will have. */
  end(topic: string, partition: number): Promise<number> {
    return this.#offset(topic, partition, LATEST);
  }

  /** The offset of the first record that is still there, or will be. */
  start(topic: string, partition: number): Promise<number> {
    return this.#offset(topic, partition, EARLIEST);
  }

  /** Bytes of a record batch that a topic takes at most, as it was laid out or as the brokers are set. */
  maxBatchBytes(topic: string): Promise<number> {
    const resource = { type: TOPIC_SETTINGS, name: topic, configNames: ['max.message.bytes'] };
    return this.#cluster.ask({ subject: topic, isReading: true }, async call => {
      const { resources } = await this.#cluster.fromAny(call, broker =>
        broker.describeConfigs({ resources: [resource] }),
      );
      return Number(resources[0]!.configEntries[0]!.configValue);
    });
  }

  #offset(topic: string, partition: number, timestamp: number): Promise<number> {
    return this.#cluster.ask({ subject: topic, isReading: true }, async call => {
      const topics = [{ topic, partitions: [{ partition, timestamp }] }];
      const leader = await this.#cluster.leaderOf(call, topic, partition);
      const { responses } = await this.#cluster.from(call, leader, broker => broker.listOffsets({ topics }));
      return Number(responses[0]!.partitions[0]!.offset);
    });
  }

  /** Becomes the one writer of that name: whoever was it before is refused wherever this one writes first. */
  nextIdentity(name: string): Promise<ProducerIdentity> {
    const asking = {
      subject: `the writer's name ${name}`,
      notYet: NO_COORDINATOR_YET,
      notYetMs: COORDINATOR_WITHIN_MS,
    };
    return this.#cluster.ask(asking, async call => {
      const coordinator = await this.#coordinatorOf(call, name);
      const { producerId, producerEpoch } = await this.#cluster.from(call, coordinator, broker =>
        broker.initProducerId({ transactionalId: name, transactionTimeout: TRANSACTION_TIMEOUT_MS }),
      );
      this.#coordinators.set(name, coordinator);
      return { id: producerId, epoch: producerEpoch };
    });
  }

  async #coordinatorOf(call: Call, name: string): Promise<Address> {
    const known = this.#coordinators.get(name);
    // Should it be wrong, it is not the one to ask the next time.
    this.#coordinators.delete(name);
    if (known !== undefined) return known;
    const { coordinator } = await this.#cluster.fromAny(call, broker =>
      broker.findGroupCoordinator({ groupId: name, coordinatorType: TRANSACTIONS }),
    );
    return coordinator;
  }

  /** Creates topics; rejects with `TOPIC_ALREADY_EXISTS` when somebody was faster with one of them. */
  createTopics(plans: readonly TopicPlan[]): Promise<void> {
    const subject = plans.map(({ topic }) => topic).join(', ');
    return this.#cluster.ask({ subject, extraMs: CREATE_WITHIN_MS }, async call => {
      const { controller, size } = await this.#cluster.askMembers(call, plans[0]!.topic);
      const topics = plans
        .map(plan => replicated(plan, size))
        .map(({ topic, partitions, replicas, settings }) => ({
          topic,
          numPartitions: partitions,
          replicationFactor: replicas,
          configEntries: Object.entries(settings).map(([name, value]) => ({ name, value })),
        }));
      await this.#cluster.from(call, controller, broker => broker.createTopics({ topics, timeout: CREATE_WITHIN_MS }));
    });
  }

  /** Ends every socket; what was asked is answered with the reason. The next request dials anew. */
  drop(reason: string): void {
    this.#cluster.drop(reason);
  }

  close(): void {
    this.#cluster.close();
  }
}

type Message = KafkaRecord & { readonly timestamp: number };

function sizeOf(records: readonly KafkaRecord[]): number {
  return records.reduce((sum, { value }) => sum + (value?.length ?? 0), 0);
}

function readRecord({ offset, key, value, headers }: ClientRecord): ReadRecord {
  const texts = Object.entries(headers).map(([name, bytes]) => [name, Array.isArray(bytes) ? '' : String(bytes ?? '')]);
  return {
    offset: Number(offset),
    key: key === null ? null : key.toString(),
    value: value === null ? null : value.toString(),
    headers: Object.fromEntries(texts),
  };
}

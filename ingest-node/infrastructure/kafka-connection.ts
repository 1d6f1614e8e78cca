/// <reference path="./kafkajs-internals.d.ts" />
import { connect, type Socket } from 'node:net';
import type { Clock } from '../../shared/base/clock.ts';
import { within } from '../../shared/base/within.ts';
import { type Address, KafkaBrokers, keyOf } from './kafka-brokers.ts';
import { KafkaRefusal, refusalOf } from './kafka-refusal.ts';
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

export type KafkaConnectionOptions = {
  /** {@link KafkaBrokers} where several connections are to know the same of them. */
  readonly brokers: readonly string[] | KafkaBrokers;
  readonly clock: Clock;
  /** How long each answer may take before it counts as lost, plus what a request's bytes need. */
  readonly requestTimeoutMs?: number;
  /** Made around every request. A refusal is an answer, and does not reject. */
  readonly measured?: <Answer>(request: () => Promise<Answer>) => Promise<Answer>;
};

/** A slow line is not a dead one: so many bytes more, a millisecond more. */
const BYTES_PER_MS = 4_096;
const CONNECT_WITHIN_MS = 1_000;
/** Creating topics needs a majority of controllers. */
const CREATE_WITHIN_MS = 5_000;
/** The first use of a coordinator creates a topic of Kafka's own, and its broker's restart has it read back. */
const COORDINATOR_WITHIN_MS = 3_000;
const NOT_YET = new Set([
  'GROUP_COORDINATOR_NOT_AVAILABLE',
  'GROUP_LOAD_IN_PROGRESS',
  'NOT_COORDINATOR_FOR_GROUP',
  'CONCURRENT_TRANSACTIONS',
]);
const NOT_YET_MS = 50;
const ALL_REPLICAS = -1;
/** Coordinators are found by what they coordinate. */
const TRANSACTIONS = 1;
const TOPIC_SETTINGS = 2;
const READ_UNCOMMITTED = 0;
const LATEST = -1;
const EARLIEST = -2;
/** Of a transaction that is never begun. */
const TRANSACTION_TIMEOUT_MS = 60_000;

type Client = Awaited<ReturnType<typeof loadClient>>;
type Broker = InstanceType<Client['Broker']>;

/**
 * Requests to a Kafka, each with a deadline, none repeated, none queued while there is no connection. The only file that
 * knows the client: of kafkajs it uses the protocol and the sockets' keeping, not the producer and the consumer above
 * them (infra/decisions/0011-kafka-without-groups.md). It is loaded with the first request.
 */
export class KafkaConnection {
  /** For people: `kafka 127.0.0.1:9092`. */
  readonly name: string;
  readonly #options: Required<KafkaConnectionOptions> & { readonly brokers: KafkaBrokers };
  /** With whom each is. */
  readonly #sockets = new Map<Socket, string>();
  /** Who is asked what anybody can answer; `null`: not found yet. */
  #seed: Address | null = null;
  #dialled = new Map<string, Promise<Broker>>();
  #addresses = new Map<number, Address>();
  #leaders = new Map<string, ReadonlyMap<number, number>>();
  /** Who gives out the identities of a name. */
  #coordinators = new Map<string, Address>();
  /** Whether anything was answered since the last dialling. */
  #hasAnswered = false;
  #isClosed = false;
  /** Counts the droppings: what was asked before one must not go on behind it. */
  #generation = 0;

  constructor({ requestTimeoutMs = 1_000, measured = request => request(), ...options }: KafkaConnectionOptions) {
    const brokers = options.brokers instanceof KafkaBrokers ? options.brokers : new KafkaBrokers(options.brokers);
    this.#options = { requestTimeoutMs, measured, ...options, brokers };
    this.name = `kafka ${brokers.name}`;
  }

  /** How many sockets are open. */
  get sockets(): number {
    return this.#sockets.size;
  }

  /** The number of partitions; rejects with `UNKNOWN_TOPIC_OR_PARTITION` where there is no such topic. */
  partitions(topic: string): Promise<number> {
    // Who leads what stays known meanwhile: the next write shall not wait for two answers.
    return this.#ask(0, async () => (await this.#askLeadersOf(topic)).size);
  }

  /** The partition of a key, as every client of Kafka finds it. */
  async partitionOf(key: string, partitions: number): Promise<number> {
    const { murmur2 } = await loadClient();
    return (murmur2(key) & 0x7fffffff) % partitions;
  }

  /** Appends records to several partitions; when it rejects, some may have arrived in some of them. */
  appendEach(topic: string, records: ReadonlyMap<number, readonly KafkaRecord[]>): Promise<void> {
    const bytes = [...records.values()].reduce((sum, each) => sum + sizeOf(each), 0);
    return this.#ask(bytes, async () => {
      const timestamp = Math.round(this.#options.clock.now());
      const byBroker = new Map<Broker, { partition: number; messages: (KafkaRecord & { timestamp: number })[] }[]>();
      for (const [partition, each] of records) {
        const broker = await this.#leaderOf(topic, partition);
        const messages = each.map(record => ({ ...record, timestamp }));
        byBroker.set(broker, [...(byBroker.get(broker) ?? []), { partition, messages }]);
      }
      const timeout = this.#options.requestTimeoutMs;
      const writes = [...byBroker].map(([broker, partitions]) =>
        broker.produce({ topicData: [{ topic, partitions }], acks: ALL_REPLICAS, timeout }),
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
    return this.#ask(sizeOf(records), async () => {
      const broker = await this.#leaderOf(topic, partition);
      const timestamp = Math.round(this.#options.clock.now());
      const messages = records.map(record => ({ ...record, timestamp }));
      const { topics } = await broker.produce({
        topicData: [{ topic, partitions: [{ partition, firstSequence: by?.sequence ?? 0, messages }] }],
        ...(by === undefined ? {} : { producerId: by.identity.id, producerEpoch: by.identity.epoch }),
        acks: ALL_REPLICAS,
        timeout: this.#options.requestTimeoutMs,
      });
      return Number(topics[0]!.partitions[0]!.baseOffset);
    });
  }

  /** Reads from an offset on: at least one record when there is any, and waits so long when there is none. */
  async fetch(
    topic: string,
    partition: number,
    from: number,
    { waitMs, maxBytes }: { readonly waitMs: number; readonly maxBytes: number },
  ): Promise<Fetched> {
    return this.#ask(
      maxBytes,
      async () => {
        const broker = await this.#leaderOf(topic, partition);
        const { responses } = await broker.fetch({
          topics: [{ topic, partitions: [{ partition, fetchOffset: String(from), maxBytes }] }],
          isolationLevel: READ_UNCOMMITTED,
          maxWaitTime: waitMs,
          minBytes: 1,
          maxBytes,
        });
        const { messages, highWatermark, lastStartOffset } = responses[0]!.partitions[0]!;
        const records = messages.filter(({ isControlRecord }) => isControlRecord !== true).map(readRecord);
        return {
          // A batch is given back whole, even when it is asked for from its middle on.
          records: records.filter(({ offset }) => offset >= from),
          start: Math.max(0, Number(lastStartOffset ?? 0)),
          end: Number(highWatermark),
        };
      },
      waitMs,
    );
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
    return this.#ask(0, async () => {
      const seed = await this.#anyBroker();
      const resource = { type: TOPIC_SETTINGS, name: topic, configNames: ['max.message.bytes'] };
      const { resources } = await seed.describeConfigs({ resources: [resource] });
      return Number(resources[0]!.configEntries[0]!.configValue);
    });
  }

  #offset(topic: string, partition: number, timestamp: number): Promise<number> {
    return this.#ask(0, async () => {
      const broker = await this.#leaderOf(topic, partition);
      const { responses } = await broker.listOffsets({ topics: [{ topic, partitions: [{ partition, timestamp }] }] });
      return Number(responses[0]!.partitions[0]!.offset);
    });
  }

  /** Becomes the one writer of that name: whoever was it before is refused wherever this one writes first. */
  async nextIdentity(name: string): Promise<ProducerIdentity> {
    const { clock } = this.#options;
    for (const until = clock.monotonic() + COORDINATOR_WITHIN_MS; ; ) {
      try {
        return await this.#askForIdentity(name);
      } catch (error) {
        const isSoon = error instanceof KafkaRefusal && NOT_YET.has(error.type) && clock.monotonic() < until;
        if (!isSoon) throw error;
        await new Promise<void>(resolve => void clock.setTimer(NOT_YET_MS, resolve));
      }
    }
  }

  #askForIdentity(name: string): Promise<ProducerIdentity> {
    return this.#ask(0, async () => {
      const broker = await this.#dial(await this.#coordinatorOf(name));
      const { producerId, producerEpoch } = await broker.initProducerId({
        transactionalId: name,
        transactionTimeout: TRANSACTION_TIMEOUT_MS,
      });
      return { id: producerId, epoch: producerEpoch };
    });
  }

  async #coordinatorOf(name: string): Promise<Address> {
    const known = this.#coordinators.get(name);
    if (known !== undefined) return known;
    const seed = await this.#anyBroker();
    const { coordinator } = await seed.findGroupCoordinator({ groupId: name, coordinatorType: TRANSACTIONS });
    this.#coordinators.set(name, coordinator);
    return coordinator;
  }

  /** Creates topics; rejects with `TOPIC_ALREADY_EXISTS` when somebody was faster with one of them. */
  createTopics(plans: readonly TopicPlan[]): Promise<void> {
    return this.#ask(
      0,
      async () => {
        const seed = await this.#anyBroker();
        const { controllerId } = this.#learn(await seed.metadata([plans[0]!.topic]).catch(() => seed.metadata([])));
        const controller = await this.#brokerOf(controllerId);
        await controller.createTopics({
          topics: plans
            .map(plan => replicated(plan, this.#addresses.size))
            .map(({ topic, partitions, replicas, settings }) => ({
              topic,
              numPartitions: partitions,
              replicationFactor: replicas,
              configEntries: Object.entries(settings).map(([name, value]) => ({ name, value })),
            })),
          timeout: CREATE_WITHIN_MS,
        });
      },
      CREATE_WITHIN_MS,
    );
  }

  /** Ends every socket; what was asked is answered with the reason. The next request dials anew. */
  drop(reason: string): void {
    for (const socket of this.#sockets.keys()) socket.destroy(new Error(reason));
    this.#sockets.clear();
    this.#seed = null;
    this.#generation++;
    this.#dialled = new Map();
    this.#leaders = new Map();
    this.#hasAnswered = false;
  }

  close(): void {
    this.#isClosed = true;
    this.drop('closed by us');
  }

  async #ask<Result>(bytes: number, request: () => Promise<Result>, extraMs = 0): Promise<Result> {
    if (this.#isClosed) throw new Error('closed by us');
    const { requestTimeoutMs, clock, measured } = this.#options;
    // Slow is not dead: a connection that has to be made, and a leader that has to be found, are answers of their own.
    const answers = 1 + Number(this.#leaders.size === 0) + Number(!this.#hasAnswered);
    const deadlineMs = Math.round(answers * requestTimeoutMs + extraMs + bytes / BYTES_PER_MS);
    const answer = await measured(() =>
      within(request(), deadlineMs, clock).catch((error: unknown) => {
        const refusal = refusalOf(error);
        if (refusal === null && !this.#isClosed) {
          this.#options.brokers.failed(this.#seed ?? this.#options.brokers.first);
          this.drop((error as Error).message);
        }
        // A broker that says no may not be the one to ask.
        this.#leaders = new Map();
        this.#coordinators = new Map();
        if (refusal === null) throw error;
        return refusal;
      }),
    );
    this.#hasAnswered = true;
    if (answer instanceof KafkaRefusal) throw answer;
    return answer;
  }

  async #leaderOf(topic: string, partition: number): Promise<Broker> {
    const leader = (await this.#leadersOf(topic)).get(partition);
    if (leader === undefined) throw new KafkaRefusal('UNKNOWN_TOPIC_OR_PARTITION', `${topic} has no ${partition}`);
    return this.#brokerOf(leader);
  }

  async #leadersOf(topic: string): Promise<ReadonlyMap<number, number>> {
    return this.#leaders.get(topic) ?? this.#askLeadersOf(topic);
  }

  async #askLeadersOf(topic: string): Promise<ReadonlyMap<number, number>> {
    const seed = await this.#anyBroker();
    const { topicMetadata } = this.#learn(await seed.metadata([topic]));
    const found = topicMetadata.find(entry => entry.topic === topic);
    const leaders = new Map(found?.partitionMetadata.map(({ partitionId, leader }) => [partitionId, leader]));
    this.#leaders.set(topic, leaders);
    return leaders;
  }

  #learn<Metadata extends Awaited<ReturnType<Broker['metadata']>>>(metadata: Metadata): Metadata {
    this.#addresses = new Map(metadata.brokers.map(({ nodeId, host, port }) => [nodeId, { host, port }]));
    this.#options.brokers.learn([...this.#addresses.values()]);
    return metadata;
  }

  #brokerOf(nodeId: number): Promise<Broker> {
    const address = this.#addresses.get(nodeId);
    if (address === undefined) throw new KafkaRefusal('LEADER_NOT_AVAILABLE', `broker ${nodeId} is not there`);
    return this.#dial(address);
  }

  /** The first that is there, of all that are known. */
  async #anyBroker(): Promise<Broker> {
    if (this.#seed !== null) return this.#dial(this.#seed);
    const { brokers, clock, requestTimeoutMs } = this.#options;
    const { candidates } = brokers;
    const generation = this.#generation;
    let failure: unknown;
    for (const address of candidates) {
      try {
        const dialling = this.#dial(address);
        // The last to be asked may be slow: there is nobody else.
        const isLast = address === candidates.at(-1);
        const broker = await (isLast ? dialling : within(dialling, requestTimeoutMs, clock));
        if (generation !== this.#generation) throw new Error('dropped');
        this.#seed = address;
        return broker;
      } catch (error) {
        if (generation !== this.#generation) throw error;
        failure = error;
        brokers.failed(address);
        this.#hangUp(address, error as Error);
      }
    }
    throw failure;
  }

  #hangUp(address: Address, reason: Error): void {
    const key = keyOf(address);
    this.#dialled.delete(key);
    for (const [socket, peer] of this.#sockets) if (peer === key) socket.destroy(reason);
  }

  #dial({ host, port }: Address): Promise<Broker> {
    const key = keyOf({ host, port });
    const known = this.#dialled.get(key);
    if (known !== undefined) return known;
    const dialling = this.#connect({ host, port });
    this.#dialled.set(key, dialling);
    return dialling;
  }

  async #connect({ host, port }: Address): Promise<Broker> {
    const { Broker, ConnectionPool, logger } = await loadClient();
    const connectionPool = new ConnectionPool({
      host,
      port,
      clientId: 'exchange-service',
      logger,
      connectionTimeout: CONNECT_WITHIN_MS,
      requestTimeout: CONNECT_WITHIN_MS,
      enforceRequestTimeout: false,
      socketFactory: (target: Address & { onConnect: () => void }) => this.#openSocket(target),
    });
    const broker = new Broker({ connectionPool, logger, allowAutoTopicCreation: false, authenticationTimeout: 1_000 });
    await broker.connect();
    return broker;
  }

  #openSocket({ host, port, onConnect }: Address & { readonly onConnect: () => void }): Socket {
    const socket = connect({ host, port, noDelay: true, keepAlive: true }, onConnect);
    // The client lets go of a dead socket once for each request that it failed, and listens each time.
    socket.setMaxListeners(0);
    this.#sockets.set(socket, keyOf({ host, port }));
    socket.once('close', () => this.#sockets.delete(socket));
    if (this.#isClosed) socket.destroy(new Error('closed by us'));
    return socket;
  }
}

async function loadClient() {
  const [broker, connectionPool, loggers, murmur2] = await Promise.all([
    import('kafkajs/src/broker/index.js'),
    import('kafkajs/src/network/connectionPool.js'),
    import('kafkajs/src/loggers/index.js'),
    import('kafkajs/src/producer/partitioners/default/murmur2.js'),
  ]);
  const logger = loggers.default.createLogger({ level: 0, logCreator: () => () => {} });
  return { Broker: broker.default, ConnectionPool: connectionPool.default, murmur2: murmur2.default, logger };
}

function sizeOf(records: readonly KafkaRecord[]): number {
  return records.reduce((sum, { value }) => sum + (value?.length ?? 0), 0);
}

type ClientRecord = Awaited<ReturnType<Broker['fetch']>>['responses'][number]['partitions'][number]['messages'][number];

function readRecord({ offset, key, value, headers }: ClientRecord): ReadRecord {
  const texts = Object.entries(headers).map(([name, bytes]) => [name, Array.isArray(bytes) ? '' : String(bytes ?? '')]);
  return {
    offset: Number(offset),
    key: key === null ? null : key.toString(),
    value: value === null ? null : value.toString(),
    headers: Object.fromEntries(texts),
  };
}

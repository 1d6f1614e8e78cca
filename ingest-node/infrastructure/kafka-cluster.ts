import type { Clock } from '../../shared/base/clock.ts';
import { within } from '../../shared/base/within.ts';
import type { KafkaSecurity } from './kafka-access.ts';
import { type Address, KafkaBrokers, keyOf } from './kafka-brokers.ts';
import { type KafkaBroker, KafkaDialler, type Line } from './kafka-dialler.ts';
import { isLost, KafkaRefusal, refusalOf, toldBy } from './kafka-refusal.ts';

export type KafkaClusterOptions = KafkaSecurity & {
  /** {@link KafkaBrokers} where several connections are to know the same of them. */
  readonly brokers: readonly string[] | KafkaBrokers;
  readonly clock: Clock;
  /** How long each answer may take before it counts as lost, plus what a request's bytes need. */
  readonly requestTimeoutMs?: number;
  /** Made around every request. A refusal is an answer, and does not reject. */
  readonly measured?: <Answer>(request: () => Promise<Answer>) => Promise<Answer>;
};

export type Asking = {
  /** What it is about, for people: a topic. */
  readonly subject: string;
  /** Of the request, or of its answer. */
  readonly bytes?: number;
  /** How long the broker may take on purpose. */
  readonly extraMs?: number;
  /** To be asked twice does no harm. */
  readonly isReading?: boolean;
  /** Refusals after which the same is asked again, and for how long. */
  readonly notYet?: ReadonlySet<string>;
  readonly notYetMs?: number;
};

/** One request, whose answer may take the answers of several brokers. */
export type Call = {
  readonly subject: string;
  /** From whom an answer is awaited. */
  readonly lines: Set<Line>;
  /** Nobody waits for it any more: it must not go on. */
  isOver: boolean;
};

/** A slow line is not a dead one: so many bytes more, a millisecond more. */
const BYTES_PER_MS = 4_096;
/**
 * A partition goes to another broker when its own is restarted: the one that was asked has done nothing, and in a moment
 * another one will.
 */
export const NO_LEADER_YET: ReadonlySet<string> = new Set(['NOT_LEADER_FOR_PARTITION', 'LEADER_NOT_AVAILABLE']);
/** Those that copy a write took too long. It is there, and may be acknowledged yet. */
export const NOT_ACKNOWLEDGED = 'REQUEST_TIMED_OUT';
const LEADER_WITHIN_MS = 1_000;
const NOT_YET_MS = 50;

/** Whom to ask in a Kafka, and how long to wait: what one connection knows of the brokers, of which any may fail. */
export class KafkaCluster {
  /** For people. */
  readonly name: string;
  readonly requestTimeoutMs: number;
  readonly #clock: Clock;
  readonly #measured: NonNullable<KafkaClusterOptions['measured']>;
  readonly #brokers: KafkaBrokers;
  readonly #dialler: KafkaDialler;
  /** Who is asked what anybody can answer; `null`: not found yet. */
  #seed: Address | null = null;
  #addresses = new Map<number, Address>();
  #leaders = new Map<string, ReadonlyMap<number, number>>();
  /** Whether anything was answered since there was nobody. */
  #hasAnswered = false;
  #isClosed = false;
  /** How often everything was ended on purpose. */
  #drops = 0;

  constructor({
    brokers,
    clock,
    requestTimeoutMs = 1_000,
    measured = request => request(),
    ...security
  }: KafkaClusterOptions) {
    this.#brokers = brokers instanceof KafkaBrokers ? brokers : new KafkaBrokers(brokers);
    this.#clock = clock;
    this.#measured = measured;
    this.requestTimeoutMs = requestTimeoutMs;
    this.#dialler = new KafkaDialler({ brokers: this.#brokers, clock, security });
    this.name = this.#brokers.name;
  }

  get sockets(): number {
    return this.#dialler.sockets;
  }

  drop(reason: string): void {
    this.#drops++;
    this.#dialler.hangUpAll(new Error(reason));
    this.#seed = null;
    this.#leaders = new Map();
    this.#hasAnswered = false;
  }

  close(): void {
    this.#isClosed = true;
    this.#dialler.close();
  }

  /** @throws {@link KafkaRefusal} when a broker says no */
  async ask<Result>(asking: Asking, request: (call: Call) => Promise<Result>): Promise<Result> {
    const answer = await this.#measured(() =>
      this.#insist(asking, request).catch((error: unknown) => {
        if (error instanceof KafkaRefusal) return error;
        throw error;
      }),
    );
    if (answer instanceof KafkaRefusal) throw answer;
    return answer;
  }

  /** Asks again while the answer is "not yet", and once when the one who was asked went away. */
  async #insist<Result>(asking: Asking, request: (call: Call) => Promise<Result>): Promise<Result> {
    const { notYet = NO_LEADER_YET, notYetMs = LEADER_WITHIN_MS } = asking;
    const drops = this.#drops;
    let mayRepeat = asking.isReading === true;
    for (const until = this.#clock.monotonic() + notYetMs; ; ) {
      try {
        return await this.#askOnce(asking, request);
      } catch (error) {
        if (!(error instanceof KafkaRefusal)) {
          if (!mayRepeat || this.#isClosed || drops !== this.#drops || !isLost(error as Error)) throw error;
          mayRepeat = false;
          continue;
        }
        if (!notYet.has(error.type)) throw error;
        if (this.#clock.monotonic() >= until) {
          this.#leaveSeed();
          throw error;
        }
        await new Promise<void>(resolve => void this.#clock.setTimer(NOT_YET_MS, resolve));
      }
    }
  }

  async #askOnce<Result>(
    { subject, bytes = 0, extraMs = 0 }: Asking,
    request: (call: Call) => Promise<Result>,
  ): Promise<Result> {
    if (this.#isClosed) throw new Error('closed by us');
    // Slow is not dead: a connection that has to be made, and a leader that has to be found, are answers of their own.
    const dialling = this.#hasAnswered ? 0 : this.#dialler.roundTrips;
    const answers = 1 + Number(this.#leaders.size === 0) + dialling;
    const deadlineMs = Math.round(answers * this.requestTimeoutMs + extraMs + bytes / BYTES_PER_MS);
    const call: Call = { subject, lines: new Set(), isOver: false };
    try {
      const answer = await within(request(call), deadlineMs, this.#clock);
      this.#hasAnswered = true;
      return answer;
    } catch (error) {
      call.isOver = true;
      const refusal = refusalOf(error);
      // A broker that says no may not be the one to ask. One that waited for those that copy it is.
      if (refusal?.type !== NOT_ACKNOWLEDGED) this.#leaders = new Map();
      if (refusal === null) throw this.#unanswered(call, error as Error);
      this.#hasAnswered = true;
      throw refusal;
    }
  }

  /** Time is over: whoever was waited for has failed. */
  #unanswered({ subject, lines }: Call, error: Error): Error {
    if (this.#isClosed || lines.size === 0) return error;
    for (const line of lines) this.#failed(line, error);
    return toldBy(error, subject, [...lines].map(({ address }) => keyOf(address)).join(', '));
  }

  #failed(line: Line, error: Error): void {
    this.#brokers.failed(line.address);
    this.#dialler.hangUp(line, error);
    if (this.#seed !== null && keyOf(this.#seed) === keyOf(line.address)) this.#seed = null;
    if (this.#dialler.sockets === 0) this.#hasAnswered = false;
  }

  /** It goes on naming a leader that is none: it may be cut off from the others. */
  #leaveSeed(): void {
    if (this.#seed !== null) this.#brokers.failed(this.#seed);
    this.#seed = null;
  }

  async leaderOf(call: Call, topic: string, partition: number): Promise<Address> {
    const leaders = this.#leaders.get(topic) ?? (await this.askLeadersOf(call, topic));
    const leader = leaders.get(partition);
    const type = 'UNKNOWN_TOPIC_OR_PARTITION';
    if (leader === undefined) throw new KafkaRefusal(type, `${topic}: ${type}, it has no ${partition}`);
    return this.#addressOf(call, leader);
  }

  async askLeadersOf(call: Call, topic: string): Promise<ReadonlyMap<number, number>> {
    const { topicMetadata } = this.#learn(await this.fromAny(call, broker => broker.metadata([topic])));
    const found = topicMetadata.find(entry => entry.topic === topic);
    const leaders = new Map(found?.partitionMetadata.map(({ partitionId, leader }) => [partitionId, leader]));
    this.#leaders.set(topic, leaders);
    return leaders;
  }

  /** Who creates topics, and how many brokers there are. @param topic need not be there */
  async askMembers(call: Call, topic: string): Promise<{ readonly controller: Address; readonly size: number }> {
    const metadata = await this.fromAny(call, seed => seed.metadata([topic]).catch(() => seed.metadata([])));
    const { controllerId } = this.#learn(metadata);
    return { controller: this.#addressOf(call, controllerId), size: this.#addresses.size };
  }

  #learn(metadata: Metadata): Metadata {
    this.#addresses = new Map(metadata.brokers.map(({ nodeId, host, port }) => [nodeId, { host, port }]));
    this.#brokers.learn([...this.#addresses.values()]);
    return metadata;
  }

  #addressOf({ subject }: Call, nodeId: number): Address {
    const address = this.#addresses.get(nodeId);
    if (address !== undefined) return address;
    const type = 'LEADER_NOT_AVAILABLE';
    throw new KafkaRefusal(type, `${subject}: ${type}, broker ${nodeId} is not there`);
  }

  /** What anybody can answer, of the first that is there of all that are known. */
  async fromAny<Answer>(call: Call, ask: (broker: KafkaBroker) => Promise<Answer>): Promise<Answer> {
    return this.from(call, this.#seed ?? (await this.#findSeed(call)), ask);
  }

  async #findSeed(call: Call): Promise<Address> {
    let failure: unknown;
    for (const address of this.#brokers.candidates) {
      try {
        await this.from(call, address, async () => {});
        this.#seed = address;
        return address;
      } catch (error) {
        if (call.isOver) throw error;
        failure = error;
      }
    }
    throw failure;
  }

  /** What one broker answers. */
  async from<Answer>(call: Call, address: Address, ask: (broker: KafkaBroker) => Promise<Answer>): Promise<Answer> {
    const line = this.#dialler.dial(address);
    call.lines.add(line);
    try {
      const broker = line.made ?? (await this.#reached(line));
      if (call.isOver) throw new Error('too late');
      return await ask(broker);
    } catch (error) {
      if (!call.isOver && refusalOf(error) === null) this.#failed(line, error as Error);
      throw toldBy(error as Error, call.subject, keyOf(address));
    } finally {
      call.lines.delete(line);
    }
  }

  /** Where there are others to ask, nobody is waited for to the end: a frozen machine takes connections, too. */
  #reached({ broker }: Line): Promise<KafkaBroker> {
    if (this.#brokers.candidates.length === 1) return broker;
    return within(broker, this.requestTimeoutMs * this.#dialler.roundTrips, this.#clock);
  }
}

type Metadata = Awaited<ReturnType<KafkaBroker['metadata']>>;

import { expect, vi } from 'vitest';
import { startKafkaCluster, type TestKafkaCluster } from '../../../infra/local/services/testing/kafka-cluster.ts';
import { systemClock } from '../../../shared/base/clock.ts';
import { ticker, trade } from '../../../shared/model/testing/market-events.ts';
import { HEARTBEAT_INTERVAL_MS } from '../../../shared/wire/messages.ts';
import { EVENTS_TOPIC, SNAPSHOT_TOPIC, STREAM_TOPIC } from '../kafka-layout.ts';
import { KafkaService } from '../kafka-service.ts';
import { HealthWatch } from './health-watch.ts';
import { KafkaAdmin } from './kafka-admin.ts';
import { at, EPOCH, isAt, Leader } from './suite-world.ts';
import { TimedReader } from './timed-reader.ts';

/** 500 events a second: so many, so often. */
const EVENTS = 25;
const SEAL_EVERY_MS = 50;
/** Some seconds are the brokers' own, until they have elected; more on a noisy machine. */
export const ELECTED_WITHIN_MS = 30_000;
/** The contract's three seconds, and what a noisy machine adds. */
export const TOLD_WITHIN_MS = 4_000;

export const TOPICS = [STREAM_TOPIC, SNAPSHOT_TOPIC, EVENTS_TOPIC];

export type Member = TestKafkaCluster['members'][number];

/** A Kafka of three brokers, a leader that publishes 500 events a second to it, and a reader of the stream. */
export class ThreeBrokers {
  readonly kafka: TestKafkaCluster;
  readonly admin: KafkaAdmin;
  leader!: Leader;
  reader!: TimedReader;
  readonly #services: KafkaService[] = [];
  readonly #timers: NodeJS.Timeout[] = [];

  private constructor(kafka: TestKafkaCluster) {
    this.kafka = kafka;
    this.admin = new KafkaAdmin(kafka.brokers);
  }

  static async start(): Promise<ThreeBrokers> {
    return new ThreeBrokers(await startKafkaCluster());
  }

  async dispose(): Promise<void> {
    await this.admin.stop();
    await this.kafka.dispose();
  }

  /** Everything anew: topics, leader, reader; all copies in step. */
  async begin(): Promise<void> {
    await this.admin.clean();
    this.leader = new Leader(this.open());
    this.leader.lead(EPOCH);
    this.goOn(this.leader);
    await this.leader.flushed();
    await this.inSync();
    this.reader = new TimedReader(this.open().source, at(EPOCH, 0));
    await vi.waitUntil(() => this.reader.trades.length > 100, { timeout: ELECTED_WITHIN_MS });
    this.reader.takeLongestSilenceMs();
  }

  async end(): Promise<void> {
    this.pause();
    this.reader?.stop();
    await Promise.all(this.#services.splice(0).map(service => service.stop()));
  }

  /** The service as one more node has it, started. */
  open(): KafkaService {
    const service = new KafkaService({ brokers: this.kafka.brokers.split(','), clock: systemClock });
    this.#services.push(service);
    service.start();
    return service;
  }

  goOn(leader: Leader): void {
    const seal = () => leader.seal(...Array.from({ length: EVENTS - 1 }, () => trade()), ticker());
    const beat = () => leader.service.heartbeat();
    this.#timers.push(setInterval(seal, SEAL_EVERY_MS), setInterval(beat, HEARTBEAT_INTERVAL_MS));
  }

  /** Nothing more is sealed. */
  pause(): void {
    for (const timer of this.#timers.splice(0)) clearInterval(timer);
  }

  /** Where the stream lies: who leads it, and who only copies it. */
  async streamLies(): Promise<{ readonly leading: Member; readonly copying: readonly Member[] }> {
    const { leader, replicas } = (await this.admin.layout(STREAM_TOPIC))[0]!;
    const copying = replicas.filter(id => id !== leader).map(id => this.kafka.member(id));
    return { leading: this.kafka.member(leader), copying };
  }

  /** Waits until every topic has all its copies in step. */
  async inSync(): Promise<void> {
    const isLevel = async () => {
      const layouts = await Promise.all(TOPICS.map(topic => this.admin.layout(topic)));
      return layouts.flat().every(({ isr }) => isr.length === 3);
    };
    await vi.waitUntil(() => isLevel().catch(() => false), { timeout: ELECTED_WITHIN_MS, interval: 50 });
  }

  /** Every trade once and in order reached the reader, and nobody spoke of a loss. */
  async expectWhole(leader: Leader = this.leader): Promise<void> {
    this.pause();
    const hasAll = () => {
      leader.service.heartbeat();
      return isAt(this.reader.position, leader);
    };
    await vi.waitUntil(hasAll, { timeout: ELECTED_WITHIN_MS, interval: 50 });
    const published = leader.published.flatMap(({ events }) => events);
    expect(this.reader.trades).toEqual(published.flatMap(event => (event.type === 'trade' ? [event.id] : [])));
    expect([this.reader.snapshots, this.reader.counters.holes]).toEqual([0, 0]);
  }

  /** Begins to note what the leader's health says. */
  watch(): HealthWatch {
    return new HealthWatch(this.leader.service);
  }

  /** Ends the watch. @returns for how long the reader heard nothing meanwhile, milliseconds */
  report(name: string, watch: HealthWatch): number {
    watch.stop();
    const { downAfterMs, downMs, reasons } = watch;
    const told = downAfterMs === null ? 'never down' : `down after ${downAfterMs} ms, for ${downMs} ms`;
    const silenceMs = this.reader.takeLongestSilenceMs();
    console.log([`${name}: ${told}; the reader heard nothing for ${silenceMs} ms`, ...reasons].join('\n  '));
    return silenceMs;
  }
}

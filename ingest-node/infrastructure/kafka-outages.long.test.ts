import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { TcpProxy } from '../../infra/chaos/tcp-proxy.ts';
import { describeWithService } from '../../infra/local/services/testing/describe-with-service.ts';
import { startKafka, type TestKafka } from '../../infra/local/services/testing/kafka.ts';
import { startRedis, type TestRedis } from '../../infra/local/services/testing/redis.ts';
import { systemClock } from '../../shared/base/clock.ts';
import { ticker, trade } from '../../shared/model/testing/market-events.ts';
import { FollowedLog } from '../../shared/stream/followed-log.ts';
import type { StreamSource } from '../../shared/stream/source.ts';
import { StreamLog } from '../../shared/stream/stream-log.ts';
import { Publisher } from '../../shared/stream/testing/publisher.ts';
import { startStreamServer, type TestStreamServer } from '../../shared/stream/testing/stream-server.ts';
import { HEARTBEAT_INTERVAL_MS } from '../../shared/wire/messages.ts';
import { Infrastructure } from './composite-service.ts';
import { GAP_TYPE } from './kafka-event-records.ts';
import { openInfrastructures } from './registry.ts';
import { TcpRedisConnection } from './tcp-redis-connection.ts';
import { EventsReader } from './testing/events-reader.ts';
import { KafkaAdmin } from './testing/kafka-admin.ts';
import { EPOCH } from './testing/suite-world.ts';

/** 500 events a second: so many, so often. */
const EVENTS = 25;
const SEAL_EVERY_MS = 50;
/** Rule of the contract, and what a noisy machine adds. */
const TOLD_WITHIN_MS = 4_000;
const HEALED_WITHIN_MS = 30_000;
/** An outage goes on for so long after it was noticed. */
const OUTAGE_MS = 5_000;

const RING_MS = 60_000;
const LONG_OUTAGE_MS = 600_000;
const MAX_GROWTH_MB = 80;

/** Whoever follows, and what reached it. */
class Follower {
  readonly ids: string[] = [];
  losses = 0;
  readonly log = new StreamLog();
  readonly #followed: FollowedLog;

  constructor(sources: readonly StreamSource[]) {
    this.#followed = new FollowedLog({
      log: this.log,
      sources,
      clock: systemClock,
      preferredRetryMs: 1_000,
      onBatch: ({ events }) => {
        for (const event of events) if (event.type === 'trade') this.ids.push(event.id);
      },
      onReset: ({ reason }) => {
        if (reason === 'lost') this.losses++;
      },
    });
    this.#followed.start();
  }

  get source(): string | null {
    return this.#followed.view.source;
  }

  stop(): void {
    this.#followed.stop();
  }
}

describeWithService(['kafka', 'redis'], 'outages under load, with Kafka, Redis and a WebSocket', () => {
  let kafka: TestKafka;
  let redis: TestRedis;
  /** The way to the broker, which says of itself that it is here. */
  let network: TcpProxy;
  let brokers: string;
  let admin: KafkaAdmin;
  let server: TestStreamServer;
  let leading: Infrastructure;
  let following: Infrastructure;
  let pen: Publisher;
  let timers: NodeJS.Timeout[];
  let followers: Record<'chain' | 'kafka' | 'redis' | 'webSocket', Follower>;

  beforeAll(async () => {
    [kafka, redis] = await Promise.all([startKafka(), startRedis()]);
    network = new TcpProxy({ host: '127.0.0.1', port: kafka.port });
    brokers = `127.0.0.1:${await network.listen()}`;
    const file = join(kafka.command.directory, 'server.properties');
    const text = readFileSync(file, 'utf8').replace(/^(advertised\.listeners=PLAINTEXT:\/\/).*$/m, `$1${brokers}`);
    writeFileSync(file, text);
    await kafka.restart();
    admin = new KafkaAdmin(brokers);
  });
  afterAll(async () => {
    await admin?.stop();
    await network?.stop();
    await Promise.all([kafka?.dispose(), redis?.dispose()]);
  });

  async function compose(): Promise<Infrastructure> {
    const means = { clock: systemClock, redis: new TcpRedisConnection({ url: redis.url }) };
    const stored = await openInfrastructures({ kafka: { brokers: [brokers] } }, means);
    const infrastructure = new Infrastructure({ stored, clock: systemClock, healthyAfterMs: 1_000 });
    infrastructure.start();
    return infrastructure;
  }

  beforeEach(async () => {
    await admin.clean();
    const wiping = new TcpRedisConnection({ url: redis.url });
    await wiping.command('FLUSHALL');
    await wiping.stop();
    pen = new Publisher(new StreamLog(), () => systemClock.monotonic());
    server = await startStreamServer(pen.log);
    [leading, following] = await Promise.all([compose(), compose()]);
    following.setLeader(server.url);
    pen.beginEpoch(EPOCH);
    leading.publish({ epoch: EPOCH, log: pen.log, onFenced: higher => expect.unreachable(`fenced by ${higher}`) });
    const seal = () => pen.seal(...Array.from({ length: EVENTS - 1 }, () => trade()), ticker());
    const beat = () => {
      leading.heartbeat();
      server.memory.heartbeat();
    };
    timers = [setInterval(seal, SEAL_EVERY_MS), setInterval(beat, HEARTBEAT_INTERVAL_MS)];
    await vi.waitUntil(() => following.mode.active === 'kafka+redis', { timeout: HEALED_WITHIN_MS });
    expect(await leading.flush(HEALED_WITHIN_MS)).toBe(true);
    followers = {
      chain: new Follower(following.sources()),
      kafka: new Follower([following.sourceOf('kafka')!]),
      redis: new Follower([following.sourceOf('redis')!]),
      webSocket: new Follower([following.sources().at(-1)!]),
    };
    await vi.waitUntil(() => Object.values(followers).every(({ ids }) => ids.length > 0), { timeout: 10_000 });
  });
  afterEach(async () => {
    for (const timer of timers) clearInterval(timer);
    for (const follower of Object.values(followers ?? {})) follower.stop();
    await Promise.all([leading.stop(), following.stop()]);
    await server.stop();
    network.release();
    network.squeeze(Number.POSITIVE_INFINITY);
  });

  const trades = () => pen.published.flatMap(({ events }) => events).flatMap(e => (e.type === 'trade' ? [e.id] : []));
  const pass = (ms: number) => new Promise(resolve => setTimeout(resolve, ms));
  const stateOf = (name: string) => leading.health().find(health => health.name === name)?.state;

  /** Every trade from the first that it saw on, once and in order. */
  function expectWhole({ ids, losses }: Follower): void {
    const all = trades();
    const from = all.indexOf(ids[0]!);
    expect([ids, losses]).toEqual([all.slice(from, from + ids.length), 0]);
  }

  type Outage = {
    readonly name: string;
    readonly strike: () => unknown;
    readonly mend: () => unknown;
    readonly down: readonly ('kafka' | 'redis')[];
    /** What answers, and brings its readers nothing in time. */
    readonly lame?: 'kafka';
  };

  const freezeRedis = { strike: () => redis.freeze(), mend: () => redis.thaw() };
  const outages: readonly Outage[] = [
    { name: 'Kafka killed', strike: () => kafka.kill(), mend: () => kafka.start(), down: ['kafka'] },
    { name: 'Kafka frozen', strike: () => kafka.freeze(), mend: () => kafka.thaw(), down: ['kafka'] },
    { name: 'Kafka unreachable', strike: () => network.hold(), mend: () => network.release(), down: ['kafka'] },
    {
      name: 'Kafka slow',
      strike: () => network.squeeze(2_000),
      mend: () => network.squeeze(Number.POSITIVE_INFINITY),
      down: [],
      lame: 'kafka',
    },
    {
      // A file cannot grow: what a full disk is to the broker, which gives up its log and ends.
      name: 'Kafka’s disk full',
      strike: () => execFileSync('prlimit', ['--pid', String(kafka.pid), '--fsize=1']),
      mend: async () => {
        await kafka.kill();
        await kafka.start();
      },
      down: ['kafka'],
    },
    { name: 'Kafka’s topics deleted', strike: () => admin.wipe(), mend: () => {}, down: [] },
    { name: 'Redis frozen', ...freezeRedis, down: ['redis'] },
    {
      name: 'both',
      strike: () => {
        kafka.freeze();
        freezeRedis.strike();
      },
      mend: () => {
        freezeRedis.mend();
        kafka.thaw();
      },
      down: ['kafka', 'redis'],
    },
  ];

  test.each(outages)(
    '$name: told in time, living paths miss nothing, and all heals',
    { timeout: 180_000 },
    async outage => {
      const { strike, mend, down, lame } = outage;
      await pass(1_000);
      const struck = performance.now();
      await strike();
      await vi.waitUntil(() => down.every(name => stateOf(name) === 'down'), { timeout: TOLD_WITHIN_MS, interval: 10 });
      const toldMs = performance.now() - struck;
      const living = (['kafka', 'redis', 'webSocket'] as const).filter(
        name => name === 'webSocket' || !(down.includes(name) || name === lame),
      );
      await pass(OUTAGE_MS);
      const heapMb = Math.round(process.memoryUsage().heapUsed / 1024 / 1024);
      // The chain and the living paths are never far behind.
      for (const name of ['chain', ...living] as const) {
        const goal = trades().at(-1)!;
        await vi.waitUntil(() => followers[name].ids.includes(goal), { timeout: 5_000, interval: 10 });
        expectWhole(followers[name]);
      }
      await mend();
      const mended = performance.now();
      await vi.waitUntil(() => stateOf('kafka') === 'up' && stateOf('redis') === 'up', { timeout: HEALED_WITHIN_MS });
      expect(await leading.flush(HEALED_WITHIN_MS)).toBe(true);
      const goal = trades().at(-1)!;
      const all = Object.values(followers);
      await vi.waitUntil(() => all.every(({ ids }) => ids.includes(goal)), { timeout: HEALED_WITHIN_MS, interval: 20 });
      const healedMs = performance.now() - mended;
      await vi.waitUntil(() => followers.chain.source?.startsWith('kafka'), {
        timeout: HEALED_WITHIN_MS,
        interval: 20,
      });
      for (const follower of all) expectWhole(follower);
      console.log(`${outage.name}: told ${toldMs.toFixed(0)} ms, healed ${healedMs.toFixed(0)} ms, heap ${heapMb} MB`);
      for (const timer of timers) clearInterval(timer);
      const reader = new EventsReader(brokers);
      const whole = new Set(trades());
      const idsThere = async () =>
        (await reader.onceEach()).flatMap(({ value, headers }) => (headers['type'] === 'trade' ? [value.id!] : []));
      await vi.waitUntil(async () => (await idsThere()).length >= whole.size, {
        timeout: HEALED_WITHIN_MS,
        interval: 200,
      });
      const there = await idsThere();
      expect([there.length, new Set(there)]).toEqual([whole.size, whole]);
      reader.close();
    },
  );

  test('ten minutes without Kafka: nothing is hoarded, and what nobody remembers is declared', {
    timeout: 900_000,
  }, async () => {
    const { chain, kafka: reader, redis: other } = followers;
    /** The least of a while, because garbage comes and goes. */
    const heapMb = async () => {
      const samples: number[] = [];
      for (let count = 0; count < 60; count++) {
        samples.push(process.memoryUsage().heapUsed / 1024 / 1024);
        await pass(500);
      }
      return Math.min(...samples);
    };
    // The test itself remembers nothing either.
    const forgetting = setInterval(() => {
      pen.published.length = 0;
      for (const { ids } of Object.values(followers)) ids.length = 0;
    }, 1_000);
    timers.push(forgetting);
    kafka.freeze();
    await pass(RING_MS);
    const before = await heapMb();
    await pass(LONG_OUTAGE_MS - RING_MS - 60_000);
    const after = await heapMb();
    kafka.thaw();
    await vi.waitUntil(() => stateOf('kafka') === 'up', { timeout: HEALED_WITHIN_MS });
    await vi.waitUntil(() => reader.losses > 0 && reader.log.position.offset > pen.log.position.offset - 1_000, {
      timeout: HEALED_WITHIN_MS,
    });
    console.log(`ten minutes without Kafka: heap ${before.toFixed(0)} MB after one, ${after.toFixed(0)} MB after ten`);
    expect(after - before).toBeLessThan(MAX_GROWTH_MB);
    expect([reader.losses, chain.losses, other.losses]).toEqual([1, 0, 0]);
    const events = new EventsReader(brokers);
    const gaps = async () => (await events.everything()).filter(({ headers }) => headers['type'] === GAP_TYPE);
    // It may be there twice, as every record may.
    const partitions = async () => new Set((await gaps()).map(({ partition }) => partition)).size;
    await vi.waitUntil(async () => (await partitions()) === 12, { timeout: HEALED_WITHIN_MS, interval: 500 });
    events.close();
  });
});

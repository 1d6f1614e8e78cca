import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { describeWithService } from '../../infra/local/services/testing/describe-with-service.ts';
import { startRedis, type TestRedis } from '../../infra/local/services/testing/redis.ts';
import { systemClock } from '../../shared/base/clock.ts';
import { trade } from '../../shared/model/testing/market-events.ts';
import { FollowedLog } from '../../shared/stream/followed-log.ts';
import { StreamLog } from '../../shared/stream/stream-log.ts';
import { Publisher } from '../../shared/stream/testing/publisher.ts';
import { startStreamServer, type TestStreamServer } from '../../shared/stream/testing/stream-server.ts';
import { connect } from '../../shared/stream/testing/suite-consumers.ts';
import { HEARTBEAT_INTERVAL_MS } from '../../shared/wire/messages.ts';
import { Infrastructure, type InfrastructureOptions } from './composite-service.ts';
import type { InfrastructureService } from './infrastructure-service.ts';
import { RedisService } from './redis-service.ts';
import { openInfrastructures } from './registry.ts';
import { TcpRedisConnection } from './tcp-redis-connection.ts';

const EPOCH = 1_785_397_200;
const NOISE_MS = 1_000;

/** Another infrastructure than the one it is, as far as the composite can tell. */
function as(name: InfrastructureService['name'], service: RedisService): InfrastructureService {
  return new Proxy<InfrastructureService>(service, {
    get: (target, key) => {
      if (key === 'name') return name;
      if (key === 'health') return () => ({ ...service.health(), name });
      const value: unknown = Reflect.get(target, key, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

describeWithService('redis', 'the infrastructures as one', () => {
  /** Two real servers: one is the Redis, the other stands where Kafka is. */
  let redis: TestRedis;
  let other: TestRedis;
  const cleanUps: (() => unknown)[] = [];

  beforeAll(async () => {
    [redis, other] = await Promise.all([startRedis(), startRedis()]);
  });
  afterAll(() => Promise.all([redis?.dispose(), other?.dispose()]));

  beforeEach(async () => {
    for (const server of [redis, other]) {
      if (!server.isRunning) await server.start();
      const admin = new TcpRedisConnection({ url: server.url });
      await vi.waitUntil(async () => (await admin.command('FLUSHALL').catch(() => null)) === 'OK', { timeout: 5_000 });
      await admin.stop();
    }
  });

  afterEach(async () => {
    for (const server of [redis, other]) if (server.isRunning) server.thaw();
    for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
  });

  function serviceOf(server: TestRedis): RedisService {
    return new RedisService({
      connection: new TcpRedisConnection({ url: server.url }),
      clock: systemClock,
      paceMs: 10,
    });
  }

  function compose(options: Partial<InfrastructureOptions> = {}, names = ['redis', 'kafka']): Infrastructure {
    const open = (name: string) => (name === 'redis' ? serviceOf(redis) : as(name, serviceOf(other)));
    const stored = ['kafka', 'redis'].map(name => {
      return { name, title: name, service: names.includes(name) ? open(name) : null };
    });
    const infrastructure = new Infrastructure({ stored, clock: systemClock, healthyAfterMs: 600, ...options });
    cleanUps.push(() => infrastructure.stop());
    infrastructure.start();
    return infrastructure;
  }

  const until = (condition: () => boolean | Promise<boolean>, timeout = 10_000) =>
    vi.waitUntil(condition, { timeout, interval: 4 });
  const isActive = (infrastructure: Infrastructure, mode: string, timeout?: number) =>
    until(() => infrastructure.mode.active === mode, timeout);

  function leaderOf(infrastructure: Infrastructure, epoch = EPOCH) {
    const leader = new Publisher(new StreamLog(), () => systemClock.monotonic());
    const fencedBy: number[] = [];
    const publish = () => infrastructure.publish({ epoch, log: leader.log, onFenced: higher => fencedBy.push(higher) });
    leader.beginEpoch(epoch);
    return { leader, fencedBy, publish };
  }

  describe('the mode', () => {
    test('follows health: away from a dead path within three seconds, back when it has been well for a while', async () => {
      const modes: string[] = [];
      const infrastructure = compose({ onModeChange: ({ active }) => modes.push(active) });
      expect(infrastructure.mode).toEqual({ configured: 'kafka+redis', active: 'websocket' });
      await isActive(infrastructure, 'kafka+redis');
      await redis.kill();
      await isActive(infrastructure, 'kafka', 3_000 + NOISE_MS);
      await redis.start();
      await until(() => infrastructure.health()[1]?.state === 'up');
      expect(infrastructure.mode.active).toBe('kafka');
      await isActive(infrastructure, 'kafka+redis');
      other.freeze();
      await isActive(infrastructure, 'redis', 3_000 + NOISE_MS);
      expect(infrastructure.mode.configured).toBe('kafka+redis');
      // At the start one of them may have answered before the other.
      expect(modes.slice(modes.indexOf('kafka+redis'))).toEqual(['kafka+redis', 'kafka', 'kafka+redis', 'redis']);
    });

    test.each([
      [['redis'], 'redis'],
      [['kafka'], 'kafka'],
      [[], 'websocket'],
    ])('of %s alone is %s', async (names, mode) => {
      const infrastructure = compose({}, names);
      expect(infrastructure.mode.configured).toBe(mode);
      await isActive(infrastructure, mode);
      expect(infrastructure.sources().length).toBe(names.length + 1);
      expect(infrastructure.sourceOf('redis') === null).toBe(!names.includes('redis'));
      expect(infrastructure.health().map(({ name, enabled }) => [name, enabled])).toEqual([
        ['kafka', names.includes('kafka')],
        ['redis', names.includes('redis')],
        ['websocket', true],
      ]);
    });

    test('the operator’s switch: ends its readers, is said, and is taken back without a restart', async () => {
      const infrastructure = compose();
      const { leader, publish } = leaderOf(infrastructure);
      publish();
      leader.seal(trade());
      await isActive(infrastructure, 'kafka+redis');
      expect(await infrastructure.flush(5_000)).toBe(true);
      const source = infrastructure.sourceOf('redis')!;
      const reading = connect(source, { position: { epoch: EPOCH, offset: 0 }, cut: 'full' });
      await until(() => reading.batches.length > 0);
      infrastructure.setEnabled('redis', false);
      expect(reading.closings).toEqual(['reconnect']);
      expect(infrastructure.mode).toEqual({ configured: 'kafka', active: 'kafka' });
      expect(infrastructure.health()[1]).toMatchObject({ name: 'redis', enabled: false, state: 'disabled' });
      const refused = connect(source, { position: null, cut: 'full' });
      await until(() => refused.closings.length > 0);
      leader.seal(trade());
      expect(await infrastructure.flush(5_000)).toBe(true);
      infrastructure.setEnabled('redis', true);
      expect(infrastructure.sourceOf('redis')).toBe(source);
      await isActive(infrastructure, 'kafka+redis');
      expect(await infrastructure.flush(5_000)).toBe(true);
      const again = connect(source, { position: { epoch: EPOCH, offset: 1 }, cut: 'full' });
      await until(() => again.position?.offset === 2);
      expect([again.snapshots, again.holes]).toEqual([[], 0]);
      again.close();
    });
  });

  describe('a takeover', () => {
    test('[EPO1] fences all at once, and names the longest tail first', async () => {
      const infrastructure = compose();
      const { leader, publish } = leaderOf(infrastructure);
      leader.seal(trade());
      publish();
      expect(await infrastructure.flush(5_000)).toBe(true);
      infrastructure.setEnabled('kafka', false);
      leader.seal(trade());
      expect(await infrastructure.flush(5_000)).toBe(true);
      infrastructure.retire();
      infrastructure.setEnabled('kafka', true);
      const { tails, failures, higher } = await infrastructure.fence(EPOCH + 1, 5_000);
      expect(tails.map(({ name, tail }) => [name, tail.position?.offset, tail.writer])).toEqual([
        ['redis', 2, EPOCH + 1],
        ['kafka', 1, EPOCH + 1],
      ]);
      expect([failures, higher]).toEqual([[], null]);
      expect(await infrastructure.highestWriter()).toBe(EPOCH + 1);
    });

    test('[EPO2] asks for the highest epoch, and one path that is away hides nothing of the others', async () => {
      const infrastructure = compose();
      await isActive(infrastructure, 'kafka+redis');
      await infrastructure.fence(EPOCH + 3, 5_000);
      other.freeze();
      expect(await infrastructure.highestWriter(300)).toBe(EPOCH + 3);
      redis.freeze();
      await expect(infrastructure.highestWriter(300)).rejects.toThrow();
      expect(await compose({}, []).highestWriter()).toBe(0);
    });

    test('waits for no path longer than it is told', async () => {
      const infrastructure = compose();
      await isActive(infrastructure, 'kafka+redis');
      other.freeze();
      const began = systemClock.monotonic();
      const { tails, failures, higher } = await infrastructure.fence(EPOCH, 300);
      expect(systemClock.monotonic() - began).toBeLessThan(300 + NOISE_MS);
      expect(tails.map(({ name }) => name)).toEqual(['redis']);
      expect(failures.map(({ name, error }) => [name, error.message])).toEqual([['kafka', 'no answer within 300 ms']]);
      expect(higher).toBeNull();
    });

    test('[EPO2] one path that knows somebody higher is enough to step down', async () => {
      const [before, after] = [compose(), compose({}, ['redis'])];
      await isActive(before, 'kafka+redis');
      expect(await after.fence(EPOCH + 9, 5_000)).toMatchObject({ higher: null });
      const { tails, failures, higher } = await before.fence(EPOCH, 5_000);
      expect(tails.map(({ name }) => name)).toEqual(['kafka']);
      expect([failures.map(({ name }) => name), higher]).toEqual([['redis'], EPOCH + 9]);
    });

    test('[EPO2] a deposed leader is told once, though every path says so, and publishes no more', async () => {
      const [before, after] = [compose(), compose()];
      const { leader, fencedBy, publish } = leaderOf(before);
      publish();
      leader.seal(trade());
      await isActive(before, 'kafka+redis');
      expect(await before.flush(5_000)).toBe(true);
      expect((await after.fence(EPOCH + 1, 5_000)).failures).toEqual([]);
      leader.seal(trade());
      await until(() => fencedBy.length > 0);
      leader.seal(trade());
      before.heartbeat();
      expect(await before.flush(500)).toBe(false);
      expect(fencedBy).toEqual([EPOCH + 1]);
    });

    test('[HND1] flush waits for the living only', async () => {
      const infrastructure = compose();
      const { leader, publish } = leaderOf(infrastructure);
      publish();
      await isActive(infrastructure, 'kafka+redis');
      await other.kill();
      await isActive(infrastructure, 'redis');
      leader.seal(trade());
      expect(await infrastructure.flush(5_000)).toBe(true);
      expect((await infrastructure.fence(EPOCH, 5_000)).tails[0]?.tail.position).toEqual({ epoch: EPOCH, offset: 1 });
    });
  });

  describe('a follower', () => {
    let server: TestStreamServer;
    let followed: FollowedLog;
    let leader: Publisher;
    let infrastructure: Infrastructure;

    beforeEach(async () => {
      const leading = compose({}, ['redis']);
      const pen = leaderOf(leading);
      leader = pen.leader;
      pen.publish();
      server = await startStreamServer(leader.log);
      cleanUps.push(() => server.stop());
      const beat = setInterval(() => {
        leading.heartbeat();
        server.memory.heartbeat();
      }, HEARTBEAT_INTERVAL_MS);
      const seal = setInterval(() => leader.seal(trade()), 50);
      cleanUps.push(() => clearInterval(beat));
      cleanUps.push(() => clearInterval(seal));
      await until(async () => await leading.flush(1_000));
      infrastructure = compose({}, ['redis']);
      infrastructure.setLeader(server.url);
      followed = new FollowedLog({
        log: new StreamLog(),
        sources: infrastructure.sources(),
        clock: systemClock,
        preferredRetryMs: 500,
      });
      cleanUps.push(() => followed.stop());
      followed.start();
      await until(() => followed.view.state === 'live');
    });

    const isReading = (source: string) =>
      until(() => followed.view.state === 'live' && followed.view.source.startsWith(source));

    test.each([
      ['dead', () => redis.kill(), () => redis.start(), 3_000],
      ['frozen', async () => redis.freeze(), async () => redis.thaw(), 4_000],
    ])('leaves a %s Redis for the leader’s WebSocket, and comes back by itself', async (_, hurt, heal, withinMs) => {
      await isReading('redis');
      const opened = followed.counters;
      await hurt();
      const began = systemClock.monotonic();
      await isReading('leader');
      expect(systemClock.monotonic() - began).toBeLessThan(withinMs + NOISE_MS);
      const { offset } = followed.log.position;
      await until(() => followed.log.position.offset > offset);
      await heal();
      await isReading('redis');
      expect(followed.counters).toMatchObject({ lost: opened.lost, holes: opened.holes });
    });

    test('leaves a Redis that is switched off at once, and comes back when it is switched on', async () => {
      await isReading('redis');
      infrastructure.setEnabled('redis', false);
      await isReading('leader');
      infrastructure.setEnabled('redis', true);
      await isReading('redis');
      expect(followed.counters).toMatchObject({ lost: 0, holes: 0 });
    });
  });

  test('the registry opens those that can be reached', async () => {
    const connection = new TcpRedisConnection({ url: redis.url });
    const opened = await openInfrastructures({}, { clock: systemClock, redis: connection });
    expect(opened).toEqual([
      { name: 'kafka', title: 'Kafka', service: null },
      { name: 'redis', title: 'Redis', service: expect.any(RedisService) },
    ]);
    await opened[1]!.service!.stop();
  });
});

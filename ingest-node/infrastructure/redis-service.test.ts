import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { describeWithService } from '../../infra/local/services/testing/describe-with-service.ts';
import { startRedis, type TestRedis } from '../../infra/local/services/testing/redis.ts';
import { systemClock } from '../../shared/base/clock.ts';
import { probeAsReader, probeRedis } from '../../shared/stream/redis/redis-probe.ts';
import { infrastructureSuite } from './infrastructure.suite.ts';
import { RedisService } from './redis-service.ts';
import { TcpRedisConnection } from './tcp-redis-connection.ts';
import { overRest, overTcp } from './testing/redis-harness.ts';
import { startRedisPath } from './testing/redis-path.ts';

describeWithService('redis', 'the Redis service', () => {
  let redis: TestRedis;
  beforeAll(async () => {
    redis = await startRedis();
  });
  afterAll(() => redis?.dispose());

  infrastructureSuite('Redis over TCP', () => startRedisPath(redis, overTcp));
  infrastructureSuite('Redis over REST', () => startRedisPath(redis, overRest));

  test('full: told by a node that writes nothing, too, and nothing is left behind', async () => {
    const admin = new Redis(redis.url);
    await admin.flushall();
    const service = new RedisService({ connection: new TcpRedisConnection({ url: redis.url }), clock: systemClock });
    const isNow = (state: string) => vi.waitUntil(() => service.health().state === state, { timeout: 5_000 });
    try {
      service.start();
      await isNow('up');
      await admin.config('SET', 'maxmemory', '1');
      await isNow('down');
      expect(service.health().lastError).toMatch(/maxmemory/);
      await admin.config('SET', 'maxmemory', '0');
      await isNow('up');
      expect(await admin.keys('*')).toEqual([]);
    } finally {
      await admin.config('SET', 'maxmemory', '0');
      await service.stop();
      admin.disconnect();
    }
  });

  test('an account that may only read learns that Redis is there, and whoever writes that it may not', async () => {
    const admin = new Redis(redis.url);
    await admin.call('ACL', 'SETUSER', 'reader', 'on', '>sesame', '~*', '&*', '+@all', '-@write');
    const reader = new TcpRedisConnection({ url: redis.url.replace(/\/\/.*@/, '//reader:sesame@') });
    try {
      await vi.waitUntil(() => reader.command('PING').catch(() => null), { timeout: 5_000 });
      await expect(probeAsReader(reader)).resolves.toBeUndefined();
      await expect(probeRedis(reader)).rejects.toThrow('NOPERM');
      await redis.kill();
      await expect(probeAsReader(reader)).rejects.toThrow();
    } finally {
      if (!redis.isRunning) await redis.start();
      await reader.stop();
      admin.disconnect();
    }
  });
});

import { Redis } from 'ioredis';
import type { TestRedis } from '../../../infra/local/services/testing/redis.ts';
import { systemClock } from '../../../shared/base/clock.ts';
import { FENCE_KEY, HISTORY_KEY, SNAPSHOT_KEY, STREAM_CHANNEL } from '../../../shared/stream/redis/redis-layout.ts';
import { RedisService } from '../redis-service.ts';
import type { RedisWay } from './redis-harness.ts';
import type { PathUnderTest } from './suite-world.ts';

/** A real Redis for the suite of all infrastructures. */
export async function startRedisPath(
  redis: TestRedis,
  open: (redis: TestRedis, admin: Redis) => RedisWay | Promise<RedisWay>,
): Promise<PathUnderTest> {
  const admin = new Redis(redis.url, { retryStrategy: () => 20 });
  admin.on('error', () => {});
  // As it was before whatever the test before did to it.
  await admin.config('SET', 'maxmemory', '0');
  await admin.flushall();
  const way = await open(redis, admin);
  const services: RedisService[] = [];
  return {
    open: () => {
      const service = new RedisService({ connection: way.connect(), clock: systemClock, paceMs: 10 });
      services.push(service);
      service.start();
      return service;
    },
    kill: () => redis.kill(),
    revive: () => redis.start(),
    freeze: () => redis.freeze(),
    thaw: () => redis.thaw(),
    wipe: () => admin.flushall(),
    fill: () => admin.config('SET', 'maxmemory', '1'),
    drain: () => admin.config('SET', 'maxmemory', '0'),
    spoil: () =>
      admin
        .multi()
        .del(HISTORY_KEY, SNAPSHOT_KEY)
        .set(HISTORY_KEY, 'none of ours')
        .rpush(SNAPSHOT_KEY, 'none of ours')
        .set(FENCE_KEY, 'none of ours')
        .publish(STREAM_CHANNEL, 'none of ours')
        .exec(),
    stop: async () => {
      if (redis.isRunning) redis.thaw();
      else await redis.start();
      await Promise.all(services.map(service => service.stop()));
      await way.stop();
      admin.disconnect();
    },
  };
}

import { afterAll, beforeAll } from 'vitest';
import { describeWithService } from '../../infra/local/services/testing/describe-with-service.ts';
import { startRedis, type TestRedis } from '../../infra/local/services/testing/redis.ts';
import { streamSuite } from '../../shared/stream/stream.suite.ts';
import { TcpRedisConnection } from './tcp-redis-connection.ts';
import { startRedisHarness } from './testing/redis-harness.ts';

describeWithService('redis', 'the stream out of a Redis', () => {
  let redis: TestRedis;
  beforeAll(async () => {
    redis = await startRedis();
  });
  afterAll(() => redis?.dispose());

  streamSuite('Redis over TCP', () => startRedisHarness(redis, new TcpRedisConnection({ url: redis.url })), {
    stalls: true,
    loses: false,
  });
});

import { afterAll, beforeAll } from 'vitest';
import { describeWithService } from '../../infra/local/services/testing/describe-with-service.ts';
import { startRedis, type TestRedis } from '../../infra/local/services/testing/redis.ts';
import { streamSuite } from '../../shared/stream/stream.suite.ts';
import { overRest, overTcp, startRedisHarness } from './testing/redis-harness.ts';

describeWithService('redis', 'the stream out of a Redis', () => {
  let redis: TestRedis;
  beforeAll(async () => {
    redis = await startRedis();
  });
  afterAll(() => redis?.dispose());

  const means = { stalls: true, loses: false, keepsBeginnings: false };
  streamSuite('Redis over TCP', () => startRedisHarness(redis, overTcp), { ...means, tellsCuts: true });
  streamSuite('Redis over REST', () => startRedisHarness(redis, overRest), { ...means, tellsCuts: false });
});

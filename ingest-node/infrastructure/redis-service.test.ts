import { afterAll, beforeAll } from 'vitest';
import { describeWithService } from '../../infra/local/services/testing/describe-with-service.ts';
import { startRedis, type TestRedis } from '../../infra/local/services/testing/redis.ts';
import { infrastructureSuite } from './infrastructure.suite.ts';
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
});

import { Redis } from 'ioredis';
import { afterAll, beforeAll } from 'vitest';
import { describeWithService } from '../../infra/local/services/testing/describe-with-service.ts';
import { startRedis, type TestRedis } from '../../infra/local/services/testing/redis.ts';
import { systemClock } from '../../shared/base/clock.ts';
import { gatewaySuite } from './gateway.suite.ts';
import { MemoryStore } from './memory-store.ts';
import { STREAM_SCRIPTS } from './stream-scripts.ts';
import { openRedisStore } from './testing/open-redis-store.ts';

gatewaySuite('memory', async () => new MemoryStore({ clock: systemClock, scripts: STREAM_SCRIPTS }));

describeWithService('redis', 'with a real Redis behind it', () => {
  let server: TestRedis;
  let admin: Redis;

  beforeAll(async () => {
    server = await startRedis();
    admin = new Redis(server.url);
  });

  afterAll(async () => {
    admin?.disconnect();
    await server?.dispose();
  });

  gatewaySuite('Redis', async () => {
    await admin.flushall();
    await admin.script('LOAD', STREAM_SCRIPTS.all[0]!.source);
    return openRedisStore(server.url);
  });
});

import { expect, test, vi } from 'vitest';
import { systemClock } from '../../shared/base/clock.ts';
import { trade } from '../../shared/model/testing/market-events.ts';
import { RedisSource } from '../../shared/stream/redis/redis-source.ts';
import { ResilientSource } from '../../shared/stream/resilient-source.ts';
import { startGateway } from '../gateway/gateway.ts';
import { MemoryRedisConnection } from '../gateway/memory-redis-connection.ts';
import { MemoryStore } from '../gateway/memory-store.ts';
import { STREAM_SCRIPTS } from '../gateway/stream-scripts.ts';
import { silentLogger } from '../operations/logger.ts';
import { RedisService } from './redis-service.ts';
import { RestRedisConnection } from './rest-redis-connection.ts';
import { LeadingPublisher } from './testing/redis-harness.ts';

test('[TRM1] a subscription over REST that is renewed all the time loses nothing and leaves nothing behind', async () => {
  const store = new MemoryStore({ clock: systemClock, scripts: STREAM_SCRIPTS });
  const gateway = await startGateway({ store, port: 0, token: null, logger: silentLogger });
  const service = new RedisService({ connection: new MemoryRedisConnection(store), clock: systemClock, paceMs: 5 });
  const leader = new LeadingPublisher(service);
  leader.beginEpoch(1_785_397_200);
  const connection = new RestRedisConnection({ url: gateway.url, token: gateway.token });
  const subscribe = vi.spyOn(connection, 'subscribe');
  let offset = 0;
  const reader = new ResilientSource({
    sources: [new RedisSource({ connection, clock: systemClock, renewEveryMs: 1_100 })],
    onSnapshot: ({ position }) => {
      offset = position.offset;
    },
    onBatch: ({ first, next }) => {
      expect(first).toBe(offset + 1);
      offset = next - 1;
    },
  });
  reader.start();
  const sealing = setInterval(() => leader.seal(trade()), 3);
  let most = 0;
  const isRenewedThrice = () => {
    most = Math.max(most, gateway.counts.subscribers);
    return subscribe.mock.calls.length > 3 && gateway.counts.subscribers === 1;
  };
  await vi.waitUntil(isRenewedThrice, { timeout: 15_000, interval: 5 });
  clearInterval(sealing);
  await vi.waitUntil(() => offset === leader.log.position.offset, { timeout: 5_000, interval: 5 });
  expect(most).toBe(2);
  expect(reader.counters).toEqual({ opened: 1, holes: 0, lost: 0, switched: 0 });
  reader.stop();
  await vi.waitUntil(() => gateway.counts.subscribers === 0, { timeout: 5_000, interval: 5 });
  await service.stop();
  await gateway.stop();
  await store.close();
}, 30_000);

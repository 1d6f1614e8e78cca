import { vi } from 'vitest';
import { systemClock } from '../../../shared/base/clock.ts';
import { RedisStore, type RedisStoreOptions } from '../redis-store.ts';

/** A store whose connections stand. */
export async function openRedisStore(
  url: string,
  onConnection: RedisStoreOptions['onConnection'] = () => {},
): Promise<RedisStore> {
  const store = new RedisStore({ url, clock: systemClock, onConnection });
  await vi.waitUntil(() => store.health.fault === null, { timeout: 10_000, interval: 2 });
  return store;
}

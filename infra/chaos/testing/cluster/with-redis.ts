import { Redis } from 'ioredis';
import type { Cluster } from './cluster.ts';

/** Speaks to the Redis itself, past the links of the nodes. */
export async function withRedis<Value>(cluster: Cluster, use: (redis: Redis) => Promise<Value>): Promise<Value> {
  const redis = new Redis(cluster.services!.redis.url, { maxRetriesPerRequest: 1 });
  try {
    return await use(redis);
  } finally {
    redis.disconnect();
  }
}

import { join } from 'node:path';
import type { ManagedService, ServicePlan } from './managed-service.ts';
import { askRedis, missingForRedis, prepareRedis, redisUrl } from './redis-server.ts';

/**
 * Redis, without persistence: it carries a minute of history and a fence, and the product promises to survive their
 * loss. A restart that finds Redis empty is the harder case, so it is the one that development meets every day.
 */
export const redisService: ManagedService = {
  name: 'redis',
  variable: 'REDIS_URL',
  firstPort: 16_380,
  portCount: 1,
  servers: ['redis'],
  packages: ['redis-server'],
  missing: missingForRedis,
  prepare: async (dataFolder, plan) => [
    prepareRedis({
      directory: join(dataFolder, 'redis'),
      port: portOf(plan),
      password: plan.password,
      keepsData: false,
    }),
  ],
  address: plan => redisUrl({ port: portOf(plan), password: plan.password }),
  composeVariables: plan => ({ REDIS_PORT: String(portOf(plan)), REDIS_PASSWORD: plan.password }),
  ask: async (address, timeoutMs) => `Redis ${await askRedis(address, timeoutMs)}`,
};

function portOf(plan: ServicePlan): number {
  return plan.ports[0] ?? redisService.firstPort;
}

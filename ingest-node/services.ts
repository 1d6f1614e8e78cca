import type { Clock } from '../shared/base/clock.ts';
import type { ComponentHealth } from '../shared/wire/service-info.ts';
import type { Config } from './config/config.ts';
import type { RedisSettings } from './config/services.ts';
import { type Gateway, startGateway } from './gateway/gateway.ts';
import type { GatewayStore } from './gateway/gateway-store.ts';
import { MemoryRedisConnection } from './gateway/memory-redis-connection.ts';
import { MemoryStore } from './gateway/memory-store.ts';
import { RedisStore } from './gateway/redis-store.ts';
import { STREAM_SCRIPTS } from './gateway/stream-scripts.ts';
import type { InfrastructureService } from './infrastructure/infrastructure-service.ts';
import type { RedisConnection } from './infrastructure/redis-connection.ts';
import { createInfrastructureServices } from './infrastructure/registry.ts';
import { RestRedisConnection } from './infrastructure/rest-redis-connection.ts';
import { TcpRedisConnection } from './infrastructure/tcp-redis-connection.ts';
import type { Logger } from './operations/logger.ts';

export type NodeServicesOptions = {
  readonly config: Config;
  /** Interface that the gateway listens on; by default its own choice. */
  readonly host?: string;
  readonly clock: Clock;
  readonly logger: Logger;
};

/**
 * The Redis that the settings name, and the gateway in front of it. A node on its own that is asked for a gateway and
 * has no Redis holds in its memory what a Redis would.
 */
export class NodeServices {
  /** What carries the stream, best first; stopped by whoever runs it. */
  readonly infrastructure: readonly InfrastructureService[];
  readonly #options: NodeServicesOptions;
  readonly #store: GatewayStore | null;
  #gateway: Gateway | null = null;

  constructor(options: NodeServicesOptions) {
    this.#options = options;
    const { config, clock, logger } = options;
    const { redis, gateway } = config;
    const memory = redis === null && gateway !== null ? new MemoryStore({ clock, scripts: STREAM_SCRIPTS }) : null;
    const connection = memory === null ? connectionTo(redis) : new MemoryRedisConnection(memory);
    this.infrastructure = createInfrastructureServices({ redis: connection }, clock);
    this.#store = memory;
    if (gateway === null || redis?.protocol !== 'tcp') return;
    this.#store = new RedisStore({
      url: redis.url,
      clock,
      onConnection: (isReachable, reason) =>
        logger[isReachable ? 'info' : 'warn']({ isReachable, reason }, 'the Redis behind the gateway'),
    });
  }

  /** Opens the gateway, if there is to be one. Rejects with a plain line when its port cannot be had. */
  async start(): Promise<void> {
    const { config, host, clock, logger } = this.#options;
    if (this.#store === null || config.gateway === null) return;
    const listening = host === undefined ? {} : { host };
    this.#gateway = await startGateway({ ...config.gateway, store: this.#store, clock, logger, ...listening });
  }

  health(): ComponentHealth[] {
    return this.#gateway === null ? [] : [this.#gateway.health()];
  }

  /** To be called when nobody uses the connection any more. */
  async stop(): Promise<void> {
    await this.#gateway?.stop();
    await this.#store?.close();
  }
}

function connectionTo(redis: RedisSettings | null): RedisConnection | null {
  if (redis === null) return null;
  return redis.protocol === 'tcp' ? new TcpRedisConnection({ url: redis.url }) : new RestRedisConnection(redis);
}

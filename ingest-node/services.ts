import type { Clock } from '../shared/base/clock.ts';
import type { RedisConnection } from '../shared/stream/redis/redis-connection.ts';
import type { ComponentHealth } from '../shared/wire/service-info.ts';
import type { Config } from './config/config.ts';
import type { GatewaySettings, RedisSettings } from './config/services.ts';
import type { Gateway } from './gateway/gateway.ts';
import type { GatewayStore } from './gateway/gateway-store.ts';
import type { OpenedInfrastructure } from './infrastructure/infrastructure-service.ts';
import { type InfrastructureRegistry, openInfrastructures } from './infrastructure/registry.ts';
import type { Logger } from './operations/logger.ts';

export type NodeServicesOptions = {
  readonly config: Pick<Config, 'infrastructure' | 'gateway'>;
  /** The product's own by default. */
  readonly infrastructures?: InfrastructureRegistry;
  /** Interface that the gateway listens on; by default its own choice. */
  readonly host?: string;
  readonly clock: Clock;
  readonly logger: Logger;
};

/** A way to a Redis, and the store that a gateway serves it from. */
type Access = { readonly redis: RedisConnection | null; readonly store: GatewayStore | null };

/**
 * The infrastructure that the settings name, and the gateway in front of the Redis. A node on its own that is asked for
 * a gateway and has no Redis holds in its memory what a Redis would. Clients of services that are not used are not loaded:
 * a newcomer's start is the sooner for it.
 */
export class NodeServices {
  /** What stores the stream, best first; stopped by whoever runs it. */
  readonly infrastructure: readonly OpenedInfrastructure[];
  readonly #options: NodeServicesOptions;
  readonly #store: GatewayStore | null;
  #gateway: Gateway | null = null;

  private constructor(
    options: NodeServicesOptions,
    infrastructure: readonly OpenedInfrastructure[],
    store: GatewayStore | null,
  ) {
    this.#options = options;
    this.infrastructure = infrastructure;
    this.#store = store;
  }

  static async open(options: NodeServicesOptions): Promise<NodeServices> {
    const { redis, store } = await access(options);
    const { config, clock, infrastructures } = options;
    const opened = await openInfrastructures(config.infrastructure, { clock, redis }, infrastructures);
    return new NodeServices(options, opened, store);
  }

  /** Opens the gateway, if there is to be one. Rejects with a plain line when its port cannot be had. */
  async start(): Promise<void> {
    const { config, host, clock, logger } = this.#options;
    if (this.#store === null || config.gateway === null) return;
    const { startGateway } = await import('./gateway/gateway.ts');
    const listening = host === undefined ? {} : { host };
    this.#gateway = await startGateway({ ...config.gateway, store: this.#store, clock, logger, ...listening });
  }

  /** How this machine reaches the gateway; `null`: there is none. */
  get gatewayUrl(): string | null {
    return this.#gateway?.url ?? null;
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

async function access({ config, clock, logger }: NodeServicesOptions): Promise<Access> {
  const { infrastructure, gateway } = config;
  const { redis = null } = infrastructure;
  if (redis === null) return gateway === null ? { redis: null, store: null } : inMemory(clock);
  return { redis: await connect(redis), store: await storeBehind(gateway, redis, clock, logger) };
}

async function inMemory(clock: Clock): Promise<Access> {
  const { MemoryStore } = await import('./gateway/memory-store.ts');
  const { MemoryRedisConnection } = await import('./gateway/memory-redis-connection.ts');
  const { STREAM_SCRIPTS } = await import('./gateway/stream-scripts.ts');
  const store = new MemoryStore({ clock, scripts: STREAM_SCRIPTS });
  return { redis: new MemoryRedisConnection(store), store };
}

async function connect(redis: RedisSettings): Promise<RedisConnection> {
  if (redis.protocol === 'rest') {
    const { RestRedisConnection } = await import('./infrastructure/rest-redis-connection.ts');
    return new RestRedisConnection(redis);
  }
  const { TcpRedisConnection } = await import('./infrastructure/tcp-redis-connection.ts');
  return new TcpRedisConnection({ url: redis.url });
}

async function storeBehind(
  gateway: GatewaySettings | null,
  redis: RedisSettings,
  clock: Clock,
  logger: Logger,
): Promise<GatewayStore | null> {
  if (gateway === null || redis.protocol !== 'tcp') return null;
  const { RedisStore } = await import('./gateway/redis-store.ts');
  const onConnection = (isReachable: boolean, reason: string | null) =>
    logger[isReachable ? 'info' : 'warn']({ isReachable, reason }, 'the Redis behind the gateway');
  return new RedisStore({ url: redis.url, clock, onConnection });
}

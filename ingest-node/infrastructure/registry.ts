import type { Clock } from '../../shared/base/clock.ts';
import type { RedisConnection } from '../../shared/stream/redis/redis-connection.ts';
import type { InfrastructureName, InfrastructureService } from './infrastructure-service.ts';
import type { KafkaAccess } from './kafka-access.ts';

/** How the infrastructures that the environment names are reached. */
export type InfrastructureAccess = {
  readonly redis: RedisConnection | null;
  readonly kafka: KafkaAccess | null;
};

export type Factory = (access: InfrastructureAccess, clock: Clock) => Promise<InfrastructureService | null>;

/**
 * Every infrastructure that stores the stream, best first. A new one is a file of its own, a line here, and the suite.
 * What is not used is not loaded: a newcomer's start is the sooner for it.
 */
export const FACTORIES = {
  kafka: async ({ kafka }, clock) =>
    kafka === null ? null : new (await import('./kafka-service.ts')).KafkaService({ ...kafka, clock }),
  redis: async ({ redis }, clock) =>
    redis === null ? null : new (await import('./redis-service.ts')).RedisService({ connection: redis, clock }),
} as const satisfies Partial<Record<InfrastructureName, Factory>>;

/** Those that can be reached, best first. */
export async function createInfrastructureServices(
  access: InfrastructureAccess,
  clock: Clock,
  factories: Readonly<Record<string, Factory>> = FACTORIES,
): Promise<InfrastructureService[]> {
  const services = await Promise.all(Object.values(factories).map(create => create(access, clock)));
  return services.filter(service => service !== null);
}

import type { Clock } from '../../shared/base/clock.ts';
import type { RedisConnection } from '../../shared/stream/redis/redis-connection.ts';
import type { InfrastructureName, InfrastructureService } from './infrastructure-service.ts';
import type { KafkaAccess } from './kafka-access.ts';
import { KafkaService } from './kafka-service.ts';
import { RedisService } from './redis-service.ts';

/** How the infrastructures that the environment names are reached. */
export type InfrastructureAccess = {
  readonly redis: RedisConnection | null;
  readonly kafka?: KafkaAccess | null;
};

type Factory = (access: InfrastructureAccess, clock: Clock) => InfrastructureService | null;

/** Every infrastructure that stores the stream, best first. A new one is a file of its own, a line here, and the suite. */
const FACTORIES = {
  kafka: ({ kafka }, clock) => (kafka == null ? null : new KafkaService({ ...kafka, clock })),
  redis: ({ redis }, clock) => (redis === null ? null : new RedisService({ connection: redis, clock })),
} as const satisfies Partial<Record<InfrastructureName, Factory>>;

/** Those that can be reached, best first. */
export function createInfrastructureServices(access: InfrastructureAccess, clock: Clock): InfrastructureService[] {
  return Object.values(FACTORIES).flatMap(create => create(access, clock) ?? []);
}

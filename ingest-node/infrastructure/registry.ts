import type { Clock } from '../../shared/base/clock.ts';
import type { RedisConnection } from '../../shared/stream/redis/redis-connection.ts';
import { readKafka } from '../config/kafka.ts';
import { type RedisSettings, readRedis, type Text } from '../config/services.ts';
import type { InfrastructureService, OpenedInfrastructure } from './infrastructure-service.ts';
import type { KafkaAccess } from './kafka-access.ts';

/** What a service may be made with, beside its own settings. */
export type Means = {
  readonly clock: Clock;
  /** The way to this installation's Redis, which a gateway may serve too; it may be the memory of a node on its own. */
  readonly redis: RedisConnection | null;
};

export type InfrastructureKind<Settings = unknown> = {
  /** What people call it. */
  readonly title: string;
  /** Its settings, read from the environment; `null`: there are none. What is wrong with them is added to the faults. */
  read(text: Text, faults: string[]): Settings | null;
  /**
   * `null`: this installation does without. What is not used is not loaded: a newcomer's start is the sooner for it.
   *
   * @param settings what {@link read} gave
   */
  open(settings: Settings | null, means: Means): Promise<InfrastructureService | null>;
};

export type InfrastructureRegistry = Readonly<Record<string, InfrastructureKind>>;

const kafka: InfrastructureKind<KafkaAccess> = {
  title: 'Kafka',
  read: readKafka,
  open: async (settings, { clock }) =>
    settings === null ? null : new (await import('./kafka-service.ts')).KafkaService({ ...settings, clock }),
};

const redis: InfrastructureKind<RedisSettings> = {
  title: 'Redis',
  read: readRedis,
  open: async (_settings, { redis: connection, clock }) =>
    connection === null ? null : new (await import('./redis-service.ts')).RedisService({ connection, clock }),
};

/**
 * Every infrastructure that stores the stream, best first: followers read from the first one that is well, and from the
 * leader's WebSocket when none is. The rest follows from the line here: its settings, its switch, its row in health, its
 * place in the mode (`kafka+redis`) and its path, `/ws/` and the name. A new one is a file of its own, a line here, and the suite.
 */
export const INFRASTRUCTURES = { kafka, redis } satisfies InfrastructureRegistry;

/** Settings by the name of what they belong to; `null` or nothing: there are none. */
export type InfrastructureSettings = {
  readonly [Name in keyof typeof INFRASTRUCTURES]?: ReturnType<(typeof INFRASTRUCTURES)[Name]['read']>;
};

/** All that there are, best first. */
export function openInfrastructures(
  settings: Readonly<Record<string, unknown>>,
  means: Means,
  registry: InfrastructureRegistry = INFRASTRUCTURES,
): Promise<OpenedInfrastructure[]> {
  return Promise.all(
    Object.entries(registry).map(async ([name, kind]) => ({
      name,
      title: kind.title,
      service: await kind.open(settings[name] ?? null, means),
    })),
  );
}

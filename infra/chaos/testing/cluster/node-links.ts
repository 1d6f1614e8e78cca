import type { Mode } from '../../../../shared/wire/service-info.ts';
import type { Services } from './cluster-services.ts';
import { FarLink } from './far-link.ts';

/** The links of one node, each of which can be hurt. */
export type NodeLinks = {
  readonly zookeeper: readonly FarLink[];
  /** `null` where the node is not told of it. */
  readonly redis: FarLink | null;
  readonly kafka: FarLink | null;
  /** How the other nodes reach its stream. */
  readonly stream: FarLink;
};

/** @param number of the node, from 1 */
export async function linkNode(
  number: number,
  port: number,
  services: Services | null,
  mode: Mode,
): Promise<NodeLinks> {
  const stream = await FarLink.to(port);
  if (services === null) return { zookeeper: [], redis: null, kafka: null, stream };
  const zookeeper = await Promise.all(services.zookeeper.servers.map(server => FarLink.to(server.port)));
  const redis = mode.includes('redis') ? await FarLink.to(services.redis.port) : null;
  const kafka = services.kafkaLinks[number - 1] ?? null;
  if (mode.includes('kafka') && kafka === null) throw new Error(`Kafka has no door for node ${number}`);
  return { zookeeper, redis, kafka, stream };
}

export function everyLink({ zookeeper, redis, kafka, stream }: NodeLinks): FarLink[] {
  return [...zookeeper, redis, kafka, stream].filter(link => link !== null);
}

/** What a node is told of the services: where its links begin. */
export function addressesOver(
  { zookeeper, redis, kafka }: NodeLinks,
  services: Services | null,
  sessionTimeoutMs: number | null,
): Record<string, string> {
  if (services === null) return {};
  const redisUrl = new URL(services.redis.url);
  if (redis !== null) redisUrl.host = redis.address;
  return {
    ZOOKEEPER_CONNECT: zookeeper.map(link => link.address).join(','),
    ZOOKEEPER_SESSION_TIMEOUT_MS: String(sessionTimeoutMs),
    MYSQL_URL: services.mariadb.url,
    ...(redis === null ? {} : { REDIS_URL: redisUrl.href }),
    ...(kafka === null ? {} : { KAFKA_BROKERS: kafka.address }),
  };
}

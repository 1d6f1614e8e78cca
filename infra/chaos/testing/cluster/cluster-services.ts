import type { Mode } from '../../../../shared/wire/service-info.ts';
import { startKafka, type TestKafka } from '../../../local/services/testing/kafka.ts';
import { startMariaDb, type TestMariaDb } from '../../../local/services/testing/mariadb.ts';
import { startRedis, type TestRedis } from '../../../local/services/testing/redis.ts';
import { startZooKeeperEnsemble, type TestZooKeeperEnsemble } from '../../../local/services/testing/zookeeper.ts';
import { FarLink } from './far-link.ts';

/** The real servers of a cluster. Redis runs in any case, though the nodes may not be told of it. */
export type Services = {
  readonly zookeeper: TestZooKeeperEnsemble;
  readonly redis: TestRedis;
  readonly mariadb: TestMariaDb;
  /** Only where the nodes are told of it: a Java program more. */
  readonly kafka: TestKafka | null;
  /**
   * Ways to Kafka, one for each node: a broker tells its clients by what address to come, so whoever shall come over a
   * link needs a door of his own behind it.
   */
  readonly kafkaLinks: readonly FarLink[];
};

/** Three nodes, and one that comes and goes. */
const MOST_NODES = 4;

export async function startServices(mode: Mode): Promise<Services> {
  const links = new Map<number, FarLink>();
  const addressOf = async (port: number) => {
    const link = await FarLink.to(port);
    links.set(port, link);
    return link.address;
  };
  const [zookeeper, redis, mariadb, kafka] = await Promise.all([
    startZooKeeperEnsemble(),
    startRedis(),
    startMariaDb(),
    mode.includes('kafka') ? startKafka({ doors: MOST_NODES, addressOf }) : null,
  ]);
  const kafkaLinks = (kafka?.doors ?? []).map(({ port }) => links.get(port)!);
  return { zookeeper, redis, mariadb, kafka, kafkaLinks };
}

export async function stopServices(services: Services): Promise<void> {
  const { zookeeper, redis, mariadb, kafka, kafkaLinks } = services;
  await Promise.all(kafkaLinks.map(link => link.stop()));
  await Promise.all([zookeeper.dispose(), redis.dispose(), mariadb.dispose(), kafka?.dispose()]);
}

import { afterAll, beforeAll, test } from 'vitest';
import { describeWithService } from '../local/services/testing/describe-with-service.ts';
import { Cluster } from './testing/cluster/cluster.ts';
import { OUTAGES_OF_BOTH } from './testing/cluster/kafka-outages.ts';
import { runOutages } from './testing/cluster/outages.ts';
import { runTakeovers } from './testing/cluster/takeovers.ts';

// Every outage, both modes with Kafka, and ten of each takeover: kafka-cluster.long.test.ts.
const seed = Number(process.env['SEED'] ?? Math.floor(Math.random() * 1e6));

describeWithService(['zookeeper', 'redis', 'mariadb', 'kafka'], 'three nodes with Kafka and Redis', () => {
  let cluster: Cluster;
  beforeAll(async () => {
    console.log(`SEED=${seed}`);
    const options = {
      nodes: 3,
      mode: 'kafka+redis',
      sessionTimeoutMs: 2_000,
      eventsPerSecond: 500,
      patience: 2,
    } as const;
    cluster = await Cluster.start({ ...options, seed });
  }, 120_000);
  afterAll(() => cluster?.stop());

  test('[GAP1] [HB1] Kafka freezes, and then Redis with it: clients go on, health says so, and it heals', async () => {
    await runOutages(cluster, [OUTAGES_OF_BOTH.kafkaFrozen, OUTAGES_OF_BOTH.bothFrozen]);
  }, 120_000);

  test('[EPO1] [FEN1] [ORD2] [TRD1] the leader is cut off from everything: another one leads, and the topics say the same', async () => {
    await runTakeovers(cluster, ['cut']);
  }, 120_000);
});

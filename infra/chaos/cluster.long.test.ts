import { afterAll, beforeAll, expect, test } from 'vitest';
import { describeWithService } from '../local/services/testing/describe-with-service.ts';
import { Cluster } from './testing/cluster/cluster.ts';
import { runHandovers } from './testing/cluster/handovers.ts';
import { OUTAGES, type Outage, runOutages } from './testing/cluster/outages.ts';
import { runTakeovers } from './testing/cluster/takeovers.ts';

const seed = Number(process.env['SEED'] ?? Math.floor(Math.random() * 1e6));
const ROUNDS = 10;
const MINUTES = 60_000;

describeWithService(['zookeeper', 'redis', 'mariadb'], 'three nodes, ten times', () => {
  let cluster: Cluster;
  beforeAll(async () => {
    console.log(`SEED=${seed}`);
    cluster = await Cluster.start({ nodes: 3, sessionTimeoutMs: 3_000, eventsPerSecond: 500, seed });
  });
  afterAll(() => cluster?.stop());

  test.each(['kill', 'freeze', 'cut'] as const)(
    '[EPO1] [FEN1] [ORD2] [TRD1] %s of the leader',
    async blow => {
      await runTakeovers(cluster, Array<typeof blow>(ROUNDS).fill(blow));
    },
    10 * MINUTES,
  );

  test(
    '[HND1] SIGTERM of the leader',
    async () => {
      await runHandovers(cluster, ROUNDS);
    },
    10 * MINUTES,
  );

  test.each<Outage>(Object.values(OUTAGES))(
    '[GAP1] [HB1] $name',
    async outage => {
      await runOutages(cluster, [outage, outage, outage]);
    },
    10 * MINUTES,
  );

  test('no exchange wanted to ban us', async () => {
    expect(await cluster.bans()).toBe(0);
  });
});

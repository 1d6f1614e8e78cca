import { afterAll, beforeAll, expect, test } from 'vitest';
import { describeWithService } from '../local/services/testing/describe-with-service.ts';
import { Cluster } from './testing/cluster/cluster.ts';
import { runGarbage } from './testing/cluster/garbage.ts';
import { runHandovers } from './testing/cluster/handovers.ts';
import { OUTAGES, type Outage, runOutages } from './testing/cluster/outages.ts';
import { runScaling } from './testing/cluster/scaling.ts';
import { type Blow, runTakeovers } from './testing/cluster/takeovers.ts';

const seed = Number(process.env['SEED'] ?? Math.floor(Math.random() * 1e6));
const ROUNDS = Number(process.env['ROUNDS'] ?? 10);
const BLOWS: readonly Blow[] = ['kill', 'freeze', 'cut'];

describeWithService(['zookeeper', 'redis', 'mariadb'], 'three nodes, ten times', () => {
  let cluster: Cluster;
  beforeAll(async () => {
    console.log(`SEED=${seed}`);
    cluster = await Cluster.start({ nodes: 3, sessionTimeoutMs: 3_000, eventsPerSecond: 500, seed });
  });
  afterAll(() => cluster?.stop());

  test.each(BLOWS)('[EPO1] [FEN1] [ORD2] [TRD1] %s of the leader', async blow => {
    await runTakeovers(cluster, Array<Blow>(ROUNDS).fill(blow));
  });

  test('[TRD1] in haste: a leader ends before it has read back what was missed before it led', async () => {
    const blows = Array.from({ length: ROUNDS }, (_, round) => BLOWS[round % BLOWS.length]!);
    await runTakeovers(cluster, blows, { isHasty: true });
  });

  test('[HND1] SIGTERM of the leader', async () => {
    await runHandovers(cluster, ROUNDS);
  });

  test.each<Outage>(Object.values(OUTAGES))('[GAP1] [HB1] $name', async outage => {
    await runOutages(cluster, [outage, outage, outage]);
  });

  test('garbage in Redis, ZooKeeper and MariaDB is passed over and named', async () => {
    for (let round = 0; round < 3; round++) await runGarbage(cluster);
  });

  test('a follower comes and goes: only its own clients notice, once', async () => {
    for (let round = 0; round < 3; round++) await runScaling(cluster);
  });

  test('no exchange wanted to ban us', async () => {
    expect(await cluster.bans()).toBe(0);
  });
});

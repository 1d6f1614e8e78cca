import { afterAll, beforeAll, expect, test } from 'vitest';
import { describeWithService } from '../local/services/testing/describe-with-service.ts';
import { Cluster } from './testing/cluster/cluster.ts';
import { runGarbage } from './testing/cluster/garbage.ts';
import { runHandovers } from './testing/cluster/handovers.ts';
import { OUTAGES, runOutages } from './testing/cluster/outages.ts';
import { runScaling } from './testing/cluster/scaling.ts';
import { runTakeovers } from './testing/cluster/takeovers.ts';

// Ten of each, all outages, and the session timeout of production: cluster.long.test.ts.
const seed = Number(process.env['SEED'] ?? Math.floor(Math.random() * 1e6));

describeWithService(['zookeeper', 'redis', 'mariadb'], 'three nodes', () => {
  let cluster: Cluster;
  beforeAll(async () => {
    console.log(`SEED=${seed}`);
    cluster = await Cluster.start({ nodes: 3, sessionTimeoutMs: 2_000, eventsPerSecond: 500, seed, patience: 2 });
  }, 120_000);
  afterAll(() => cluster?.stop());

  test('[EPO1] [FEN1] [ORD2] [TRD1] the leader is killed, frozen, cut off: another one leads, and nobody is told a word too much', async () => {
    await runTakeovers(cluster, ['kill', 'freeze', 'cut']);
  }, 120_000);

  test('[HND1] the leader is asked to end: nobody misses a trade or waits', async () => {
    await runHandovers(cluster, 1);
  }, 60_000);

  test('[GAP1] [HB1] services die, freeze and forget: clients go on, health says so, and it heals', async () => {
    const { redisFrozen, redisFlushed, zookeeperQuorumLost, mariadbDownAtStart } = OUTAGES;
    await runOutages(cluster, [redisFrozen, redisFlushed, zookeeperQuorumLost, mariadbDownAtStart]);
  }, 180_000);

  test('garbage in Redis, ZooKeeper and MariaDB is passed over and named', async () => {
    await runGarbage(cluster);
  }, 120_000);

  test('a follower comes and goes: only its own clients notice, once', async () => {
    await runScaling(cluster);
  }, 60_000);

  test('no exchange wanted to ban us', async () => {
    expect(await cluster.bans()).toBe(0);
  });
});

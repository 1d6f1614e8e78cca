import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Mode } from '../../shared/wire/service-info.ts';
import { describeWithService } from '../local/services/testing/describe-with-service.ts';
import { Cluster } from './testing/cluster/cluster.ts';
import { runHandovers } from './testing/cluster/handovers.ts';
import { OUTAGES_OF_BOTH, OUTAGES_OF_KAFKA } from './testing/cluster/kafka-outages.ts';
import { type Outage, runOutages } from './testing/cluster/outages.ts';
import { KAFKA_SLOW } from './testing/cluster/slow-outages.ts';
import { type Blow, runTakeovers } from './testing/cluster/takeovers.ts';

const seed = Number(process.env['SEED'] ?? Math.floor(Math.random() * 1e6));
const ROUNDS = Number(process.env['ROUNDS'] ?? 10);
const OUTAGE_ROUNDS = Math.min(3, ROUNDS);

const MODES: readonly (readonly [Mode, readonly Outage[]])[] = [
  ['kafka+redis', Object.values(OUTAGES_OF_BOTH)],
  ['kafka', Object.values(OUTAGES_OF_KAFKA)],
];

describeWithService(['zookeeper', 'redis', 'mariadb', 'kafka'], 'three nodes with Kafka, ten times', () => {
  describe.each(MODES)('meant to run on %s', (mode, outages) => {
    let cluster: Cluster;
    beforeAll(async () => {
      console.log(`SEED=${seed}`);
      cluster = await Cluster.start({ nodes: 3, mode, sessionTimeoutMs: 3_000, eventsPerSecond: 500, seed });
    });
    afterAll(() => cluster?.stop());

    test.each<Outage>(outages)('[GAP1] [HB1] $name', async outage => {
      await runOutages(cluster, Array<Outage>(OUTAGE_ROUNDS).fill(outage));
    });

    test.each<Blow>(['kill', 'freeze', 'cut'])('[EPO1] [FEN1] [ORD2] [TRD1] %s of the leader', async blow => {
      await runTakeovers(cluster, Array<Blow>(ROUNDS).fill(blow));
    });

    test('[EPO1] [FEN1] [ORD2] [TRD1] kill of the leader while Kafka is slow', async () => {
      await runTakeovers(cluster, Array<Blow>(ROUNDS).fill('kill'), { meanwhile: KAFKA_SLOW });
    });

    test('[HND1] SIGTERM of the leader', async () => {
      await runHandovers(cluster, ROUNDS);
    });

    test('no exchange wanted to ban us', async () => {
      expect(await cluster.bans()).toBe(0);
    });
  });
});

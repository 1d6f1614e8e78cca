import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Mode } from '../../shared/wire/service-info.ts';
import { describeWithService } from '../local/services/testing/describe-with-service.ts';
import { Cluster } from './testing/cluster/cluster.ts';
import { changeMode, ensureMode } from './testing/cluster/mode-changes.ts';

const seed = Number(process.env['SEED'] ?? Math.floor(Math.random() * 1e6));
/** What times are allowed to be, as a multiple of what is promised. */
const patience = Number(process.env['PATIENCE'] ?? 1);

/** A walk that takes every way from one mode to another exactly once. */
const WALK: readonly Mode[] = [
  'kafka+redis',
  'kafka',
  'kafka+redis',
  'redis',
  'kafka+redis',
  'websocket',
  'kafka',
  'redis',
  'kafka',
  'websocket',
  'redis',
  'websocket',
  'kafka+redis',
];
const CHANGES = WALK.slice(1).map((to, index) => [WALK[index]!, to] as const);

describeWithService(['zookeeper', 'redis', 'mariadb', 'kafka'], 'three nodes that are given another mode', () => {
  let cluster: Cluster;
  beforeAll(async () => {
    console.log(`SEED=${seed}`);
    const sessionTimeoutMs = 3_000 * patience;
    const options = { nodes: 3, mode: 'kafka+redis', sessionTimeoutMs, eventsPerSecond: 500, patience } as const;
    cluster = await Cluster.start({ ...options, seed });
  });
  afterAll(() => cluster?.stop());

  test.each(CHANGES)('[HND1] [GAP1] %s → %s, node by node: nobody misses anything', async (from, to) => {
    await ensureMode(cluster, from);
    await changeMode(cluster, from, to);
  });

  test('no exchange wanted to ban us', async () => {
    expect(await cluster.bans()).toBe(0);
  });
});

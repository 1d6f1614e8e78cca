import { expect } from 'vitest';
import { waitUntil } from '../../../local/services/wait-until.ts';
import type { Cluster } from './cluster.ts';
import { expectLawful } from './expect-lawful.ts';
import { both, isActive, isUp, type Said, untilAllSay } from './health-words.ts';
import { machineNow } from './machine-clock.ts';
import { Watch } from './watch.ts';
import { withRedis } from './with-redis.ts';

const TOLD_WITHIN_MS = 3_000;
const HEALED_WITHIN_MS = 60_000;
/** How long an outage lasts at least once everybody has told of it. */
const OUTAGE_MS = 2_000;

export type Outage = {
  readonly name: string;
  /** The longest acceptable silence of a client while it lasts, without the machine's own stall. */
  readonly mostSilenceMs: number;
  readonly begin: (cluster: Cluster) => Promise<unknown> | unknown;
  /** What every node must say within three seconds; `null`: nothing is to be seen. */
  readonly told: ((said: Said) => string | null) | null;
  /** What every node must still say when it has lasted. */
  readonly meanwhile?: (said: Said) => string | null;
  readonly end: (cluster: Cluster) => Promise<unknown> | unknown;
  readonly healed: (said: Said) => string | null;
  /** Whether the same leader must still lead the same epoch when it is over. */
  readonly keepsEpoch: boolean;
  /** What was sealed before need not lie in `exchange.events` afterwards. */
  readonly forgetsEvents?: boolean;
};

const REDIS_IS_BACK = both(isUp('redis', true), isActive('redis'));
const REDIS_IS_GONE = both(isUp('redis', false), isActive('websocket'));
const ZOOKEEPER_IS_BACK = both(isUp('zookeeper', true), isUp('leadership', true));

export const OUTAGES = {
  redisKilled: {
    name: 'Redis killed',
    mostSilenceMs: 3_000,
    begin: ({ services }) => services!.redis.kill(),
    told: REDIS_IS_GONE,
    end: ({ services }) => services!.redis.start(),
    healed: REDIS_IS_BACK,
    keepsEpoch: true,
  },
  redisFrozen: {
    name: 'Redis frozen',
    mostSilenceMs: 4_000,
    begin: ({ services }) => services!.redis.freeze(),
    told: REDIS_IS_GONE,
    end: ({ services }) => services!.redis.thaw(),
    healed: REDIS_IS_BACK,
    keepsEpoch: true,
  },
  redisFlushed: {
    name: 'Redis flushed',
    mostSilenceMs: 3_000,
    begin: cluster => withRedis(cluster, redis => redis.flushall()),
    told: null,
    end: async cluster => {
      // What a new reader needs is there again: history, and a snapshot to begin from.
      await withRedis(cluster, redis =>
        waitUntil(
          async () => {
            const kept = await redis.exists('exchange.history', 'exchange.snapshot', 'exchange.epoch');
            if (kept < 3) throw new Error(`${kept} of 3 keys`);
          },
          cluster.allowedMs(TOLD_WITHIN_MS + 2_000),
        ),
      );
    },
    healed: REDIS_IS_BACK,
    keepsEpoch: true,
  },
  zookeeperServerLost: {
    name: 'the leading ZooKeeper server killed',
    mostSilenceMs: 3_000,
    begin: async ({ services }) => (await services!.zookeeper.leader()).kill(),
    told: null,
    end: ({ services }) => services!.zookeeper.start(),
    healed: ZOOKEEPER_IS_BACK,
    keepsEpoch: true,
  },
  zookeeperQuorumLost: {
    name: 'the ZooKeeper quorum lost',
    // Nobody may write without it (FEN1): silence lasts as long as the outage, and clients are told to stay.
    mostSilenceMs: Number.POSITIVE_INFINITY,
    begin: ({ services }) => Promise.all(services!.zookeeper.servers.slice(0, 2).map(server => server.kill())),
    told: both(isUp('zookeeper', false), isUp('leadership', false)),
    end: ({ services }) => services!.zookeeper.start(),
    healed: ZOOKEEPER_IS_BACK,
    keepsEpoch: false,
  },
  zookeeperWiped: {
    name: 'ZooKeeper wiped',
    mostSilenceMs: Number.POSITIVE_INFINITY,
    begin: ({ services }) => Promise.all(services!.zookeeper.servers.map(server => server.wipe())),
    told: both(isUp('zookeeper', false), isUp('leadership', false)),
    end: ({ services }) => services!.zookeeper.start(),
    healed: ZOOKEEPER_IS_BACK,
    keepsEpoch: false,
  },
  mariadbKilled: {
    name: 'MariaDB killed',
    mostSilenceMs: 1_000,
    begin: ({ services }) => services!.mariadb.kill(),
    told: isUp('mysql', false),
    end: ({ services }) => services!.mariadb.start(),
    healed: isUp('mysql', true),
    keepsEpoch: true,
  },
  mariadbDownAtStart: {
    name: 'a node that starts while MariaDB is down',
    mostSilenceMs: 3_000,
    begin: async cluster => {
      await cluster.services!.mariadb.kill();
      const [follower] = await cluster.followers();
      await follower!.terminate();
      await follower!.start();
    },
    told: isUp('mysql', false),
    end: ({ services }) => services!.mariadb.start(),
    healed: isUp('mysql', true),
    keepsEpoch: true,
  },
} as const satisfies Readonly<Record<string, Outage>>;

/** Lives through outages: clients go on, everybody tells the truth about it, and it heals by itself. */
export async function runOutages(cluster: Cluster, outages: readonly Outage[]): Promise<void> {
  await cluster.allWell();
  const watch = await Watch.begin(cluster);
  try {
    for (const outage of outages) await liveThrough(cluster, watch, outage);
    const judgement = await watch.judge();
    console.log(`after ${outages.length} outages\n${judgement.figures}`);
    expectLawful(cluster, judgement);
  } finally {
    watch.stop();
  }
}

async function liveThrough(cluster: Cluster, watch: Watch, outage: Outage): Promise<void> {
  await untilAllSay(cluster, outage.healed, HEALED_WITHIN_MS);
  await watch.goHome();
  const before = await (await cluster.leader()).health();
  if (outage.forgetsEvents === true) await watch.forgetEvents();
  const at = machineNow();
  await outage.begin(cluster);
  const toldMs = outage.told === null ? null : await untilAllSay(cluster, outage.told, TOLD_WITHIN_MS + 10_000);
  const isHeard = outage.mostSilenceMs < Number.POSITIVE_INFINITY;
  if (isHeard) await watch.hearsAfter(machineNow() + OUTAGE_MS);
  else await watch.allSeek(at, cluster.options.sessionTimeoutMs! * 3);
  if (outage.meanwhile !== undefined) await untilAllSay(cluster, outage.meanwhile, 0);
  const silenceMs = watch.longestSilenceMs(at, machineNow());
  const stallMs = cluster.control.stallMs(at, machineNow());
  const endingAt = machineNow();
  await outage.end(cluster);
  const endedAt = machineNow();
  await untilAllSay(cluster, outage.healed, HEALED_WITHIN_MS);
  const healedMs = machineNow() - endedAt;
  await cluster.allWell();
  await watch.hearsAfter(machineNow());
  const wholeMs = watch.longestSilenceMs(at, machineNow());
  const pathsMs = watch.longestSilenceMs(at, machineNow(), watch.pathClients);
  const after = await (await cluster.leader()).health();
  console.log(
    `${outage.name}: told ${toldMs === null ? 'nothing' : `after ${toldMs.toFixed(0)} ms`}; healed ` +
      `${healedMs.toFixed(0)} ms after it was over, which took ${(endedAt - endingAt).toFixed(0)} ms; longest silence of a client ${silenceMs.toFixed(0)} ms ` +
      `(${wholeMs.toFixed(0)} ms with the healing; of one at home on another path ${pathsMs.toFixed(0)} ms; the control process stalled ${stallMs.toFixed(0)} ms)`,
  );
  const ended = cluster.nodes.filter(({ program }) => !program.isRunning);
  expect(
    ended.map(({ id, program }) => `${id} ended with ${program.ending}:\n${program.log()}`),
    outage.name,
  ).toEqual([]);
  if (outage.keepsEpoch) expect([after.leader, after.epoch], outage.name).toEqual([before.leader, before.epoch]);
  else expect(after.epoch, outage.name).toBeGreaterThanOrEqual(before.epoch);
  if (toldMs !== null) expect(toldMs, outage.name).toBeLessThan(cluster.allowedMs(TOLD_WITHIN_MS) + stallMs);
  expect(silenceMs, outage.name).toBeLessThan(cluster.allowedMs(outage.mostSilenceMs) + stallMs);
}

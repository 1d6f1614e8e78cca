import { createConnection } from 'mysql2/promise';
import zookeeper from 'node-zookeeper-client';
import { expect } from 'vitest';
import { waitUntil } from '../../../local/services/wait-until.ts';
import type { Cluster } from './cluster.ts';
import { expectLawful } from './expect-lawful.ts';
import { component, isUp, untilAllSay } from './health-words.ts';
import { machineNow } from './machine-clock.ts';
import { Watch } from './watch.ts';
import { withRedis } from './with-redis.ts';

const NAMED_WITHIN_MS = 10_000;
const MOST_SILENCE_MS = 3_000;

/** Something that people or programs leave where they should not, and by what name health must tell of it. */
type Garbage = {
  readonly name: string;
  readonly leave: (cluster: Cluster) => Promise<void>;
  /** The component of health, and a word that its last error must hold, on one node at least. */
  readonly named: readonly [component: string, word: RegExp];
  readonly clean: (cluster: Cluster) => Promise<void>;
};

const GARBAGE: readonly Garbage[] = [
  {
    name: 'Redis: messages and entries that are none',
    leave: cluster =>
      withRedis(cluster, async redis => {
        for (const text of ['', 'garbage', '[]', '{"type":"batch"}', '\u0000\uffff']) {
          await redis.publish('exchange.stream', text);
        }
        // An id of this millisecond, which lies above all ids of ours.
        await redis.xadd('exchange.history', '*', 'garbage', 'in, garbage out');
      }),
    named: ['redis', /exchange\.(stream|history)/],
    clean: async () => {},
  },
  {
    name: 'Redis: keys of another type',
    leave: cluster =>
      withRedis(cluster, async redis => {
        await redis.del('exchange.history', 'exchange.snapshot', 'exchange.epoch');
        await redis.set('exchange.history', 'garbage');
        await redis.lpush('exchange.snapshot', 'garbage');
        await redis.set('exchange.epoch', 'garbage');
      }),
    named: ['redis', /exchange\.(epoch|snapshot)/],
    clean: cluster =>
      withRedis(cluster, redis =>
        waitUntil(async () => {
          const types = await Promise.all(
            ['exchange.history', 'exchange.snapshot', 'exchange.epoch'].map(key => redis.type(key)),
          );
          if (types.join() !== 'stream,hash,string') throw new Error(`the types are ${types.join()}`);
        }, NAMED_WITHIN_MS),
      ),
  },
  {
    name: 'ZooKeeper: candidates that are none, and a term that is none',
    leave: cluster =>
      withZooKeeper(cluster, async client => {
        const { create, setData } = client;
        for (const name of ['garbage', 'candidate-0000000000', 'candidate-of-mine-0000000001']) {
          await create(`/leadership/candidates/${name}`, Buffer.from([0xff, 0x00, 0x7b]));
        }
        await setData('/leadership/term', Buffer.from('{"epoch":"garbage"'));
      }),
    named: ['leadership', /candidate|garbage|term/],
    clean: cluster =>
      withZooKeeper(cluster, async ({ remove }) => {
        for (const name of ['garbage', 'candidate-0000000000', 'candidate-of-mine-0000000001']) {
          await remove(`/leadership/candidates/${name}`);
        }
      }),
  },
  {
    name: 'MariaDB: settings that make no sense',
    leave: cluster =>
      withMariaDb(cluster, [
        "insert into exchange_settings values ('nyse', 1, 'all'), ('upbit', 7, 'all')",
        "insert into exchange_markets values ('bithumb', 'not a symbol'), ('', '')",
        "insert into switches values ('garbage', 2)",
        'update settings_version set version = version + 1',
      ]),
    named: ['mysql', /rows skipped/],
    clean: cluster =>
      withMariaDb(cluster, [
        'delete from exchange_settings',
        'delete from exchange_markets',
        'delete from switches',
        'update settings_version set version = version + 1',
      ]),
  },
];

/** Leaves garbage everywhere: it is passed over and named in health, no node ends, and nobody hears anything wrong. */
export async function runGarbage(cluster: Cluster): Promise<void> {
  await cluster.allWell();
  const watch = await Watch.begin(cluster);
  const pids = cluster.nodes.map(({ program }) => program.pid);
  try {
    for (const { name, leave, named, clean } of GARBAGE) {
      const at = machineNow();
      await leave(cluster);
      const [place, word] = named;
      await waitUntil(async () => {
        const health = [...(await cluster.health()).values()].filter(said => said !== null);
        const told = health.map(said => component(said, place).lastError);
        if (!told.some(text => text !== null && word.test(text))) throw new Error(`${name}: ${place} says ${told}`);
      }, NAMED_WITHIN_MS);
      const namedMs = machineNow() - at;
      await clean(cluster);
      await untilAllSay(cluster, isUp(place, true), NAMED_WITHIN_MS);
      await cluster.allWell();
      await watch.hearsAfter(machineNow());
      const silenceMs = watch.longestSilenceMs(at, machineNow());
      console.log(
        `${name}: named in health after ${namedMs.toFixed(0)} ms; longest silence of a client ${silenceMs.toFixed(0)} ms`,
      );
      expect(silenceMs, name).toBeLessThan(
        cluster.allowedMs(MOST_SILENCE_MS) + cluster.control.stallMs(at, machineNow()),
      );
      expect(
        cluster.nodes.map(({ program }) => program.pid),
        name,
      ).toEqual(pids);
    }
    const judgement = await watch.judge();
    console.log(`after the garbage\n${judgement.figures}`);
    expectLawful(cluster, judgement);
  } finally {
    watch.stop();
  }
}

async function withMariaDb(cluster: Cluster, statements: readonly string[]): Promise<void> {
  const connection = await createConnection({ uri: cluster.services!.mariadb.url });
  try {
    for (const statement of statements) await connection.query(statement);
  } finally {
    await connection.end();
  }
}

type Keeper = {
  readonly create: (path: string, data: Buffer) => Promise<void>;
  readonly setData: (path: string, data: Buffer) => Promise<void>;
  readonly remove: (path: string) => Promise<void>;
};

async function withZooKeeper(cluster: Cluster, use: (keeper: Keeper) => Promise<void>): Promise<void> {
  const client = zookeeper.createClient(cluster.services!.zookeeper.connect, { sessionTimeout: 10_000 });
  const call = (run: (done: (error: unknown) => void) => void) =>
    new Promise<void>((resolve, reject) => {
      run(error => (error ? reject(error) : resolve()));
    });
  try {
    const connected = new Promise<void>(resolve => client.once('connected', resolve));
    client.connect();
    await connected;
    await use({
      create: (path, data) => call(done => client.create(path, data, done)),
      setData: (path, data) => call(done => client.setData(path, data, done)),
      remove: path => call(done => client.remove(path, done)),
    });
  } finally {
    client.close();
  }
}

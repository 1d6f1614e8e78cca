import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, rmSync } from 'node:fs';
import { Redis } from 'ioredis';
import { createConnection } from 'mysql2/promise';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { isAlive, type ProcessMark } from '../process-mark.ts';
import { askRedis } from '../redis-server.ts';
import { waitUntil } from '../wait-until.ts';
import { askEnsemble } from '../zookeeper-round-trip.ts';
import { describeWithService } from './describe-with-service.ts';
import { freePorts } from './free-ports.ts';
import { startMariaDb, type TestMariaDb } from './mariadb.ts';
import { startRedis, TestRedis } from './redis.ts';
import { startOnFreePorts, TestServer, temporaryFolder } from './test-server.ts';
import { startZooKeeperEnsemble, type TestZooKeeperEnsemble } from './zookeeper.ts';

/** How long to listen to a server that shall not answer. */
const SILENCE_MS = 300;
const SOON_MS = 10_000;

describeWithService('redis', 'a Redis of a test', () => {
  let redis: TestRedis;
  beforeAll(async () => {
    redis = await startRedis();
  });
  afterAll(() => redis.dispose());

  test('it is used with the address alone, and without the password not at all', async () => {
    expect(await askRedis(redis.url, SOON_MS)).toMatch(/^\d+\.\d+/);
    await expect(askRedis(`redis://127.0.0.1:${redis.port}`, SOON_MS)).rejects.toThrow(/NOAUTH|Authentication/);
  });

  test('frozen it is silent with its connections open, thawed it is as before', async () => {
    await withRedis(redis.url, client => client.set('here', 'still'));
    redis.freeze();
    const began = performance.now();
    await expect(askRedis(redis.url, SILENCE_MS)).rejects.toThrow();
    expect(performance.now() - began).toBeLessThan(SILENCE_MS + 1_500);
    expect(redis.isRunning).toBe(true);
    redis.thaw();
    expect(await withRedis(redis.url, client => client.get('here'))).toBe('still');
  });

  test('killed it refuses connections; started again it is at the same address, and empty', async () => {
    await withRedis(redis.url, client => client.set('here', 'still'));
    await redis.kill();
    expect(redis.isRunning).toBe(false);
    await expect(askRedis(redis.url, SOON_MS)).rejects.toThrow('ECONNREFUSED');
    await redis.start();
    expect(await withRedis(redis.url, client => client.get('here'))).toBeNull();
  });

  test('a frozen one can be stopped and killed as well', async () => {
    redis.freeze();
    await redis.restart();
    redis.freeze();
    await redis.kill();
    await redis.start();
  });

  test('one that keeps its data has it after a crash, and leaves no folder behind in the end', async () => {
    const lasting = await startRedis({ keepsData: true });
    await withRedis(lasting.url, client => client.set('here', 'still'));
    await lasting.kill();
    await lasting.start();
    expect(await withRedis(lasting.url, client => client.get('here'))).toBe('still');
    await lasting.dispose();
    expect(existsSync(lasting.command.directory)).toBe(false);
  });

  test.runIf(process.platform === 'linux')('it ends with the test process, even when that one is killed', async () => {
    const modules = ['./redis.ts', '../process-mark.ts'].map(path => new URL(path, import.meta.url).href);
    const script = `
      const [{ startRedis }, { markOf }] = await Promise.all(${JSON.stringify(modules)}.map(url => import(url)));
      const { pid, command } = await startRedis();
      console.log(JSON.stringify({ ...markOf(pid), directory: command.directory }));
      setInterval(() => {}, 1_000_000);`;
    const child = spawn(process.execPath, ['--input-type=module', '--eval', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [line] = (await once(child.stdout, 'data')) as [Buffer];
    const server = JSON.parse(String(line)) as ProcessMark & { directory: string };
    // Nobody is left to remove it.
    onTestFinished(() => rmSync(server.directory, { recursive: true, force: true }));
    expect(isAlive(server)).toBe(true);
    child.kill('SIGKILL');
    await waitUntil(async () => expect(isAlive(server)).toBe(false), SOON_MS);
  });
});

describeWithService('mariadb', 'a MariaDB of a test', () => {
  let mariaDb: TestMariaDb;
  beforeAll(async () => {
    mariaDb = await startMariaDb();
  });
  afterAll(() => mariaDb.dispose());

  test('what was committed survives a crash', async () => {
    await query(mariaDb.url, 'CREATE TABLE kept (id INT PRIMARY KEY)');
    await query(mariaDb.url, 'INSERT INTO kept VALUES (7)');
    await mariaDb.kill();
    await expect(query(mariaDb.url, 'SELECT 1')).rejects.toThrow('ECONNREFUSED');
    await mariaDb.start();
    expect(await query(mariaDb.url, 'SELECT id FROM kept')).toEqual([{ id: 7 }]);
  });

  test('its user may create databases of the same beginning, and no others', async () => {
    await query(mariaDb.url, 'CREATE DATABASE exchange_of_a_test');
    await expect(query(mariaDb.url, 'CREATE DATABASE another')).rejects.toThrow('Access denied');
  });
});

describeWithService('zookeeper', 'a ZooKeeper ensemble of a test', () => {
  let ensemble: TestZooKeeperEnsemble;
  beforeAll(async () => {
    ensemble = await startZooKeeperEnsemble();
  });
  afterAll(() => ensemble.dispose());

  test('three servers serve, one of them leads, two follow', async () => {
    expect(await askEnsemble(ensemble.connect, SOON_MS, true)).toMatch(/^ZooKeeper \d/);
    expect(await ensemble.followers()).toHaveLength(2);
    expect(await (await ensemble.leader()).role()).toBe('leader');
  });

  test('without its leader the others choose one of them; the lost one comes back with an empty disk', async () => {
    const old = await ensemble.leader();
    await old.wipe();
    await waitUntil(() => ensemble.leader(), SOON_MS);
    await ensemble.ready();
    expect(await ensemble.leader()).not.toBe(old);
    expect(await askEnsemble(ensemble.connect, SOON_MS)).toMatch(/leader/);
    await expect(askEnsemble(ensemble.connect, SOON_MS, true)).rejects.toThrow('2 of 3 servers serve');
    await ensemble.start();
    expect(await old.role()).toBe('follower');
  });

  test('without a quorum nobody serves, and with it all do again', async () => {
    const [first, second, third] = ensemble.servers;
    await Promise.all([first?.kill(), second?.kill()]);
    await waitUntil(async () => expect(await third?.role()).toBe('seeking'), SOON_MS);
    await expect(askEnsemble(ensemble.connect, SOON_MS)).rejects.toThrow('0 of 3 servers serve');
    await ensemble.start();
    expect(await askEnsemble(ensemble.connect, SOON_MS, true)).toMatch(/leader/);
  });
});

test('a server that ends at once is told with its own words', async () => {
  const directory = await temporaryFolder('broken');
  const command = { name: 'broken', program: '/bin/sh', args: ['-c', 'echo the disk is full; exit 3'], directory };
  const server = new TestServer(command, () => Promise.reject(new Error('not yet')));
  await expect(server.start()).rejects.toThrow(/broken ended with 3\n(.*\n)*the disk is full/);
  await server.dispose();
  expect(existsSync(directory)).toBe(false);
});

describeWithService('redis', 'when somebody was faster at a port', () => {
  test('another one is taken', async () => {
    const first = await startRedis();
    const ports = [first.port, ...(await freePorts(1))];
    const second = await startOnFreePorts(async () => {
      const plan = { port: ports.shift() ?? 0, password: 'secret', keepsData: false };
      return new TestRedis({ ...plan, directory: await temporaryFolder('redis') });
    });
    expect(ports).toEqual([]);
    expect(second.port).not.toBe(first.port);
    await Promise.all([first.dispose(), second.dispose()]);
  });
});

async function withRedis<T>(url: string, use: (client: Redis) => Promise<T>): Promise<T> {
  const client = new Redis(url, { maxRetriesPerRequest: 0, retryStrategy: () => null });
  try {
    return await use(client);
  } finally {
    client.disconnect();
  }
}

async function query(url: string, sql: string): Promise<unknown> {
  const connection = await createConnection(url);
  try {
    return (await connection.query(sql))[0];
  } finally {
    connection.destroy();
  }
}

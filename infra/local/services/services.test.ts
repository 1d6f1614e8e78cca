import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createConnection } from 'mysql2/promise';
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest';
import { askMySql } from './mariadb-server.ts';
import { mariaDbService } from './mariadb-service.ts';
import { portHolder } from './port-holder.ts';
import { isFree } from './ports.ts';
import { isAlive, signal } from './process-mark.ts';
import { askRedis } from './redis-server.ts';
import { redisService } from './redis-service.ts';
import { findProgram } from './server-command.ts';
import { describeWithService } from './testing/describe-with-service.ts';
import { startRedis } from './testing/redis.ts';
import { ServicesWorld } from './testing/services-world.ts';
import { waitUntil } from './wait-until.ts';
import { askEnsemble } from './zookeeper-round-trip.ts';
import { zooKeeperService } from './zookeeper-service.ts';

const SOON_MS = 10_000;

// Several programs are started one after the other, beside the other tests.
vi.setConfig({ testTimeout: 60_000 });
/** Kafka takes its time and has a test of its own. */
const SOME = ['zookeeper', 'redis', 'mariadb'] as const;

describeWithService(SOME, 'several services', () => {
  let world: ServicesWorld;
  /** What the first `up` printed. */
  let lines = '';
  let addresses: Record<string, string> = {};
  beforeAll(async () => {
    world = await ServicesWorld.create([zooKeeperService, redisService, mariaDbService]);
    const { code, stdout, stderr } = await world.run('up');
    expect(stderr).toMatch(/started zookeeper-1, zookeeper-2, zookeeper-3 in/);
    expect(code).toBe(0);
    lines = stdout;
    addresses = Object.fromEntries(stdout.split('\n').map(line => /^(\w+)=(.*)$/.exec(line)?.slice(1) ?? []));
  });
  afterAll(() => world.dispose());
  const address = (name: string): string => addresses[name] ?? '';

  test('standard output holds an address for each, and each answers there', async () => {
    expect(lines).toMatch(/^ZOOKEEPER_CONNECT=\S+\nREDIS_URL=\S+\nMYSQL_URL=\S+\n$/);
    expect(await askEnsemble(address('ZOOKEEPER_CONNECT'), SOON_MS, true)).toContain('leader');
    await askRedis(address('REDIS_URL'), SOON_MS);
    await askMySql(address('MYSQL_URL'), SOON_MS);
  });

  test('up once more changes nothing and prints the same', async () => {
    const before = world.process('mariadb');
    const { code, stdout, stderr } = await world.run('up');
    expect(stderr).toMatch(/runs already[\s\S]*runs already[\s\S]*runs already/);
    expect({ code, stdout }).toEqual({ code: 0, stdout: lines });
    expect(world.process('mariadb')).toEqual(before);
  });

  test('status prints the same addresses, and no password for people', async () => {
    const { code, stdout, stderr } = await world.run('status');
    expect({ code, stdout }).toEqual({ code: 0, stdout: lines });
    expect(stderr).toMatch(/redis +up +Redis \d/);
    expect(stderr).not.toContain(new URL(address('REDIS_URL')).password);
  });

  test('with our own lines in the environment the servers are still ours', async () => {
    const { stdout, stderr } = await world.run('status', undefined, addresses);
    expect(stdout).toBe(lines);
    expect(stderr).not.toContain('named');
  });

  test('a server that died is told by name, and the next up starts this one alone', async () => {
    const [other, victim] = [world.process('zookeeper-2'), world.process('zookeeper-3')];
    signal(victim, 'SIGKILL');
    await waitUntil(async () => expect(isAlive(victim)).toBe(false), SOON_MS);
    const status = await world.run('status');
    expect(status.code).toBe(1);
    expect(status.stderr).toMatch(/zookeeper +crashed +zookeeper-3 ended without being told to/);
    expect(status.stdout).toBe(lines.replace(/^ZOOKEEPER.*\n/, ''));
    const up = await world.run('up');
    expect(up.stderr).toMatch(/started zookeeper-3 in/);
    expect({ code: up.code, stdout: up.stdout }).toEqual({ code: 0, stdout: lines });
    expect(world.process('zookeeper-2')).toEqual(other);
  });

  test('a server that does not answer is told as silent', async () => {
    signal(world.process('redis'), 'SIGSTOP');
    const { code, stderr } = await world.run('status', ['redis']);
    signal(world.process('redis'), 'SIGCONT');
    expect(stderr).toMatch(/redis +silent +it does not answer/);
    expect(code).toBe(1);
  });

  test('nobody else may read what the data folder holds', () => {
    const folder = world.dataFolder;
    expect(statSync(folder).mode & 0o077).toBe(0);
    for (const file of ['redis.json', 'redis/redis.conf', 'mariadb/init.sql']) {
      expect(statSync(join(folder, file)).mode & 0o077, file).toBe(0);
    }
  });

  test('down ends all of them, up brings the same addresses and data back', async () => {
    const query = async (sql: string) => {
      const connection = await createConnection(address('MYSQL_URL'));
      return connection.query(sql).finally(() => connection.destroy());
    };
    await query('CREATE TABLE kept (id INT)');
    const marks = ['zookeeper-1', 'redis', 'mariadb'].map(name => world.process(name));
    const down = await world.run('down');
    expect({ code: down.code, stdout: down.stdout }).toEqual({ code: 0, stdout: '' });
    expect(marks.filter(isAlive)).toEqual([]);
    const status = await world.run('status');
    expect({ code: status.code, stdout: status.stdout }).toEqual({ code: 1, stdout: '' });
    expect(status.stderr).toMatch(/zookeeper +stopped[\s\S]*redis +stopped[\s\S]*mariadb +stopped/);
    expect((await world.run('down')).code).toBe(0);
    const up = await world.run('up');
    expect(up.stdout, up.stderr).toBe(lines);
    await query('SELECT id FROM kept');
  });
});

describeWithService('redis', 'one service', () => {
  const create = async (): Promise<ServicesWorld> => {
    const world = await ServicesWorld.create([redisService]);
    onTestFinished(() => world.dispose());
    return world;
  };
  const redisServer = findProgram(['redis-server']) ?? '';

  test('a port that is taken: who has it, and how to choose another', async () => {
    const world = await create();
    const other = await startRedis();
    onTestFinished(() => other.dispose());
    const there = { SERVICES_REDIS_PORT: String(other.port) };
    const { code, stdout, stderr } = await world.run('up', ['redis'], there);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toContain(`port ${other.port} is taken by ${portHolder(other.port)}`);
    expect(stderr).toMatch(/redis-server \(pid \d+\).*SERVICES_REDIS_PORT/);
    expect((await world.run('status', ['redis'], there)).stderr).toMatch(/redis +stopped/);
    expect((await world.run('up')).code).toBe(0);
  });

  test('a running service does not move: it is to be stopped first', async () => {
    const world = await create();
    await world.run('up');
    const { code, stderr } = await world.run('up', ['redis'], { SERVICES_REDIS_PORT: '20' });
    expect(code).toBe(1);
    expect(stderr).toMatch(/it runs \(native\) from port \d+ on: `npm run services:down` before/);
    expect((await world.run('status')).code).toBe(0);
  });

  test('one that the environment names is used, not started, not stopped', async () => {
    const world = await create();
    const other = await startRedis();
    onTestFinished(() => other.dispose());
    const named = { REDIS_URL: other.url };
    const up = await world.run('up', ['redis'], named);
    expect({ code: up.code, stdout: up.stdout }).toEqual({ code: 0, stdout: `REDIS_URL=${other.url}\n` });
    expect(up.stderr).toMatch(/named by REDIS_URL: Redis \d/);
    expect(readdirSync(world.dataFolder)).toEqual([]);
    await world.run('down', ['redis'], named);
    await askRedis(other.url, SOON_MS);
    await other.stop();
    const dead = await world.run('up', ['redis'], named);
    expect({ code: dead.code, stdout: dead.stdout }).toEqual({ code: 1, stdout: '' });
    expect(dead.stderr).toMatch(/REDIS_URL names a server, and it does not answer: .*ECONNREFUSED/);
  });

  test('a server that ends at once: its last words, and the log file with the rest', async () => {
    const world = await create();
    const path = await world.pathWith({ 'redis-server': 'echo the disk is full; exit 1' });
    const { code, stdout, stderr } = await world.run('up', ['redis'], { PATH: path });
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(/redis: redis ended without being told to[\s\S]*redis\/server\.log[\s\S]*the disk is full/);
  });

  test('a server that never answers: told in time, and `down` ends it', async () => {
    const world = await create();
    const path = await world.pathWith({ 'redis-server': 'echo still loading; exec /bin/sleep 1000' });
    const { code, stderr } = await world.run('up', ['redis'], { PATH: path, SERVICES_WAIT_MS: '500' });
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /no answer within 0\.5 s.*ECONNREFUSED.*services:down[\s\S]*server\.log[\s\S]*still loading/,
    );
    const mark = world.process('redis');
    expect(isAlive(mark)).toBe(true);
    await world.run('down');
    expect(isAlive(mark)).toBe(false);
  });

  test('what cannot be installed is named with what to do', async () => {
    const world = await create();
    const path = await world.pathWith({});
    const { code, stdout, stderr } = await world.run('up', ['redis'], { PATH: path });
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toContain('not installed: redis-server. On Debian: apt-get install redis-server.');
  });

  test.runIf(process.getuid?.() === 0)('root installs what is missing, without its daemon', async () => {
    const world = await create();
    const record = join(world.dataFolder, 'asked');
    const path = await world.pathWith({
      'apt-get': [
        `echo "$@" >>${record}`,
        `/usr/sbin/policy-rc.d redis-server start; echo "policy $?" >>${record}`,
        `case "$*" in *install*) /bin/ln -s ${redisServer} "\${0%/*}/redis-server";; esac`,
        'echo a hundred lines',
      ].join('\n'),
    });
    const hadPolicy = existsSync('/usr/sbin/policy-rc.d');
    const { code, stdout, stderr } = await world.run('up', ['redis'], { PATH: path });
    expect(stderr).toMatch(/installing redis-server\n.*started redis in/);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^REDIS_URL=\S+\n$/);
    expect(readFileSync(record, 'utf8')).toBe(
      '-qq update\npolicy 101\n-qq install -y --no-install-recommends redis-server\npolicy 101\n',
    );
    expect(existsSync('/usr/sbin/policy-rc.d')).toBe(hadPolicy);
  });

  test('two commands at once: one of them does it, the other is told', async () => {
    const world = await create();
    const outcomes = await Promise.all([world.run('up'), world.run('up')]);
    const refused = outcomes.filter(({ code }) => code !== 0);
    for (const { stderr } of refused) expect(stderr).toMatch(/another command .*is at work in/);
    expect(refused.length).toBeLessThan(2);
    const port = world.firstPorts.get(redisService) ?? 0;
    expect(await isFree(port)).toBe(false);
  });

  test('a lock that a killed command left behind does not count', async () => {
    const world = await create();
    writeFileSync(join(world.dataFolder, 'lock'), '{"pid":1,"startedAt":"another boot"}\n');
    expect((await world.run('up')).code).toBe(0);
  });

  test('what is asked wrongly is told at once and all of it', async () => {
    const world = await create();
    const { code, stdout, stderr } = await world.run('start', ['redsi'], {
      SERVICES_ENGINE: 'podman',
      SERVICES_WAIT_MS: '-1',
      SERVICES_REDIS_PORT: '65536',
    });
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    for (const word of ['start', 'redsi', 'SERVICES_ENGINE', 'SERVICES_WAIT_MS', 'SERVICES_REDIS_PORT']) {
      expect(stderr).toContain(word);
    }
  });

  test('two services on one port: which, and what moves them', async () => {
    const world = await create();
    const { code, stdout, stderr } = await world.run('up', ['redis'], { SERVICES_REDIS_PORT: '12189' });
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain(
      'SERVICES_ZOOKEEPER_PORT (12181 to 12189) and SERVICES_REDIS_PORT (12189) have a port in common',
    );
  });
});

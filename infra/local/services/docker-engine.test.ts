import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { COMPOSE_FILE } from './docker-engine.ts';
import { KAFKA_VERSION } from './kafka-jars.ts';
import { KAFKA_SETTINGS } from './kafka-server.ts';
import { MARIADB_DATABASE } from './mariadb-server.ts';
import { isFree } from './ports.ts';
import { redisService } from './redis-service.ts';
import { SERVICES } from './registry.ts';
import { findProgram } from './server-command.ts';
import { describeWithService } from './testing/describe-with-service.ts';
import { ServicesWorld } from './testing/services-world.ts';

// Several programs are started one after the other, beside the other tests.
vi.setConfig({ testTimeout: 60_000 });

const compose = readFileSync(COMPOSE_FILE, 'utf8');

/** The lines of each container, by its name: keys two spaces deep below `services:`. */
const containers = new Map(
  (compose.split(/^services:\n/m)[1] ?? '')
    .split(/^(?= {2}[\w-]+:$)/m)
    .map(block => [/^ {2}([\w-]+):/.exec(block)?.[1] ?? '', block]),
);

test('compose.yaml has exactly the servers of the services', () => {
  expect([...containers.keys()].sort()).toEqual(SERVICES.flatMap(({ servers }) => servers).sort());
});

test.each(SERVICES)('compose.yaml and the $name service mean the same variables', service => {
  const blocks = service.servers.map(name => containers.get(name) ?? '').join('');
  const used = new Set([...blocks.matchAll(/\$\{(\w+):-/g)].map(match => match[1]));
  used.delete('SERVICES_DIR');
  const ports = Array.from({ length: service.portCount }, (_, index) => service.firstPort + index);
  const given = service.composeVariables({ ports, password: 'exchange' });
  expect([...used].sort()).toEqual(Object.keys(given).sort());
  // By hand, without variables, it is the same place as natively.
  for (const [name, value] of Object.entries(given)) expect(blocks).toContain(`\${${name}:-${value}}`);
});

test('no container is reached from another machine', () => {
  const ports = [...compose.matchAll(/^ +ports: (.*)$/gm)].map(match => match[1]);
  expect(ports).toHaveLength(containers.size);
  for (const port of ports) expect(port).toMatch(/^\['127\.0\.0\.1:\$\{\w+:-\d+\}:(\d+|\$\{\w+:-\d+\})'\]$/);
});

test('the database and its user are those of the address', () => {
  const block = containers.get('mariadb');
  expect(block).toContain(`MARIADB_DATABASE: ${MARIADB_DATABASE}\n`);
  expect(block).toContain(`MARIADB_USER: ${MARIADB_DATABASE}\n`);
  const grants = readFileSync(new URL('../../docker/mariadb-grants.sql', import.meta.url), 'utf8');
  expect(grants).toContain(`\`${MARIADB_DATABASE}%\`.* TO '${MARIADB_DATABASE}'@`);
});

test('Kafka is the same version with the same settings', () => {
  const block = containers.get('kafka');
  expect(block).toContain(`image: apache/kafka:${KAFKA_VERSION}\n`);
  for (const [key, value] of Object.entries(KAFKA_SETTINGS)) {
    expect(block).toContain(` KAFKA_${key.replaceAll('.', '_').toUpperCase()}: '${value}'\n`);
  }
});

describeWithService('redis', 'with an engine', () => {
  /** Stands for Docker with Compose: knows one container, and runs it as a process of this machine. */
  async function withFakeDocker(): Promise<{ world: ServicesWorld; environment: Record<string, string>; log: string }> {
    const world = await ServicesWorld.create([redisService]);
    const log = join(world.dataFolder, 'docker.log');
    const pid = join(world.dataFolder, 'container.pid');
    const redis = findProgram(['redis-server']);
    const server = `${redis} --port $REDIS_PORT --requirepass "$REDIS_PASSWORD" --save '' >/dev/null`;
    const path = await world.pathWith({
      docker: [
        `echo "$*" >>${log}`,
        'case "$*" in',
        // As Compose does, it leaves alone what runs.
        `*" up "*) read -r id <${pid} && kill -0 "$id" || { ${server} & echo $! >${pid}; };;`,
        `*" ps "*) read -r id <${pid} && kill -0 "$id" && echo redis;;`,
        `*" rm "*) read -r id <${pid} && kill -9 "$id" && : >${pid};;`,
        'esac 2>/dev/null; exit 0',
      ].join('\n'),
    });
    const environment = { PATH: path };
    onTestFinished(() => world.dispose(environment));
    return { world, environment, log };
  }

  test('what is not installed runs there, and all commands mean it from then on', async () => {
    const { world, environment, log } = await withFakeDocker();
    const up = await world.run('up', undefined, environment);
    expect(up.stderr).toMatch(/started redis in .*Redis \d/);
    expect(up.code).toBe(0);
    const again = await world.run('up', undefined, environment);
    expect(again.stderr).toContain('runs already');
    expect(again.stdout).toBe(up.stdout);
    expect((await world.run('status', undefined, environment)).stdout).toBe(up.stdout);
    expect((await world.run('down', undefined, environment)).stderr).toContain('stopped redis');
    expect((await world.run('status', undefined, environment)).stderr).toMatch(/redis +stopped/);
    expect(await isFree(world.firstPorts.get(redisService) ?? 0)).toBe(true);
    const project = /--project-name exchange-services-[0-9a-f]{8}/;
    const calls = readFileSync(log, 'utf8').trim().split('\n');
    for (const call of calls.filter(line => / (up|rm|ps) /.test(line))) expect(call).toMatch(project);
    expect(calls.some(line => line.endsWith(' up --detach --wait redis'))).toBe(true);
    expect(calls.some(line => line.endsWith(' rm --stop --force redis'))).toBe(true);
  });

  test('a container that cannot start is told in the words of Compose', async () => {
    const world = await ServicesWorld.create([redisService]);
    const docker = 'case "$*" in *" up "*) echo "no space left on device" >&2; exit 1;; esac';
    const environment = { PATH: await world.pathWith({ docker }), SERVICES_ENGINE: 'docker' };
    onTestFinished(() => world.dispose(environment));
    const { code, stdout, stderr } = await world.run('up', undefined, environment);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(/redis: docker compose up .*no space left on device/);
  });

  test('where there is none, asking for one is refused', async () => {
    const world = await ServicesWorld.create([redisService]);
    const environment = { PATH: await world.pathWith({}), SERVICES_ENGINE: 'docker' };
    onTestFinished(() => world.dispose(environment));
    const { code, stderr } = await world.run('up', undefined, environment);
    expect(code).toBe(1);
    expect(stderr).toContain('SERVICES_ENGINE is docker, and no Docker engine with Compose answers');
  });
});

/** What somebody does who adds an infrastructure: a file (testing/toy-service.ts), a line in the registry, and the suite. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { startSimulator } from '../../infra/exchange-simulator/simulator.ts';
import { describeWithService } from '../../infra/local/services/testing/describe-with-service.ts';
import { freePorts } from '../../infra/local/services/testing/free-ports.ts';
import { startZooKeeperEnsemble } from '../../infra/local/services/testing/zookeeper.ts';
import { systemClock } from '../../shared/base/clock.ts';
import { connect } from '../../shared/stream/testing/suite-consumers.ts';
import { WebSocketSource } from '../../shared/stream/websocket-source.ts';
import type { InfraHealth, ServiceInfo } from '../../shared/wire/service-info.ts';
import { type IngestNode, startIngestNode } from '../bootstrap.ts';
import { readConfig } from '../config/config.ts';
import { silentLogger } from '../operations/logger.ts';
import { infrastructureSuite } from './infrastructure.suite.ts';
import { INFRASTRUCTURES, type InfrastructureKind, type InfrastructureRegistry } from './registry.ts';
import type { PathUnderTest } from './testing/suite-world.ts';
import { ToyServer, ToyService } from './testing/toy-service.ts';

infrastructureSuite('a fifth one, a toy', async () => {
  const server = new ToyServer(systemClock);
  const services: ToyService[] = [];
  const path: PathUnderTest = {
    open: () => {
      const service = new ToyService(server, systemClock);
      services.push(service);
      service.start();
      return service;
    },
    kill: async () => {
      server.isAlive = false;
      server.pump();
    },
    revive: async () => {
      server.isAlive = true;
    },
    freeze: () => {
      server.isFrozen = true;
    },
    thaw: () => {
      server.isFrozen = false;
      server.pump();
    },
    wipe: async () => server.wipe(),
    fill: async () => {
      server.isFull = true;
    },
    drain: async () => {
      server.isFull = false;
    },
    spoil: async () => {
      server.isSpoiled = true;
    },
    stop: async () => {
      await Promise.all(services.map(service => service.stop()));
    },
  };
  return path;
});

/** The line in the registry. */
function withToy(server: ToyServer): InfrastructureRegistry {
  const toy: InfrastructureKind<string> = {
    title: 'Toy',
    read: (text, faults) => {
      const url = text('TOY_URL');
      if (url !== null && !url.startsWith('toy:')) faults.push(`TOY_URL: "${url}" is not an address like toy:box`);
      return url;
    },
    open: async (url, { clock }) => (url === null ? null : new ToyService(server, clock)),
  };
  return { ...INFRASTRUCTURES, toy };
}

const TOLD_WITHIN_MS = 8_000;

describe('a node that knows it', () => {
  const stops: (() => Promise<unknown>)[] = [];
  afterEach(async () => {
    for (const stop of stops.splice(0).reverse()) await stop();
  });

  /** What the simulator says of one exchange goes into the toy, if the node leads. */
  async function start(server: ToyServer, environment: Record<string, string>, nodeId = 'node-1'): Promise<IngestNode> {
    const dataDir = await mkdtemp(join(tmpdir(), 'toy-'));
    const infrastructures = withToy(server);
    const settings = { INGEST_PORT: '0', EXCHANGES: 'upbit', DATA_DIR: dataDir, TOY_URL: 'toy:box', ...environment };
    const read = readConfig(settings, { nodeId }, infrastructures);
    if (!read.ok) throw new Error(read.faults.join());
    const node = await startIngestNode({
      config: read.config,
      logger: silentLogger,
      host: '127.0.0.1',
      infrastructures,
    });
    stops.push(async () => {
      await node.stop();
      await rm(dataDir, { recursive: true });
    });
    return node;
  }

  async function startExchange(): Promise<{ readonly EXCHANGE_SIMULATOR_URL: string }> {
    const simulator = await startSimulator();
    stops.push(() => simulator.stop());
    return { EXCHANGE_SIMULATOR_URL: simulator.url };
  }

  const ask = async <Answer>({ url }: IngestNode, path: string) => (await (await fetch(url + path)).json()) as Answer;
  const health = (node: IngestNode) => ask<InfraHealth>(node, '/api/ws/infra-health');
  const until = (condition: () => boolean | Promise<boolean>, timeout = TOLD_WITHIN_MS) =>
    vi.waitUntil(condition, { timeout, interval: 20 });
  const isActive = (node: IngestNode, mode: string, timeout?: number) =>
    until(async () => (await health(node)).mode.active === mode, timeout);
  const rowOf = async (node: IngestNode) => (await health(node)).components.find(({ name }) => name === 'toy');

  function kill(server: ToyServer): void {
    server.isAlive = false;
    server.pump();
  }

  test('tells what is wrong with its settings, and does without it when there are none', async () => {
    const server = new ToyServer(systemClock);
    expect(readConfig({ TOY_URL: 'box' }, { nodeId: 'node-1' }, withToy(server))).toEqual({
      ok: false,
      faults: ['TOY_URL: "box" is not an address like toy:box'],
    });
    const node = await start(server, { TOY_URL: '', EXCHANGES: '' });
    expect((await health(node)).mode.configured).toBe('websocket');
    expect(await rowOf(node)).toMatchObject({ enabled: false, state: 'disabled' });
    const refused = await fetch(`${node.url}/ws/toy`);
    expect([refused.status, await refused.json()]).toEqual([
      503,
      { error: { code: 'notEnabled', message: 'Toy is not enabled; use /ws/exchange' }, fallback: '/ws/exchange' },
    ]);
  });

  test('publishes to it, shows it, serves its path, and goes on without it', async () => {
    const server = new ToyServer(systemClock);
    const node = await start(server, { ...(await startExchange()), GATEWAY_PORT: '0' });
    await isActive(node, 'redis+toy');
    const { components, mode } = await health(node);
    expect(mode.configured).toBe('redis+toy');
    expect(components.map(({ name }) => name)).toEqual(expect.arrayContaining(['kafka', 'redis', 'toy', 'websocket']));
    expect(await rowOf(node)).toMatchObject({ enabled: true, state: 'up', latencyMs: expect.any(Number) });
    const { endpoints } = await ask<ServiceInfo>(node, '/ws/info');
    expect(endpoints.map(({ path, available }) => [path, available])).toEqual([
      ['/ws/exchange', true],
      ['/ws/kafka', false],
      ['/ws/redis', true],
      ['/ws/toy', true],
    ]);
    const reading = connect(new WebSocketSource({ url: `ws://127.0.0.1:${node.port}/ws/toy` }), {
      position: null,
      cut: 'full',
    });
    await until(() => reading.events.some(({ type }) => type === 'trade'));
    expect(server.log.position.epoch).toBe(node.log.position.epoch);
    expect(server.readings.size).toBe(1);

    kill(server);
    await isActive(node, 'redis');
    expect(await rowOf(node)).toMatchObject({ state: 'down', lastError: 'the toy is gone' });
    const refused = await fetch(`${node.url}/ws/toy`);
    expect([refused.status, await refused.json()]).toMatchObject([
      503,
      { error: { code: 'unavailable' }, fallback: '/ws/exchange' },
    ]);
    reading.close();
  });

  describeWithService('zookeeper', 'and one that follows it', () => {
    test('reads from it, and from the leader’s WebSocket when it is gone', async () => {
      const ensemble = await startZooKeeperEnsemble({ servers: 1 });
      stops.push(() => ensemble.dispose());
      const server = new ToyServer(systemClock);
      const exchange = await startExchange();
      const ports = await freePorts(2);
      const open = (index: number) => {
        const INGEST_PORT = String(ports[index]);
        const ADVERTISED_URL = `http://127.0.0.1:${INGEST_PORT}`;
        const environment = { ...exchange, INGEST_PORT, ADVERTISED_URL, ZOOKEEPER_CONNECT: ensemble.connect };
        return start(server, environment, `node-${index + 1}`);
      };
      const leader = await open(0);
      await until(async () => (await health(leader)).role === 'leader');
      const follower = await open(1);
      const goesOn = () => {
        const { epoch, offset } = follower.log.position;
        return until(() => follower.log.position.epoch === epoch && follower.log.position.offset > offset);
      };

      await until(async () => (await health(follower)).role === 'follower');
      await isActive(follower, 'toy');
      expect((await health(follower)).leader).toBe('node-1');
      await until(() => server.readings.size === 1 && leader.sessions.size === 0);
      await goesOn();

      kill(server);
      await isActive(follower, 'websocket');
      await until(() => leader.sessions.size === 1);
      await goesOn();
    }, 60_000);
  });
});

/** The edge reads the stream out of a Redis behind the real gateway, and from a node while it cannot. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { FakeIngestNode } from '../../edge-worker/testing/fake-ingest-node.ts';
import { createGatewayToken, startGateway } from '../../ingest-node/gateway/gateway.ts';
import { MemoryRedisConnection } from '../../ingest-node/gateway/memory-redis-connection.ts';
import { MemoryStore } from '../../ingest-node/gateway/memory-store.ts';
import { STREAM_SCRIPTS } from '../../ingest-node/gateway/stream-scripts.ts';
import { openRedisStore } from '../../ingest-node/gateway/testing/open-redis-store.ts';
import { RedisService } from '../../ingest-node/infrastructure/redis-service.ts';
import { TcpRedisConnection } from '../../ingest-node/infrastructure/tcp-redis-connection.ts';
import { silentLogger } from '../../ingest-node/operations/logger.ts';
import { systemClock } from '../../shared/base/clock.ts';
import type { RedisConnection } from '../../shared/stream/redis/redis-connection.ts';
import { HEARTBEAT_INTERVAL_MS } from '../../shared/wire/messages.ts';
import type { ComponentHealth, InfraHealth, ServiceInfo } from '../../shared/wire/service-info.ts';
import { TcpProxy } from '../chaos/tcp-proxy.ts';
import { type RunningEdge, startEdge } from './edge-dev-server.ts';
import { describeWithService } from './services/testing/describe-with-service.ts';
import { startRedis } from './services/testing/redis.ts';
import { EdgeReader } from './testing/edge-reader.ts';

/** What stands behind the edge's Upstash address. */
type Backend = {
  readonly port: number;
  /** How the leader reaches it. */
  readonly connection: RedisConnection;
  /** Event streams that are read now. */
  subscribers(): number;
  kill(): Promise<void>;
  revive(): Promise<void>;
  stop(): Promise<void>;
};

const TOKEN = createGatewayToken();

async function inMemory(): Promise<Backend> {
  const store = new MemoryStore({ clock: systemClock, scripts: STREAM_SCRIPTS });
  const open = (port: number) => startGateway({ store, port, token: TOKEN, host: '127.0.0.1', logger: silentLogger });
  let gateway = await open(0);
  const { port } = gateway;
  return {
    port,
    connection: new MemoryRedisConnection(store),
    subscribers: () => gateway.counts.subscribers,
    // An event stream that ends so says nothing to its reader: the client of Upstash drops the end.
    kill: () => gateway.stop(),
    revive: async () => {
      gateway = await open(port);
    },
    stop: async () => {
      await gateway.stop();
      await store.close();
    },
  };
}

async function overRedis(): Promise<Backend> {
  const redis = await startRedis({ keepsData: true });
  const store = await openRedisStore(redis.url);
  const gateway = await startGateway({ store, port: 0, token: TOKEN, host: '127.0.0.1', logger: silentLogger });
  return {
    port: gateway.port,
    connection: new TcpRedisConnection({ url: redis.url }),
    subscribers: () => gateway.counts.subscribers,
    kill: async () => void (await redis.kill()),
    revive: () => redis.start(),
    stop: async () => {
      await gateway.stop();
      await store.close();
      await redis.dispose();
    },
  };
}

/** Whatever has happened to Redis is told within 3 s, and passed by within 4 s, on a machine that does nothing else. */
const PATIENCE_MS = 8_000;
/** A fallback is kept for 5 s before the better path is tried again. */
const RETURN_WITHIN_MS = 25_000;

function edgeOverRedis(openBackend: () => Promise<Backend>): void {
  let backend: Backend;
  let node: FakeIngestNode;
  let leader: RedisService;
  let network: TcpProxy;
  let edge: RunningEdge;
  let dashboardDir: string;
  let beating: NodeJS.Timeout;
  let sealing: NodeJS.Timeout;
  const readers: EdgeReader[] = [];

  beforeAll(async () => {
    backend = await openBackend();
    node = await new FakeIngestNode().start();
    node.stream.seal(40);
    const { log } = node.stream;
    leader = new RedisService({ connection: backend.connection, clock: systemClock, paceMs: 10 });
    leader.start();
    const onFenced = (higher: number) => {
      throw new Error(`fenced by ${higher}`);
    };
    leader.publish({ epoch: log.position.epoch, log, onFenced });
    beating = setInterval(() => leader.heartbeat(), HEARTBEAT_INTERVAL_MS);
    network = new TcpProxy({ host: '127.0.0.1', port: backend.port });
    const vars = {
      UPSTASH_REDIS_REST_URL: `http://127.0.0.1:${await network.listen()}`,
      UPSTASH_REDIS_REST_TOKEN: TOKEN,
    };
    dashboardDir = await mkdtemp(join(tmpdir(), 'edge-redis-'));
    edge = await startEdge({ port: 0, ingestUrls: [node.url], vars, dashboardDir, log: () => {} });
    expect(await leader.flush(5_000)).toBe(true);
  }, 60_000);

  afterEach(() => {
    clearInterval(sealing);
    for (const reader of readers.splice(0)) reader.stop();
  });

  afterAll(async () => {
    await edge?.stop();
    await network?.stop();
    clearInterval(beating);
    await leader?.stop();
    await backend?.stop();
    await node?.stop();
    if (dashboardDir !== undefined) await rm(dashboardDir, { recursive: true });
  });

  function read(path: string): EdgeReader {
    const reader = new EdgeReader(`${edge.url.replace('http', 'ws')}${path}`);
    readers.push(reader);
    return reader;
  }

  /** Something happens all the time. */
  function run(): void {
    sealing = setInterval(() => node.stream.seal(3), 10);
  }

  /** One of the best hub, one of Redis’s own while somebody has lately watched it: none is left behind. */
  async function expectNoneLeftBehind(): Promise<void> {
    await vi.waitUntil(() => backend.subscribers() <= 2, { timeout: 5_000, interval: 20 });
    expect(backend.subscribers()).toBeGreaterThan(0);
  }

  async function rest(reader: EdgeReader): Promise<void> {
    clearInterval(sealing);
    await reader.reached(node.stream.log.position);
    expect(reader.faults).toEqual([]);
    expect(reader.counters).toMatchObject({ opened: 1, holes: 0, lost: 0 });
  }

  const ask = async <Answer>(path: string) => (await (await fetch(edge.url + path)).json()) as Answer;
  const info = () => ask<ServiceInfo>('/ws/info');
  const health = () => ask<InfraHealth>('/api/ws/infra-health');
  const redisIn = ({ components }: InfraHealth) => components.find(({ name }) => name === 'redis') as ComponentHealth;
  const upgrades = () => node.requests.filter(url => url.startsWith('/ws/exchange')).length;

  /** Resolves with the milliseconds until both documents say so. */
  async function told(active: 'redis' | 'websocket', timeoutMs: number): Promise<number> {
    const begin = performance.now();
    const say = async () => {
      const [{ mode }, seen] = await Promise.all([info(), health()]);
      const state = active === 'redis' ? 'up' : 'down';
      return mode.active === active && seen.mode.active === active && redisIn(seen).state === state;
    };
    await vi.waitUntil(say, { timeout: timeoutMs, interval: 100 });
    return Math.round(performance.now() - begin);
  }

  test('browsers get the stream through Redis, and no node is asked for it', async () => {
    const [best, redis] = [read('/ws/exchange'), read('/ws/redis')];
    run();
    await Promise.all([best.reached(node.stream.log.position), redis.reached(node.stream.log.position)]);
    await rest(best);
    await rest(redis);
    expect(upgrades()).toBe(0);
    const { mode, endpoints } = await info();
    expect(mode).toEqual({ configured: 'redis', active: 'redis' });
    expect(endpoints.map(({ path, available }) => [path, available])).toEqual([
      ['/ws/exchange', true],
      ['/ws/redis', true],
      ['/ws/kafka', false],
    ]);
    const seen = await health();
    expect(redisIn(seen)).toMatchObject({ enabled: true, state: 'up' });
    expect(redisIn(seen).latencyMs).toBeGreaterThanOrEqual(0);
    expect(seen.mode).toEqual(mode);
  });

  test('the latest state is what Redis tells, not what its snapshot was', async () => {
    const { offset } = await ask<{ offset: number }>('/api/snapshot');
    expect(offset).toBe(node.stream.log.position.offset);
  });

  test('[HB1] [GAP1] Redis dies: the stream goes on from the node, all of it once, and comes back when Redis does', async () => {
    const best = read('/ws/exchange');
    const redis = read('/ws/redis');
    run();
    await Promise.all([best.reached(node.stream.log.position), redis.reached(node.stream.log.position)]);
    await backend.kill();
    const toldMs = await told('websocket', PATIENCE_MS);
    await best.reached(node.stream.log.position);
    expect(upgrades()).toBeGreaterThan(0);
    expect(redisIn(await health()).lastError).not.toBeNull();
    const refused = await fetch(`${edge.url}/ws/redis`);
    expect([refused.status, await refused.json()]).toMatchObject([
      503,
      {
        error: { code: 'notEnabled', message: expect.stringContaining('Redis does not answer') },
        fallback: '/ws/exchange',
      },
    ]);
    expect(redis.upstream).toBe('seeking');
    await backend.revive();
    console.log(`told ${toldMs} ms after Redis was killed; longest silence at a browser ${best.longestSilenceMs} ms`);
    console.log(`returned to Redis after ${await told('redis', RETURN_WITHIN_MS)} ms`);
    await best.reached(node.stream.log.position);
    await rest(best);
    // It was told and stayed, and has now what Redis had missed.
    await rest(redis);
    await expectNoneLeftBehind();
    expect(best.longestSilenceMs).toBeLessThan(PATIENCE_MS);
  }, 60_000);

  test('[HB1] Redis freezes: it is noticed by its silence, and nothing is lost', async () => {
    const best = read('/ws/exchange');
    run();
    await best.reached(node.stream.log.position);
    const upgradesBefore = upgrades();
    network.hold();
    const toldMs = await told('websocket', PATIENCE_MS);
    await best.reached(node.stream.log.position);
    console.log(`told ${toldMs} ms after Redis froze; longest silence at a browser ${best.longestSilenceMs} ms`);
    expect(upgrades()).toBeGreaterThan(upgradesBefore);
    network.release();
    await told('redis', RETURN_WITHIN_MS);
    await rest(best);
    await expectNoneLeftBehind();
    expect(best.longestSilenceMs).toBeLessThan(PATIENCE_MS);
  }, 60_000);
}

describe('the edge over the memory of a node', () => edgeOverRedis(inMemory));
describeWithService('redis', 'the edge over a Redis behind the gateway', () => edgeOverRedis(overRedis));

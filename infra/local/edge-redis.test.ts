/** The edge reads the stream out of a Redis behind the real gateway, and from a node while it cannot. */
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import type { ComponentHealth, InfraHealth, ServiceInfo } from '../../shared/wire/service-info.ts';
import { describeWithService } from './services/testing/describe-with-service.ts';
import { type Backend, EdgeOverRedis, inMemory, overRedis } from './testing/edge-over-redis.ts';
import { EdgeReader } from './testing/edge-reader.ts';

/** Whatever has happened to Redis is told within 3 s, and passed by within 4 s, on a machine that does nothing else. */
const PATIENCE_MS = 8_000;
/** A fallback is kept for 5 s before the better path is tried again. */
const RETURN_WITHIN_MS = 25_000;

function edgeOverRedis(openBackend: () => Promise<Backend>): void {
  let world: EdgeOverRedis;
  let sealing: NodeJS.Timeout;
  const readers: EdgeReader[] = [];

  beforeAll(async () => {
    world = await EdgeOverRedis.start(await openBackend());
  }, 60_000);
  afterAll(() => world?.stop());

  afterEach(() => {
    clearInterval(sealing);
    for (const reader of readers.splice(0)) reader.stop();
  });

  function read(path: string): EdgeReader {
    const reader = new EdgeReader(`${world.edge.url.replace('http', 'ws')}${path}`);
    readers.push(reader);
    return reader;
  }

  /** Something happens all the time. */
  function run(): void {
    sealing = setInterval(() => world.node.stream.seal(3), 10);
  }

  /** One of the best hub, one of Redis’s own while somebody has lately watched it: none is left behind. */
  async function expectNoneLeftBehind(): Promise<void> {
    await vi.waitUntil(() => world.backend.subscribers() <= 2, { timeout: 5_000, interval: 20 });
    expect(world.backend.subscribers()).toBeGreaterThan(0);
  }

  async function rest(reader: EdgeReader): Promise<void> {
    clearInterval(sealing);
    await reader.reached(world.node.stream.log.position);
    expect(reader.faults).toEqual([]);
    expect(reader.counters).toMatchObject({ opened: 1, holes: 0, lost: 0 });
  }

  const ask = async <Answer>(path: string) => (await (await fetch(world.edge.url + path)).json()) as Answer;
  const info = () => ask<ServiceInfo>('/ws/info');
  const health = () => ask<InfraHealth>('/api/ws/infra-health');
  const redisIn = ({ components }: InfraHealth) => components.find(({ name }) => name === 'redis') as ComponentHealth;
  const upgrades = () => world.node.requests.filter(url => url.startsWith('/ws/exchange')).length;

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
    await Promise.all([best.reached(world.node.stream.log.position), redis.reached(world.node.stream.log.position)]);
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
    expect(offset).toBe(world.node.stream.log.position.offset);
  });

  test('[HB1] [GAP1] Redis dies: the stream goes on from the node, all of it once, and comes back when Redis does', async () => {
    const best = read('/ws/exchange');
    const redis = read('/ws/redis');
    run();
    await Promise.all([best.reached(world.node.stream.log.position), redis.reached(world.node.stream.log.position)]);
    await world.backend.kill();
    const toldMs = await told('websocket', PATIENCE_MS);
    await best.reached(world.node.stream.log.position);
    expect(upgrades()).toBeGreaterThan(0);
    expect(redisIn(await health()).lastError).not.toBeNull();
    const refused = await fetch(`${world.edge.url}/ws/redis`);
    expect([refused.status, await refused.json()]).toMatchObject([
      503,
      {
        error: { code: 'unavailable', message: expect.stringContaining('Redis is down') },
        fallback: '/ws/exchange',
      },
    ]);
    await vi.waitUntil(() => redis.upstream === 'seeking', { timeout: PATIENCE_MS });
    await world.backend.revive();
    console.log(`told ${toldMs} ms after Redis was killed; longest silence at a browser ${best.longestSilenceMs} ms`);
    console.log(`returned to Redis after ${await told('redis', RETURN_WITHIN_MS)} ms`);
    await best.reached(world.node.stream.log.position);
    await rest(best);
    // It was told and stayed, and has now what Redis had missed.
    await rest(redis);
    await expectNoneLeftBehind();
    expect(best.longestSilenceMs).toBeLessThan(PATIENCE_MS);
  }, 60_000);

  test('Redis is full: told with its reason, though it answers, the stream goes on from the node, and comes back', async () => {
    const best = read('/ws/exchange');
    run();
    await best.reached(world.node.stream.log.position);
    await world.backend.fill();
    const toldMs = await told('websocket', PATIENCE_MS);
    expect(redisIn(await health()).lastError).toMatch(/^OOM/);
    await best.reached(world.node.stream.log.position);
    const refused = await fetch(`${world.edge.url}/ws/redis`);
    expect([refused.status, await refused.json()]).toMatchObject([
      503,
      { error: { code: 'unavailable', message: expect.stringMatching(/^Redis is down: OOM/) } },
    ]);
    const { endpoints } = await info();
    expect(endpoints.find(({ path }) => path === '/ws/redis')?.available).toBe(false);
    await world.backend.drain();
    console.log(`told ${toldMs} ms after Redis was full; back after ${await told('redis', RETURN_WITHIN_MS)} ms`);
    await rest(best);
    expect(best.longestSilenceMs).toBeLessThan(PATIENCE_MS);
  }, 60_000);

  test('[HB1] Redis freezes: it is noticed by its silence, and nothing is lost', async () => {
    const best = read('/ws/exchange');
    run();
    await best.reached(world.node.stream.log.position);
    const upgradesBefore = upgrades();
    world.network.hold();
    const toldMs = await told('websocket', PATIENCE_MS);
    await best.reached(world.node.stream.log.position);
    console.log(`told ${toldMs} ms after Redis froze; longest silence at a browser ${best.longestSilenceMs} ms`);
    expect(upgrades()).toBeGreaterThan(upgradesBefore);
    world.network.release();
    await told('redis', RETURN_WITHIN_MS);
    await rest(best);
    await expectNoneLeftBehind();
    expect(best.longestSilenceMs).toBeLessThan(PATIENCE_MS);
  }, 60_000);
}

describe('the edge over the memory of a node', () => edgeOverRedis(inMemory));
describeWithService('redis', 'the edge over a Redis behind the gateway', () => edgeOverRedis(overRedis));

test('an edge that knows Redis alone serves the stream, and says what it cannot tell without a node', async () => {
  const world = await EdgeOverRedis.start(await inMemory(), { knowsNode: false });
  const get = (path: string) => fetch(world.edge.url + path);
  const reader = new EdgeReader(`${world.edge.url.replace('http', 'ws')}/ws/exchange`);
  try {
    await reader.reached(world.node.stream.log.position);
    const { components, mode } = (await (await get('/api/ws/infra-health')).json()) as InfraHealth;
    expect(components.slice(0, 2)).toMatchObject([
      { name: 'redis', state: 'up' },
      { name: 'ingest', state: 'disabled' },
    ]);
    expect(mode).toEqual({ configured: 'redis', active: 'redis' });
    const instruments = await get('/api/instruments');
    expect([instruments.status, await instruments.text()]).toEqual([
      503,
      expect.stringContaining('INGEST_URLS is empty'),
    ]);
    expect(world.node.requests).toEqual([]);
  } finally {
    reader.stop();
    await world.stop();
  }
}, 60_000);

import { expect, test, vi } from 'vitest';
import { EdgeOverRedis, inMemory } from './testing/edge-over-redis.ts';
import { EdgeReader } from './testing/edge-reader.ts';

test('without viewers for 30 s the edge lets go of Redis and asks it nothing, and comes back for the next one', async () => {
  const world = await EdgeOverRedis.start(await inMemory());
  const url = `${world.edge.url.replace('http', 'ws')}/ws/exchange`;
  const reader = new EdgeReader(url);
  await reader.reached(world.node.stream.log.position);
  expect(world.backend.subscribers()).toBe(1);
  reader.stop();
  const left = performance.now();
  await vi.waitUntil(() => world.backend.subscribers() === 0, { timeout: 60_000, interval: 100 });
  console.log(`let go after ${Math.round(performance.now() - left)} ms`);
  expect(performance.now() - left).toBeGreaterThan(29_000);
  const requests = world.backend.requests();
  // Six times as long as a fallback is kept, and as a heartbeat takes.
  await new Promise(resolve => setTimeout(resolve, 30_000));
  expect(world.backend.requests()).toBe(requests);
  world.node.stream.seal(5);
  const next = new EdgeReader(url);
  await next.reached(world.node.stream.log.position);
  expect(world.backend.subscribers()).toBe(1);
  next.stop();
  await world.stop();
}, 150_000);

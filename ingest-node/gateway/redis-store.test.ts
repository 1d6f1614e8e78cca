/** What the gateway says and does while the Redis behind it is dead, frozen, or gone without a word. */
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { describeWithService } from '../../infra/local/services/testing/describe-with-service.ts';
import { freePorts } from '../../infra/local/services/testing/free-ports.ts';
import { startRedis, type TestRedis } from '../../infra/local/services/testing/redis.ts';
import { systemClock } from '../../shared/base/clock.ts';
import { silentLogger } from '../operations/logger.ts';
import { type Gateway, startGateway } from './gateway.ts';
import { RedisStore } from './redis-store.ts';
import { openRedisStore } from './testing/open-redis-store.ts';
import { ask, listen, upstashClient, workerClient } from './testing/rest-clients.ts';

const WITHIN = { timeout: 10_000, interval: 10 };
/** What DESIGN promises for health, with what a busy machine may add. */
const TOLD_WITHIN_MS = 3_000;

describeWithService('redis', 'a gateway whose Redis goes away', () => {
  let server: TestRedis;
  let store: RedisStore;
  let gateway: Gateway;
  const told: [boolean, string | null][] = [];

  async function begin(): Promise<void> {
    told.length = 0;
    store = await openRedisStore(server.url, (isReachable, fault) => told.push([isReachable, fault]));
    gateway = await startGateway({ store, port: 0, token: null, logger: silentLogger });
  }

  async function openStream(): Promise<{ ended: Promise<unknown> }> {
    const headers = { authorization: `Bearer ${gateway.token}` };
    const response = await fetch(`${gateway.url}/subscribe/prices`, { headers });
    return { ended: response.text() };
  }

  beforeAll(async () => {
    server = await startRedis();
  });

  afterEach(async () => {
    await gateway?.stop();
    await store.close();
  });

  afterAll(() => server?.dispose());

  test('killed: streams end, commands get 503, health says so, and all comes back by itself', async () => {
    await begin();
    const stream = await openStream();
    await server.kill();
    await stream.ended;
    await vi.waitUntil(() => gateway.health().state === 'down', WITHIN);
    expect(gateway.health().lastError).toMatch(/ECONNREFUSED|broke|closed/);
    const answer = await ask(gateway, '/', { body: '["PING"]' });
    expect(answer).toEqual({ status: 503, body: { error: expect.stringContaining('does not answer') } });
    expect((await ask(gateway, '/multi-exec', { body: '[["PING"]]' })).status).toBe(503);
    expect((await ask(gateway, '/subscribe/prices')).status).toBe(503);
    await expect(upstashClient(gateway).get('x')).rejects.toThrow('does not answer');

    await server.start();
    await vi.waitUntil(() => gateway.health().state === 'up', WITHIN);
    const heard = await listen(workerClient(gateway), 'prices');
    expect(await upstashClient(gateway).publish('prices', 'again')).toBe(1);
    await heard.until(1);
    await heard.leave();
    expect(told.map(([isReachable]) => isReachable)).toEqual([true, false, true]);
  });

  test('frozen: commands fail within their deadline, health tells within three seconds, streams end and come back', async () => {
    await begin();
    const stream = await openStream();
    const frozenAt = performance.now();
    server.freeze();
    const refused = ask(gateway, '/', { body: '["PING"]' }).then(({ status }) => [
      status,
      performance.now() - frozenAt,
    ]);
    await vi.waitUntil(() => gateway.health().state === 'down', WITHIN);
    const toldAfterMs = performance.now() - frozenAt;
    const [status, refusedAfterMs] = await refused;
    expect(status).toBe(503);
    await stream.ended;
    console.info(
      `frozen: a command failed after ${Math.round(refusedAfterMs!)} ms, health told after ${Math.round(toldAfterMs)} ms`,
    );
    expect(toldAfterMs).toBeLessThan(TOLD_WITHIN_MS);
    console.info(`its stream ended after ${Math.round(performance.now() - frozenAt)} ms`);
    server.thaw();
    await vi.waitUntil(() => gateway.health().state === 'up', WITHIN);
    const heard = await listen(workerClient(gateway), 'prices');
    await upstashClient(gateway).publish('prices', 'again');
    await heard.until(1);
    await heard.leave();
  });

  test('nothing that was asked during an outage is sent afterwards', async () => {
    await begin();
    await upstashClient(gateway).set('count', 0);
    await server.stop();
    await vi.waitUntil(() => gateway.health().state === 'down', WITHIN);
    for (let attempt = 0; attempt < 20; attempt++) {
      expect((await ask(gateway, '/', { body: '["INCR","count"]' })).status).toBe(503);
    }
    await server.start();
    await vi.waitUntil(() => gateway.health().state === 'up', WITHIN);
    expect(await upstashClient(gateway).get('count')).toBeNull();
  });

  test('never reached: told once with its reason, and the gateway serves refusals meanwhile', async () => {
    const [port] = await freePorts(1);
    const told: [boolean, string | null][] = [];
    store = new RedisStore({
      url: `redis://:secret-password@127.0.0.1:${port}`,
      clock: systemClock,
      onConnection: (isReachable, fault) => told.push([isReachable, fault]),
    });
    gateway = await startGateway({ store, port: 0, token: null, logger: silentLogger });
    await vi.waitUntil(() => told.length > 0, WITHIN);
    expect(told).toEqual([[false, expect.stringContaining('ECONNREFUSED')]]);
    expect((await ask(gateway, '/', { body: '["PING"]' })).status).toBe(503);
    expect(JSON.stringify([told, gateway.health()])).not.toContain('secret-password');
  });

  test('a wrong password is told as such', async () => {
    store = new RedisStore({
      url: `redis://:wrong@127.0.0.1:${server.port}`,
      clock: systemClock,
      onConnection: () => {},
    });
    gateway = await startGateway({ store, port: 0, token: null, logger: silentLogger });
    await vi.waitUntil(() => /WRONGPASS|NOAUTH/.test(gateway.health().lastError ?? ''), WITHIN);
    expect(gateway.health().state).toBe('down');
  });
});

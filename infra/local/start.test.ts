import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import type { InfraHealth, ServiceInfo } from '../../shared/wire/service-info.ts';
import { StartProcess } from './testing/start-process.ts';

const running: StartProcess[] = [];
afterEach(async () => {
  for (const one of running.splice(0)) await one.dispose();
});

async function run(args: readonly string[], environment: Readonly<Record<string, string>> = {}): Promise<StartProcess> {
  const one = await StartProcess.run(args, environment);
  running.push(one);
  return one;
}

/**
 * What a person waits at most, on a machine that does other things as well. On an idle one the first event comes within 3 s
 * and the end within 2 s: what it was is printed.
 */
const PATIENCE = { firstEventSeconds: 9, endMs: 4_000 };

/** A child that reads its parent's pipe ends a moment after it. */
const SOON = { timeout: 2_000 };

describe('npm run demo', () => {
  test('shows where everything is, brings events of three exchanges to the edge, and one Ctrl-C ends all of it', async () => {
    const demo = await run(['--demo']);
    const url = await demo.url();
    const [, seconds] = await demo.said(/First event at a client of the edge (\S+) s after the start/);
    console.log(`first event at the edge after ${seconds} s`);
    expect(Number(seconds)).toBeLessThan(PATIENCE.firstEventSeconds);
    for (const exchange of ['binance', 'upbit', 'bithumb']) await demo.said(new RegExp(`${exchange}-0\\s+live`));
    // The edge may have met a Redis without a stream and begun with the node: it tries again after 5 s.
    const mode = async () => ((await (await fetch(`${url}/ws/info`)).json()) as ServiceInfo).mode;
    await expect.poll(mode, { timeout: 15_000 }).toEqual({ configured: 'redis', active: 'redis' });
    const page = await fetch(`${url}/`);
    expect([page.status, page.headers.get('content-type')]).toEqual([200, expect.stringContaining('text/html')]);
    const started = performance.now();
    expect(demo.survivors().length).toBeGreaterThan(1);
    expect(await demo.end('SIGINT')).toBe(0);
    const endedMs = Math.round(performance.now() - started);
    console.log(`ended ${endedMs} ms after Ctrl-C`);
    expect(endedMs).toBeLessThan(PATIENCE.endMs);
    await expect.poll(() => demo.survivors(), SOON).toEqual([]);
  });

  test('ends as well when it is told in the middle of its start', async () => {
    const demo = await run(['--demo']);
    await demo.said(/Exchange Service/);
    expect(await demo.end('SIGTERM')).toBe(0);
    await expect.poll(() => demo.survivors(), SOON).toEqual([]);
  });
});

describe('npm start', () => {
  test('names an exchange that cannot be reached, with the reason, and goes on trying', async () => {
    const port = await freePort();
    const service = await run([], { EXCHANGE_SIMULATOR_URL: `http://127.0.0.1:${port}`, EXCHANGES: 'upbit' });
    const url = await service.url();
    await service.said(
      new RegExp(`upbit-markets\\s+down\\s+.*cannot reach 127\\.0\\.0\\.1:${port}: connection refused`),
    );
    const health = (await (await fetch(`${url}/api/ws/infra-health`)).json()) as InfraHealth;
    expect(health.feeds).toMatchObject([{ key: 'upbit-markets', state: 'down' }]);
  });

  test('lists every wrong setting and exits with 2', async () => {
    const service = await run(['--fast'], {
      EDGE_PORT: 'x',
      EXCHANGES: 'mtgox',
      LOG_LEVEL: 'loud',
      SHARD_CAPACITY: '0',
    });
    expect(await service.exited()).toBe(2);
    for (const name of ['--fast', 'EDGE_PORT', 'EXCHANGES', 'LOG_LEVEL', 'SHARD_CAPACITY'])
      expect(service.output).toContain(`  ${name}: `);
    expect(service.output.trim().split('\n')).toHaveLength(6);
  });

  test.each(['INGEST_PORT', 'EDGE_PORT', 'SIMULATOR_PORT', 'GATEWAY_PORT'])(
    'says in one line that %s is taken, and leaves nothing running',
    async name => {
      const other = createServer().listen(0, '127.0.0.1');
      await new Promise(resolve => other.once('listening', resolve));
      try {
        const { port } = other.address() as AddressInfo;
        const service = await run(['--demo'], { [name]: String(port) });
        expect(await service.exited()).toBe(1);
        expect(service.output).toMatch(new RegExp(`Cannot start: .*\\b${port}\\b.*in use.*\\n`));
        expect(service.output).not.toMatch(/ {4}at /);
        await expect.poll(() => service.survivors(), SOON).toEqual([]);
      } finally {
        other.close();
      }
    },
  );
});

/** A port where nobody listens. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise(resolve => server.once('listening', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise(resolve => server.close(resolve));
  return port;
}

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { FakeIngestNode } from '../../edge-worker/testing/fake-ingest-node.ts';
import { ResilientSource } from '../../shared/stream/resilient-source.ts';
import { WebSocketSource } from '../../shared/stream/websocket-source.ts';
import type { InfraHealth, ServiceInfo } from '../../shared/wire/service-info.ts';
import { type RunningEdge, startEdge } from './edge-dev-server.ts';

let node: FakeIngestNode;
let edge: RunningEdge;
let dashboardDir: string;
const lines: string[] = [];

beforeAll(async () => {
  dashboardDir = await mkdtemp(join(tmpdir(), 'edge-dashboard-'));
  node = await new FakeIngestNode().start();
  node.stream.seal(40);
  edge = await startEdge({ port: 0, ingestUrls: [node.url], dashboardDir, log: line => lines.push(line) });
});

afterAll(async () => {
  await edge.stop();
  await node.stop();
  await rm(dashboardDir, { recursive: true });
});

const get = (path: string, init?: RequestInit) => fetch(`${edge.url}${path}`, init);
const socketUrl = () => `${edge.url.replace('http', 'ws')}/ws/exchange`;

/** Code with which a connection ends, and what was said before. */
async function closeOf(socket: WebSocket): Promise<number> {
  const [event] = (await once(socket, 'close')) as [CloseEvent];
  return event.code;
}

test('it says in one line where it listens', () => {
  expect(lines).toEqual([`edge: dashboard, WebSocket and API on ${edge.url}`]);
});

describe('plain routes', () => {
  test('/livez and the page', async () => {
    expect(await (await get('/livez')).text()).toBe('alive');
    const page = await get('/');
    expect(page.headers.get('content-type')).toContain('text/html');
  });

  test('/ws/info names absolute addresses of the host that was asked', async () => {
    const info = (await (await get('/ws/info')).json()) as ServiceInfo;
    expect(info.endpoint).toBe(socketUrl());
    expect(info.endpoints.map(({ path, available }) => [path, available])).toEqual([
      ['/ws/exchange', true],
      ['/ws/redis', false],
      ['/ws/kafka', false],
    ]);
    expect(info.mode.active).toBe('websocket');
  });

  test('a plain GET of the stream is answered 426 with a hint', async () => {
    const response = await get('/ws/exchange');
    expect(response.status).toBe(426);
    expect(await response.json()).toMatchObject({ error: { code: 'upgradeRequired' } });
  });

  test.each(['redis', 'kafka'])('/ws/%s is answered 503 and names the fallback', async name => {
    const response = await get(`/ws/${name}`);
    expect(response.status).toBe(503);
    expect(await response.json()).toMatchObject({ error: { code: 'notEnabled' }, fallback: '/ws/exchange' });
  });

  test.each(['epoch=1', 'epoch=x&offset=1', 'epoch=1&offset=-1', 'cut=none'])(
    'a stream asked with ?%s is refused with 400',
    async query => {
      // A client of ours would not show the status; a bare upgrade request does.
      const { request } = await import('node:http');
      const headers = {
        Connection: 'Upgrade',
        Upgrade: 'websocket',
        'Sec-WebSocket-Version': '13',
        'Sec-WebSocket-Key': 'AAAAAAAAAAAAAAAAAAAAAA==',
      };
      const asked = request(`${edge.url}/ws/exchange?${query}`, { headers });
      asked.end();
      const [response] = (await once(asked, 'response')) as [{ statusCode: number }];
      expect(response.statusCode).toBe(400);
      asked.destroy();
    },
  );

  test('an unknown path is answered 404 in JSON', async () => {
    const response = await get('/nothing/here');
    expect(response.status).toBe(404);
    expect(await response.json()).toMatchObject({ error: { code: 'notFound' } });
  });

  test('scripts of other pages may read the APIs', async () => {
    const response = await get('/api/tickers', { headers: { Origin: 'https://board.example' } });
    expect(response.headers.get('access-control-allow-origin')).toBe('https://board.example');
  });
});

describe('latest state', () => {
  test('/api/snapshot is the state at a position, and 304 for who has it', async () => {
    const response = await get('/api/snapshot');
    const body = (await response.json()) as { epoch: number; offset: number; events: unknown[] };
    expect(body).toMatchObject(node.stream.log.position);
    expect(body.events).toHaveLength(node.stream.log.latest.size);
    const tag = response.headers.get('etag')!;
    expect(tag).toBe(`"${body.epoch}-${body.offset}"`);
    const again = await get('/api/snapshot', { headers: { 'If-None-Match': tag } });
    expect(again.status).toBe(304);
  });

  test('/api/tickers can be narrowed, and an unknown value is refused in plain words', async () => {
    const { tickers } = (await (await get('/api/tickers?symbol=BTC/KRW&exchange=upbit')).json()) as {
      tickers: { symbol: string }[];
    };
    expect(tickers.map(({ symbol }) => symbol)).toEqual(['BTC/KRW']);
    const refused = await get('/api/tickers?exchange=mtgox');
    expect(refused.status).toBe(400);
    expect(JSON.stringify(await refused.json())).toContain('mtgox');
  });

  test('/api/instruments is the node’s, asked for once a minute', async () => {
    const answers = await Promise.all([get('/api/instruments'), get('/api/instruments')]);
    for (const answer of answers) expect(await answer.json()).toEqual({ instruments: [] });
    expect((await get('/api/instruments', { headers: { 'If-None-Match': '"fake-1"' } })).status).toBe(304);
    expect(node.requests.filter(url => url.startsWith('/api/instruments'))).toHaveLength(1);
  });

  test('/api/ws/infra-health is the hub’s view of its upstream', async () => {
    const health = (await (await get('/api/ws/infra-health')).json()) as InfraHealth;
    expect(health).toMatchObject({ role: 'edge', ...node.stream.log.position });
    const ingest = health.components.find(({ name }) => name === 'ingest')!;
    expect(ingest.state).toBe('up');
    expect(ingest.latencyMs).toBeGreaterThanOrEqual(0);
    expect(health.feeds.map(({ key, state }) => [key, state])).toEqual([['upbit-0', 'live']]);
  });
});

describe('the stream, from Node', () => {
  test('[RES1] a consumer of ours follows, survives an eviction of the shard and resumes', async () => {
    let reached: () => void = () => {};
    const offsets: number[] = [];
    const source = new ResilientSource({
      sources: [new WebSocketSource({ url: socketUrl() })],
      onSnapshot: ({ position }) => {
        offsets.push(position.offset);
        reached();
      },
      onBatch: ({ first, next }) => {
        expect(first).toBe(offsets.at(-1)! + 1);
        offsets.push(next - 1);
        reached();
      },
    });
    const until = (isTrue: () => boolean) =>
      new Promise<void>(resolve => {
        reached = () => isTrue() && resolve();
        reached();
      });
    source.start();
    await until(() => offsets.length > 0);
    for (let round = 0; round < 3; round++) {
      node.stream.seal(10);
      await until(() => offsets.at(-1) === node.stream.log.position.offset);
      await edge.evict('Shard', 'local-1');
    }
    node.stream.seal(10);
    await until(() => offsets.at(-1) === node.stream.log.position.offset);
    expect(source.counters).toMatchObject({ opened: 1, holes: 0, lost: 0 });
    source.stop();
  });

  test('a ping is answered without waking anybody; anything else ends the connection', async () => {
    const socket = new WebSocket(socketUrl());
    const said: string[] = [];
    const pong = new Promise<void>(resolve => {
      socket.addEventListener('message', ({ data }) => {
        said.push(String(data));
        if (data === 'pong') resolve();
      });
    });
    await once(socket, 'open');
    socket.send('ping');
    await pong;
    socket.send('{"subscribe":"BTC/KRW"}');
    expect(await closeOf(socket)).toBe(4_100);
  });
});

describe('starting and stopping', () => {
  test('a port in use is said in plain words', async () => {
    const squatter = createServer().listen(0, '127.0.0.1');
    await once(squatter, 'listening');
    const { port } = squatter.address() as AddressInfo;
    await expect(startEdge({ port, ingestUrls: [node.url], dashboardDir, log: () => {} })).rejects.toThrow(
      `port ${port} on 127.0.0.1 is in use by another program`,
    );
    squatter.close();
  });

  test('wrong variables stop the start, all named at once', async () => {
    const wrong = { port: 0, ingestUrls: ['localhost'], vars: { SHARD_CAPACITY: 'many' }, dashboardDir, log: () => {} };
    await expect(startEdge(wrong)).rejects.toThrow(/INGEST_URLS.*SHARD_CAPACITY/);
  });

  test('origins and token are checked, and a node that wants the token gets it', async () => {
    const vars = { ALLOWED_ORIGINS: 'https://board.example', STREAM_TOKEN: 'secret' };
    const guarded = await startEdge({ port: 0, ingestUrls: [node.url], vars, dashboardDir, log: () => {} });
    const status = async (path: string, headers: Record<string, string>) =>
      (await fetch(guarded.url + path, { headers })).status;
    try {
      expect(await status('/api/tickers', {})).toBe(401);
      expect(await status('/api/tickers', { Authorization: 'Bearer secreu' })).toBe(401);
      expect(await status('/api/tickers', { Authorization: 'Bearer secret' })).toBe(200);
      expect(await status('/api/tickers?token=secret', { Origin: 'https://evil.example' })).toBe(403);
      expect(await status('/api/tickers?token=secret', { Origin: 'https://board.example' })).toBe(200);
      expect(await status('/livez', {})).toBe(200);
      expect(node.requests.some(url => url.startsWith('/ws/exchange?token=secret'))).toBe(true);
    } finally {
      await guarded.stop();
    }
  });

  test('without any node the APIs say why there is nothing', async () => {
    const lonely = await startEdge({ port: 0, ingestUrls: ['http://127.0.0.1:1'], dashboardDir, log: () => {} });
    try {
      const instruments = await fetch(`${lonely.url}/api/instruments`);
      expect(instruments.status).toBe(503);
      expect(JSON.stringify(await instruments.json())).toContain('127.0.0.1:1 does not answer');
      const health = (await (await fetch(`${lonely.url}/api/ws/infra-health`)).json()) as InfraHealth;
      const ingest = health.components.find(({ name }) => name === 'ingest')!;
      expect(ingest.state).toBe('down');
      expect(ingest.lastError).not.toBeNull();
    } finally {
      await lonely.stop();
    }
  });

  test('run alone it serves, and an interrupt ends it with code 0 within 2 s', async () => {
    const script = fileURLToPath(new URL('edge-dev-server.ts', import.meta.url));
    const env = { ...process.env, EDGE_PORT: '0', INGEST_URLS: node.url };
    const child = spawn(process.execPath, [script], { env, stdio: ['ignore', 'pipe', 'inherit'] });
    const [line] = (await once(child.stdout!, 'data')) as [Buffer];
    expect(String(line)).toMatch(/on http:\/\/127\.0\.0\.1:\d+/);
    const begin = performance.now();
    child.kill('SIGINT');
    const [code] = (await once(child, 'exit')) as [number];
    expect(code).toBe(0);
    expect(performance.now() - begin).toBeLessThan(2_000);
  });
});

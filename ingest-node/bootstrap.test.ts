import { once } from 'node:events';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import WebSocket from 'ws';
import { startSimulator } from '../infra/exchange-simulator/simulator.ts';
import { EXCHANGES } from '../shared/model/exchange.ts';
import type { ServerMessage } from '../shared/wire/messages.ts';
import type { InfraHealth, ServiceInfo } from '../shared/wire/service-info.ts';
import { type IngestNode, startIngestNode } from './bootstrap.ts';
import { type Config, readConfig } from './config/config.ts';
import { controlSocketPath } from './operations/control-server.ts';
import { silentLogger } from './operations/logger.ts';

let dataDir: string;
const stops: (() => Promise<void> | void)[] = [];
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'node-'));
});
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
  await rm(dataDir, { recursive: true, force: true });
});

function settings(overrides: Partial<Config> = {}): Config {
  const result = readConfig({ INGEST_PORT: '0', DATA_DIR: dataDir }, { nodeId: 'node-1' });
  if (!result.ok) throw new Error(result.faults.join());
  return { ...result.config, exchanges: [], ...overrides };
}

/** A node without exchanges: what is in its stream is what a test replays. */
async function start(overrides: Partial<Config> = {}): Promise<IngestNode> {
  const node = await startIngestNode({ config: settings(overrides), logger: silentLogger, host: '127.0.0.1' });
  stops.push(() => node.stop());
  return node;
}

type Client = {
  socket: WebSocket;
  messages: ServerMessage[];
  next(matches: (message: ServerMessage) => boolean): Promise<ServerMessage>;
};

async function connect(url: string, options: WebSocket.ClientOptions = {}): Promise<Client> {
  const socket = new WebSocket(url, options);
  stops.push(() => socket.terminate());
  const messages: ServerMessage[] = [];
  const waiting: { matches: (message: ServerMessage) => boolean; resolve: (message: ServerMessage) => void }[] = [];
  socket.on('message', data => {
    const message = JSON.parse(String(data)) as ServerMessage;
    messages.push(message);
    for (const one of waiting.splice(0)) {
      if (one.matches(message)) one.resolve(message);
      else waiting.push(one);
    }
  });
  await new Promise((resolve, reject) => {
    socket.once('open', resolve);
    socket.once('error', reject);
  });
  return {
    socket,
    messages,
    next: matches =>
      new Promise(resolve => {
        const seen = messages.find(matches);
        if (seen !== undefined) resolve(seen);
        else waiting.push({ matches, resolve });
      }),
  };
}

function replay(records: readonly object[]): Promise<Record<string, unknown>> {
  return new Promise((resolve, reject) => {
    const call = request(
      { socketPath: controlSocketPath(dataDir), method: 'POST', path: '/replay?label=test' },
      response => {
        let body = '';
        response.on('data', data => {
          body += data;
        });
        response.on('end', () => resolve(JSON.parse(body)));
      },
    );
    call.on('error', reject);
    call.end(records.map(record => JSON.stringify(record)).join('\n'));
  });
}

const upbitTrade = (id: string, price: string) => ({
  exchange: 'upbit',
  channel: 'trade',
  direction: 'recv',
  raw: `{"type":"trade","code":"KRW-BTC","timestamp":1790000000500,"trade_date":"2026-09-21","trade_time":"14:13:20","trade_timestamp":1790000000417,"trade_price":${price},"trade_volume":7.9276E-4,"ask_bid":"BID","prev_closing_price":91000000.00000000,"change":"RISE","change_price":1.0,"sequential_id":${id},"stream_type":"REALTIME"}`,
});

const upbitMarkets = {
  exchange: 'upbit',
  channel: 'rest_market_all',
  direction: 'http',
  raw: '[{"market":"KRW-BTC","korean_name":"비트코인","english_name":"Bitcoin"}]',
};

describe('the HTTP surface', () => {
  test('says where to connect, and the address works', async () => {
    const node = await start();
    const info = (await (await fetch(`${node.url}/ws/info`)).json()) as ServiceInfo;
    expect(info).toMatchObject({
      service: 'exchange-service',
      protocol: 1,
      server: 'node-1',
      endpoint: `ws://127.0.0.1:${node.port}/ws/exchange`,
      endpoints: [
        { path: '/ws/exchange', available: true, reason: null },
        { path: '/ws/kafka', available: false, reason: 'Kafka is not enabled; use /ws/exchange' },
        { path: '/ws/redis', available: false, reason: 'Redis is not enabled; use /ws/exchange' },
      ],
      mode: { configured: 'websocket', active: 'websocket' },
      sessions: 0,
    });
    const { next } = await connect(info.endpoint);
    expect(await next(message => message.type === 'hello')).toMatchObject({ server: 'node-1' });
    expect(((await (await fetch(`${node.url}/ws/info`)).json()) as ServiceInfo).sessions).toBe(1);
  });

  test('the advertised address is used where it is set', async () => {
    const node = await start({ advertisedUrl: 'https://prices.example' });
    const info = (await (await fetch(`${node.url}/ws/info`)).json()) as ServiceInfo;
    expect(info.endpoint).toBe('wss://prices.example/ws/exchange');
  });

  test('health names role, leader, position, components and feeds', async () => {
    const node = await start();
    await replay([upbitMarkets, upbitTrade('17900000004170001', '91234000.0')]);
    await expect.poll(() => node.log.position.offset).toBe(1);
    const health = (await (await fetch(`${node.url}/api/ws/infra-health`)).json()) as InfraHealth;
    expect(health).toMatchObject({
      server: 'node-1',
      role: 'leader',
      leader: 'node-1',
      epoch: node.log.position.epoch,
      offset: 1,
      components: [
        { name: 'leadership', enabled: true, state: 'up', lastError: null },
        { name: 'zookeeper', enabled: false, state: 'disabled' },
        { name: 'settings', enabled: true, state: 'up', lastError: null },
        { name: 'mysql', enabled: false, state: 'disabled' },
        { name: 'kafka', enabled: false, state: 'disabled' },
        { name: 'redis', enabled: false, state: 'disabled' },
        { name: 'websocket', enabled: true, state: 'up', lastError: null },
      ],
      feeds: [],
    });
  });

  test('a plain request to a stream is told to upgrade, and a path that is off names the fallback', async () => {
    const { url } = await start();
    const plain = await fetch(`${url}/ws/exchange`);
    expect([plain.status, (await plain.json()).error.code]).toEqual([426, 'upgradeRequired']);
    for (const path of ['/ws/kafka', '/ws/redis']) {
      const off = await fetch(url + path);
      expect(off.status).toBe(503);
      expect(await off.json()).toMatchObject({ error: { code: 'notEnabled' }, fallback: '/ws/exchange' });
    }
    expect((await fetch(`${url}/nothing`)).status).toBe(404);
  });

  test('a path that is enabled and down is refused with the same words over HTTP and to an upgrade', async () => {
    // Nobody listens on the port of tcpmux.
    const { url, port } = await start({ infrastructure: { kafka: { brokers: ['127.0.0.1:1'] } } });
    const refusedUpgrade = async (path: string) => {
      const socket = new WebSocket(`ws://127.0.0.1:${port}${path}`);
      const [asked, response] = await once(socket, 'unexpected-response');
      const body = (await response.toArray()).join('');
      asked.destroy();
      return [response.statusCode, JSON.parse(body)];
    };
    const refusals: Record<string, string> = {};
    for (const path of ['/ws/kafka', '/ws/redis']) {
      const plain = await fetch(url + path);
      const body = await plain.json();
      expect(await refusedUpgrade(path)).toEqual([
        plain.status,
        { ...body, error: { ...body.error, message: expect.any(String) } },
      ]);
      expect(body.fallback).toBe('/ws/exchange');
      refusals[path] = body.error.code;
    }
    expect(refusals).toEqual({ '/ws/kafka': 'unavailable', '/ws/redis': 'notEnabled' });
  });

  test('latest state by filter, unchanged by its tag, and what is wrong with a question', async () => {
    const { url } = await start();
    await replay([upbitMarkets]);
    const first = await fetch(`${url}/api/instruments?exchange=upbit`);
    expect(await first.json()).toMatchObject({
      instruments: [{ symbol: 'BTC/KRW', nativeCode: 'KRW-BTC', koreanName: '비트코인' }],
    });
    const again = await fetch(`${url}/api/instruments?exchange=upbit`, {
      headers: { 'if-none-match': first.headers.get('etag')! },
    });
    expect(again.status).toBe(304);
    const bad = await fetch(`${url}/api/tickers?exchange=mtgox&symbol=BTC`);
    expect(bad.status).toBe(400);
    expect((await bad.json()).error.message).toBe(
      `exchange "mtgox" is unknown; known are ${EXCHANGES.join(', ')}; symbol "BTC" is not BASE/QUOTE, like BTC/KRW`,
    );
  });

  test('livez is about the process, readyz about the data', async () => {
    const { url } = await start();
    expect((await fetch(`${url}/livez`)).status).toBe(200);
    expect((await fetch(`${url}/readyz`)).status).toBe(200);
  });
});

describe('the stream', () => {
  test('a replayed frame reaches a client digit for digit', async () => {
    const node = await start();
    const { next } = await connect(`ws://127.0.0.1:${node.port}/ws/exchange`);
    const report = await replay([
      upbitMarkets,
      upbitTrade('17900000004170001', '9.1234E7'),
      upbitTrade('17900000004170000', '91234000.0'),
    ]);
    expect(report).toMatchObject({ records: 3, data: 2, rejected: 0, marketLists: 1, instruments: 1 });
    const batch = await next(message => message.type === 'batch' && message.events.length === 2);
    expect(batch).toMatchObject({
      events: [
        {
          type: 'trade',
          symbol: 'BTC/KRW',
          id: '17900000004170001',
          price: '91234000',
          size: '0.00079276',
          takerSide: 'buy',
        },
        { type: 'trade', id: '17900000004170000', price: '91234000' },
      ],
    });
  });

  test('a record that is none is reported and its neighbours are replayed', async () => {
    await start();
    const report = await replay([
      { exchange: 'mtgox', channel: 'trade', direction: 'recv', raw: '{}' },
      upbitMarkets,
      upbitTrade('1', '1'),
    ]);
    expect(report).toMatchObject({
      data: 1,
      faults: 1,
      faultSamples: [`record 1: exchange "mtgox" is not one of ${EXCHANGES.join(', ')}`],
    });
  });

  test('[RES1] a position in the address resumes; one that is no position is refused before the session', async () => {
    const node = await start();
    const base = `ws://127.0.0.1:${node.port}/ws/exchange`;
    await replay([upbitMarkets, upbitTrade('1', '1'), upbitTrade('2', '2')]);
    await expect.poll(() => node.log.position.offset).toBe(2);
    const { next } = await connect(`${base}?epoch=${node.log.position.epoch}&offset=1`);
    expect(await next(message => message.type === 'batch')).toMatchObject({ next: 3 });
    await expect(connect(`${base}?epoch=1`)).rejects.toThrow('400');
    await expect(connect(`${base}?cut=half`)).rejects.toThrow('400');
    await expect(connect(`ws://127.0.0.1:${node.port}/ws/kafka`)).rejects.toThrow('503');
    await expect(connect(`ws://127.0.0.1:${node.port}/elsewhere`)).rejects.toThrow('404');
  });

  test('anything but a ping is answered by closing with a code', async () => {
    const node = await start();
    const { socket } = await connect(`ws://127.0.0.1:${node.port}/ws/exchange`);
    const closed = new Promise(resolve => socket.once('close', resolve));
    socket.send('{"subscribe":["BTC/KRW"]}');
    expect(await closed).toBe(4100);
    expect(node.sessions.unexpectedMessages).toBe(1);
  });

  test('a message that is too large ends the session', async () => {
    const node = await start();
    const { socket } = await connect(`ws://127.0.0.1:${node.port}/ws/exchange`);
    const closed = new Promise(resolve => socket.once('close', resolve));
    socket.send('x'.repeat(100_000));
    expect(await closed).toBe(1009);
  });

  test('a stop tells the clients to reconnect', async () => {
    const node = await start();
    const { socket } = await connect(`ws://127.0.0.1:${node.port}/ws/exchange`);
    const closed = new Promise(resolve => socket.once('close', resolve));
    await node.stop();
    expect(await closed).toBe(1001);
  });
});

describe('access', () => {
  test('with a token set, streams and their APIs ask for it; probes do not', async () => {
    const node = await start({ streamToken: 'let me in' });
    expect((await fetch(`${node.url}/api/snapshot`)).status).toBe(401);
    expect((await fetch(`${node.url}/api/snapshot`, { headers: { authorization: 'Bearer let me in' } })).status).toBe(
      200,
    );
    expect((await fetch(`${node.url}/livez`)).status).toBe(200);
    const address = `ws://127.0.0.1:${node.port}/ws/exchange`;
    await expect(connect(address)).rejects.toThrow('401');
    await expect(connect(`${address}?token=wrong`)).rejects.toThrow('401');
    const { next } = await connect(`${address}?token=let%20me%20in`);
    expect(await next(message => message.type === 'hello')).toBeDefined();
  });

  test('pages of other origins are refused where origins are named', async () => {
    const node = await start({ allowedOrigins: ['https://good.example'] });
    const address = `ws://127.0.0.1:${node.port}/ws/exchange`;
    await expect(connect(address, { origin: 'https://evil.example' })).rejects.toThrow('403');
    await connect(address, { origin: 'https://good.example' });
    await connect(address);
    const page = await fetch(`${node.url}/ws/info`, { headers: { origin: 'https://good.example' } });
    expect(page.headers.get('access-control-allow-origin')).toBe('https://good.example');
  });
});

describe('a start that cannot work says why in a line', () => {
  test('the port is in use', async () => {
    const node = await start();
    const other = await mkdtemp(join(tmpdir(), 'node-'));
    stops.push(() => rm(other, { recursive: true }));
    await expect(start({ ingestPort: node.port, dataDir: other })).rejects.toThrow(
      `port ${node.port} is in use by another program; set INGEST_PORT to a free one`,
    );
  });

  test('another node uses the data folder', async () => {
    await start();
    await expect(start()).rejects.toThrow(`another node runs with the data folder ${dataDir}; set DATA_DIR`);
  });

  test('the control socket is for its owner only, and what a crash left behind does not matter', async () => {
    const node = await start();
    expect((await stat(controlSocketPath(dataDir))).mode & 0o777).toBe(0o600);
    await node.stop();
    await start();
  });
});

test('a restarted node knows the markets even while the exchange cannot be asked', async () => {
  const simulator = await startSimulator({ port: 0, instruments: 12 });
  stops.push(() => simulator.stop());
  const exchanges = ['upbit'] as const;
  const listed = async ({ url }: IngestNode) => {
    const answer = await fetch(`${url}/api/instruments?exchange=upbit`);
    return ((await answer.json()) as { instruments: { koreanName: string }[] }).instruments;
  };
  const first = await start({ exchanges, exchangeSimulatorUrl: simulator.url });
  await expect.poll(() => listed(first)).not.toEqual([]);
  const known = await listed(first);
  await first.stop();
  const second = await start({ exchanges, exchangeSimulatorUrl: 'http://127.0.0.1:1' });
  await expect.poll(async () => (await listed(second)).length).toBe(known.length);
  expect(await listed(second)).toEqual(expect.arrayContaining([expect.objectContaining({ koreanName: '비트코인' })]));
});

test('[EPO2] a restarted node goes up', async () => {
  const first = await start();
  const { epoch } = first.log.position;
  await first.stop();
  const second = await start();
  expect(second.log.position.epoch).toBeGreaterThan(epoch);
});

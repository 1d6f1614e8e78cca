/** What a client can do to the gateway that reads slowly, writes slowly, never ends, or comes too often. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterEach, expect, test, vi } from 'vitest';
import { systemClock } from '../../shared/base/clock.ts';
import { silentLogger } from '../operations/logger.ts';
import { createGatewayToken, type Gateway, startGateway } from './gateway.ts';
import { GATEWAY_LIMITS, type GatewayLimits } from './gateway-server.ts';
import { MemoryStore } from './memory-store.ts';
import { STREAM_SCRIPTS } from './stream-scripts.ts';
import { ask, listen, upstashClient, workerClient } from './testing/rest-clients.ts';

let gateway: Gateway;
let store: MemoryStore;
const sockets: Socket[] = [];

async function begin(limits: Partial<GatewayLimits> = {}): Promise<void> {
  store = new MemoryStore({ clock: systemClock, scripts: STREAM_SCRIPTS });
  gateway = await startGateway({
    store,
    port: 0,
    token: null,
    logger: silentLogger,
    limits: { ...GATEWAY_LIMITS, ...limits },
  });
}

/** A socket that has written `text` and reads nothing. */
async function silentSocket(text: string): Promise<Socket> {
  const socket = connect(gateway.port, '127.0.0.1');
  sockets.push(socket);
  socket.pause();
  socket.on('error', () => {});
  await once(socket, 'connect');
  socket.write(text);
  return socket;
}

const head = (requestLine: string, ...headers: readonly string[]) =>
  [requestLine, 'Host: gateway', `Authorization: Bearer ${gateway.token}`, ...headers, '', ''].join('\r\n');

/** Resolves with everything that still came, when the other side has closed the socket. */
async function closed(socket: Socket): Promise<string> {
  let text = '';
  socket.on('data', chunk => {
    text += chunk;
  });
  socket.resume();
  if (!socket.closed) await new Promise(resolve => socket.once('close', resolve));
  return text;
}

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await gateway.stop();
});

test('a subscriber that does not read is cut, and costs the others nothing', async () => {
  await begin({ maxWaitingBytes: 200_000 });
  const reader = await listen(workerClient(gateway), 'prices');
  const sleeper = await silentSocket(head('GET /subscribe/prices HTTP/1.1'));
  await vi.waitUntil(() => gateway.counts.subscribers === 2);
  const message = 'x'.repeat(100_000);
  // What the system takes for a sleeper is not ours to bound; it is a few megabytes.
  let sent = 0;
  for (; gateway.counts.cutSubscribers === 0 && sent < 500; sent++) {
    store.execute(['PUBLISH', 'prices', message]);
    await reader.until(sent + 1);
  }
  expect(gateway.counts).toMatchObject({ cutSubscribers: 1, subscribers: 1 });
  store.execute(['PUBLISH', 'prices', 'last']);
  await reader.until(sent + 1);
  expect(reader.messages.at(-1)).toBe('last');
  expect(reader.messages).toHaveLength(sent + 1);
  const received = await closed(sleeper);
  expect(received.length).toBeLessThan(sent * message.length);
  await reader.leave();
});

test('a message longer than what the client can take is left out and counted', async () => {
  await begin({ maxLineBytes: 1000 });
  const reader = await listen(workerClient(gateway), 'prices');
  for (const text of ['before', 'x'.repeat(1001), 'after']) store.execute(['PUBLISH', 'prices', text]);
  await reader.until(2);
  expect(reader.messages).toEqual(['before', 'after']);
  expect(gateway.counts.oversizedMessages).toBe(1);
  await reader.leave();
});

test('the longest line allowed reaches the client, whose own limit is a megabyte', async () => {
  await begin();
  const reader = await listen(workerClient(gateway), 'prices');
  const longest = 'x'.repeat(GATEWAY_LIMITS.maxLineBytes - 'message,prices'.length);
  for (const text of [longest, 'after']) store.execute(['PUBLISH', 'prices', text]);
  await reader.until(2);
  expect(reader.messages[0] === longest).toBe(true);
  expect(reader.messages[1]).toBe('after');
  await reader.leave();
});

test.each([
  ['a request line', () => 'POST / HT'],
  ['headers', () => head('POST / HTTP/1.1').slice(0, -2)],
  ['a body', () => `${head('POST / HTTP/1.1', 'Content-Length: 100')}["GET"`],
  ['an endless body', () => `${head('POST / HTTP/1.1', 'Transfer-Encoding: chunked')}5\r\n["GET\r\n`],
])('half of %s is not waited for', async (_, half) => {
  await begin({ maxTransferMs: 300 });
  const socket = await silentSocket(half());
  await closed(socket);
  expect(await upstashClient(gateway).ping()).toBe('PONG');
});

test('an answer that nobody reads is given up', async () => {
  await begin({ maxTransferMs: 300 });
  store.execute(['SET', 'text', 'x'.repeat(9_000_000)]);
  const body = JSON.stringify(['MGET', ...Array.from({ length: 4 }, () => 'text')]);
  const socket = await silentSocket(`${head('POST / HTTP/1.1', `Content-Length: ${body.length}`)}${body}`);
  await vi.waitUntil(() => gateway.counts.abandonedAnswers === 1, { timeout: 5_000 });
  const received = await closed(socket);
  expect(received.length).toBeLessThan(36_000_000);
});

test('a body that never ends is cut off, whatever length it tells', async () => {
  await begin({ maxBodyBytes: 100_000 });
  const socket = await silentSocket(head('POST / HTTP/1.1', 'Content-Length: 999999999'));
  const ended = closed(socket);
  const feed = () => {
    while (!socket.destroyed && socket.write('x'.repeat(50_000)));
  };
  socket.on('drain', feed);
  feed();
  await ended;
  expect(await upstashClient(gateway).ping()).toBe('PONG');
});

test('a client that goes in the middle of its request or its stream leaves nothing behind', async () => {
  await begin();
  const half = await silentSocket(`${head('POST / HTTP/1.1', 'Content-Length: 100')}["SET"`);
  const stream = await silentSocket(head('GET /subscribe/prices HTTP/1.1'));
  await vi.waitUntil(() => gateway.counts.subscribers === 1);
  half.destroy();
  stream.resetAndDestroy();
  await vi.waitUntil(() => gateway.counts.subscribers === 0);
  expect(store.execute(['PUBLISH', 'prices', 'x'])).toBe(0);
  expect(await upstashClient(gateway).ping()).toBe('PONG');
});

test('requests sent without waiting for answers are answered in their order', async () => {
  await begin();
  const request = (command: readonly string[]) => {
    const body = JSON.stringify(command);
    return `${head('POST / HTTP/1.1', `Content-Length: ${body.length}`)}${body}`;
  };
  const texts = Array.from({ length: 50 }, (_, index) => `${index}`);
  const socket = await silentSocket(texts.map(text => request(['ECHO', text])).join(''));
  let received = '';
  socket.on('data', chunk => {
    received += chunk;
  });
  socket.resume();
  await vi.waitUntil(() => received.split('"result"').length === 51);
  expect([...received.matchAll(/"result":"(\d+)"/g)].map(match => match[1])).toEqual(texts);
});

test('one subscriber more than allowed gets 429, one connection more none at all', async () => {
  await begin({ maxSubscribers: 1, maxConnections: 3 });
  const reader = await listen(workerClient(gateway), 'prices');
  expect(await ask(gateway, '/subscribe/other')).toMatchObject({ status: 429 });
  for (let count = 0; count < 2; count++) await silentSocket('');
  const refused = await silentSocket('');
  await closed(refused);
  expect(gateway.counts.refusedConnections).toBeGreaterThan(0);
  await reader.leave();
});

test('the memory refuses what would be more than it may hold, and takes it again when there is room', async () => {
  const small = new MemoryStore({ clock: systemClock, scripts: STREAM_SCRIPTS, maxBytes: 10_000 });
  await begin();
  expect(small.execute(['SET', 'a', 'x'.repeat(20_000)])).toBe('OK');
  expect(String(small.execute(['SET', 'b', 'y']))).toContain('OOM command not allowed');
  expect(small.execute(['DEL', 'a'])).toBe(1);
  expect(small.execute(['SET', 'b', 'y'])).toBe('OK');
});

test('messages reach everybody in the order of publishing, also when one publishes while hearing one', async () => {
  await begin();
  const heard: string[] = [];
  const subscriber = (name: string, then: (text: string) => void) => ({
    onMessage: (_: string | Buffer, payload: string | Buffer) => {
      heard.push(`${name}:${payload}`);
      then(payload.toString());
    },
    onLost: () => {},
  });
  const answer = (text: string) => {
    if (text === 'question') store.execute(['PUBLISH', 'talk', 'answer']);
  };
  store.listen('channel', 'talk', subscriber('one', answer));
  store.listen(
    'channel',
    'talk',
    subscriber('two', () => {}),
  );
  store.execute(['PUBLISH', 'talk', 'question']);
  expect(heard).toEqual(['one:question', 'two:question', 'one:answer', 'two:answer']);
});

test('without a token of the operator only this machine reaches it, and nobody knows the token', async () => {
  const lines: string[] = [];
  const note = (details: object, message: string) => lines.push(JSON.stringify(details) + message);
  const logger = { error: note, warn: note, info: note, debug: note };
  await begin();
  const [one, two] = (await Promise.all([0, 1].map(() => startGateway({ store, port: 0, token: null, logger })))) as [
    Gateway,
    Gateway,
  ];
  expect(one.token).not.toBe(two.token);
  expect(one.token.length).toBeGreaterThanOrEqual(32);
  await expect(ask(two, '/get/x', { token: one.token })).resolves.toMatchObject({ status: 401 });
  expect(lines.join()).not.toContain(one.token);
  expect(one.health()).toMatchObject({ name: 'gateway', enabled: true, state: 'up', lastError: null });
  await expect(startGateway({ store, port: one.port, token: createGatewayToken(), logger })).rejects.toThrow(
    `port ${one.port} is in use by another program; set GATEWAY_PORT to a free one`,
  );
  await expect(startGateway({ store, port: 0, token: '', logger })).rejects.toThrow('needs a token');
  await Promise.all([one.stop(), two.stop()]);
});

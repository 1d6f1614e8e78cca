import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterEach, expect, test } from 'vitest';
import { systemClock } from '../../shared/base/clock.ts';
import { ManualClock } from '../../shared/base/testing/manual-clock.ts';
import { Away } from './away.ts';
import { RestClient } from './rest-client.ts';

let server: Server | null = null;
let requests = 0;

afterEach(() => {
  server?.closeAllConnections();
  server?.close();
  server = null;
  requests = 0;
});

async function serve(answer: (response: ServerResponse, headers: NodeJS.Dict<string | string[]>) => void) {
  const started = createServer((request, response) => {
    requests++;
    answer(response, request.headers);
  });
  server = started;
  started.listen(0, '127.0.0.1');
  await once(started, 'listening');
  return `http://127.0.0.1:${(started.address() as AddressInfo).port}/list`;
}

const client = (clock = systemClock) => new RestClient({ clock, fetch });
const never = () => new AbortController().signal;

test('a body comes as bytes, decompressed; no Origin header is sent', async () => {
  let sent: NodeJS.Dict<string | string[]> = {};
  const url = await serve((response, headers) => {
    sent = headers;
    response.setHeader('content-encoding', 'gzip').end(gzipSync('[1]'));
  });
  const answer = await client().get(url, never());
  expect(answer.ok && new TextDecoder().decode(answer.body)).toBe('[1]');
  expect(sent).not.toHaveProperty('origin');
});

test('an empty body is a body', async () => {
  const answer = await client().get(await serve(response => response.end()), never());
  expect(answer.ok && answer.body.byteLength).toBe(0);
});

test('a status is a reason in plain words', async () => {
  const url = await serve(response => response.writeHead(503).end('<html>'));
  expect(await client().get(url, never())).toEqual({
    ok: false,
    reason: `HTTP 503 Service Unavailable from ${new URL(url).host}`,
    status: 503,
    pauseMs: 0,
  });
});

test('a redirect is not followed', async () => {
  const url = await serve(response => response.writeHead(302, { location: '/elsewhere' }).end());
  const answer = await client().get(url, never());
  expect(answer).toMatchObject({ ok: false, status: 302, reason: expect.stringContaining('not followed') });
  expect(requests).toBe(1);
});

test('while the exchange wants us away, nothing is sent', async () => {
  const clock = new ManualClock();
  const url = await serve(response => response.writeHead(429, { 'retry-after': '5' }).end());
  const rest = client(clock);
  expect(await rest.get(url, never())).toMatchObject({ ok: false, status: 429, pauseMs: 5_000 });
  await clock.advanceAndSettle(4_000);
  expect(await rest.get(url, never())).toEqual({
    ok: false,
    reason: 'staying away for 1 s because the exchange asked for it',
    status: null,
    pauseMs: 1_000,
  });
  expect(requests).toBe(1);
  await clock.advanceAndSettle(1_000);
  await rest.get(url, never());
  expect(requests).toBe(2);
});

test('too many requests of one kind hold up that kind; a block holds up all, sockets by what it is about', async () => {
  const clock = new ManualClock();
  let status = 429;
  const url = await serve(response => response.writeHead(status, { 'retry-after': '5' }).end());
  const away = new Away({ clock, shutOutBy: [418] });
  const rest = new RestClient({ clock, fetch, away });
  await rest.get(url, never(), 'trades');
  expect(await rest.get(url, never(), 'trades')).toMatchObject({ status: null, pauseMs: 5_000 });
  expect([requests, away.heldForMs('webSocket')]).toEqual([1, 0]);
  for (const [next, socketsMs] of [
    [403, 0],
    [418, 5_000],
  ] as const) {
    status = next;
    expect(await rest.get(url, never(), 'market')).toMatchObject({ status, pauseMs: 5_000 });
    for (const group of ['market', 'trades', 'other']) {
      expect(await rest.get(url, never(), group)).toMatchObject({ status: null, pauseMs: 5_000 });
    }
    expect(away.heldForMs('webSocket')).toBe(socketsMs);
    await clock.advanceAndSettle(5_000);
  }
  expect(requests).toBe(3);
});

test.each([
  ['Blocked for 900 seconds', {}, 900_000],
  ['Blocked for 900 seconds', { 'retry-after': '1000' }, 1_000_000],
  ['no word of it', {}, 600_000],
  [`${'x'.repeat(5_000)} 900 seconds`, {}, 600_000],
])('a block lasts as long as its body says: %#', async (body, headers, pauseMs) => {
  const clock = new ManualClock();
  const url = await serve(response => response.writeHead(418, headers).end(body));
  const blockTimeIn = (text: string) => (text.includes('900 seconds') ? 900_000 : null);
  const rest = new RestClient({ clock, fetch, blockTimeIn });
  expect(await rest.get(url, never())).toMatchObject({ status: 418, pauseMs });
  expect(await rest.get(url, never())).toMatchObject({ status: null, pauseMs });
});

test('a block whose body never ends is one all the same', async () => {
  const url = await serve(response => response.writeHead(418).write('x'.repeat(4_096)));
  const rest = new RestClient({ clock: systemClock, fetch, blockTimeIn: ({ length }) => length });
  expect(await rest.get(url, never())).toMatchObject({ status: 418, pauseMs: 4_096 });
});

test('an answer that never ends is cut at 32 MiB', async () => {
  const chunk = Buffer.alloc(1024 * 1024);
  let written = 0;
  const url = await serve(response => {
    const write = () => {
      while (!response.destroyed && response.write(chunk)) written++;
    };
    response.on('drain', write);
    write();
  });
  expect(await client().get(url, never())).toMatchObject({ ok: false, reason: expect.stringContaining('32 MiB') });
  expect(written).toBeLessThan(64);
});

test('who does not answer within ten seconds is given up', async () => {
  const clock = new ManualClock();
  let asked = () => {};
  const isAsked = new Promise<void>(resolve => {
    asked = resolve;
  });
  const url = await serve(() => asked());
  const answer = client(clock).get(url, never());
  await isAsked;
  await clock.advanceAndSettle(10_000);
  expect(await answer).toMatchObject({
    ok: false,
    reason: expect.stringMatching(/^cannot reach .*: no answer within 10 s$/),
  });
  expect(clock.pending).toBe(0);
});

test('who stops in the middle of the body is given up too', async () => {
  const clock = new ManualClock();
  let begun = () => {};
  const hasBegun = new Promise<void>(resolve => {
    begun = resolve;
  });
  const url = await serve(response => response.write('[', () => begun()));
  const answer = client(clock).get(url, never());
  await hasBegun;
  await clock.advanceAndSettle(10_000);
  expect(await answer).toMatchObject({ ok: false, reason: expect.stringContaining('no answer within 10 s') });
});

test('a name or port that nobody answers on is a reason', async () => {
  const url = await serve(() => {});
  await new Promise(resolve => server?.close(resolve));
  expect(await client().get(url, never())).toEqual({
    ok: false,
    reason: `cannot reach 127.0.0.1:${new URL(url).port}: connection refused (ECONNREFUSED)`,
    status: null,
    pauseMs: 0,
  });
});

test('a broken connection is a reason', async () => {
  const url = await serve(response => response.destroy());
  expect(await client().get(url, never())).toMatchObject({ ok: false, reason: expect.stringMatching(/^cannot reach/) });
});

test('a request may be called off', async () => {
  const controller = new AbortController();
  const url = await serve(() => controller.abort());
  expect(await client().get(url, controller.signal)).toMatchObject({ ok: false, reason: 'stopped' });
});

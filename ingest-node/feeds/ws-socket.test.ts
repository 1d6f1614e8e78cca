/** The real socket against a real server on this machine: what fakes cannot prove. Waits for events, never for time. */
import dns from 'node:dns';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo, Socket as TcpSocket } from 'node:net';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { type WebSocket, WebSocketServer } from 'ws';
import { type Clock, systemClock } from '../../shared/base/clock.ts';
import { Feed, type FeedReport } from './feed.ts';
import { ConnectLimiter } from './rate-limit.ts';
import type { SocketEnd } from './socket.ts';
import { fakeAdapter, instruments, meaningOf } from './testing/fake-exchange.ts';
import { createWsDial } from './ws-socket.ts';

let http: Server;
let exchange: WebSocketServer;
let url: string;
let tcp: Set<TcpSocket>;

beforeEach(async () => {
  http = createServer();
  tcp = new Set();
  http.on('connection', socket => {
    tcp.add(socket);
    socket.on('close', () => tcp.delete(socket));
  });
  exchange = new WebSocketServer({ server: http, perMessageDeflate: true });
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  url = `ws://127.0.0.1:${(http.address() as AddressInfo).port}/websocket/v1`;
});

afterEach(async () => {
  for (const socket of tcp) socket.destroy();
  exchange.close();
  if (http.listening) await new Promise(resolve => http.close(resolve));
});

/** The server's end of the next connection. */
async function accepted(): Promise<[WebSocket, IncomingMessage]> {
  return (await once(exchange, 'connection')) as [WebSocket, IncomingMessage];
}

/** A dialled socket and what it hears. */
function dial(target = url, compression = false) {
  const frames: string[] = [];
  const opened = Promise.withResolvers<void>();
  const framed = Promise.withResolvers<Uint8Array>();
  const pinged = Promise.withResolvers<Uint8Array>();
  const signed = Promise.withResolvers<void>();
  const ended = Promise.withResolvers<SocketEnd>();
  let ends = 0;
  const socket = createWsDial({ compression })(target, {
    onOpen: opened.resolve,
    onFrame: bytes => {
      frames.push(new TextDecoder().decode(bytes));
      framed.resolve(bytes);
    },
    onPing: payload => pinged.resolve(payload),
    onPong: () => signed.resolve(),
    onEnd: end => {
      ends++;
      ended.resolve(end);
    },
  });
  return {
    socket,
    frames,
    opened: opened.promise,
    framed: framed.promise,
    pinged: pinged.promise,
    signed: signed.promise,
    ended: ended.promise,
    ends: () => ends,
  };
}

describe('the handshake', () => {
  test('sends no Origin header and no header twice, and offers no compression', async () => {
    const client = dial();
    const [, request] = await accepted();
    expect(request.headers).not.toHaveProperty('origin');
    expect(request.headers).not.toHaveProperty('sec-websocket-extensions');
    const names = request.rawHeaders.filter((_text, index) => index % 2 === 0).map(name => name.toLowerCase());
    expect(new Set(names).size).toBe(names.length);
    client.socket.terminate();
    await client.ended;
  });

  test('offers compression when it is wanted', async () => {
    const client = dial(url, true);
    const [server, request] = await accepted();
    expect(request.headers['sec-websocket-extensions']).toMatch(/^permessage-deflate/);
    server.send('x'.repeat(100_000));
    expect((await client.framed).byteLength).toBe(100_000);
    client.socket.terminate();
    await client.ended;
  });

  test.each([
    ['Blocked for 90 seconds', true, 'Blocked for 90 seconds'],
    ['x'.repeat(9_000), true, 'x'.repeat(4_096)],
    ['x'.repeat(4_096), false, 'x'.repeat(4_096)],
    ['', true, ''],
  ])('the opening of what a block says is read: %#', async (words, isEnded, body) => {
    http.removeAllListeners('upgrade');
    http.on('upgrade', (_request, socket) => {
      socket.on('error', () => {});
      socket.write(`HTTP/1.1 418 Blocked\r\nContent-Length: 9000\r\n\r\n${words}`);
      if (isEnded) socket.end();
    });
    const client = dial();
    expect(await client.ended).toEqual({ kind: 'refused', status: 418, retryAfter: null, body });
    expect(client.ends()).toBe(1);
  });

  test.each([429, 403, 502, 302, 200])('HTTP %i instead of an upgrade is a refusal', async status => {
    http.removeAllListeners('upgrade');
    http.on('upgrade', (_request, socket) => {
      socket.end(`HTTP/1.1 ${status} No\r\nRetry-After: 7\r\nLocation: ws://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n`);
    });
    const client = dial();
    expect(await client.ended).toEqual({ kind: 'refused', status, retryAfter: '7' });
    expect(client.ends()).toBe(1);
  });

  test('a port nobody listens on', async () => {
    exchange.close();
    await new Promise(resolve => http.close(resolve));
    expect(await dial().ended).toMatchObject({ kind: 'failed', code: 'ECONNREFUSED' });
  });

  test('a server that hangs up instead of answering', async () => {
    http.removeAllListeners('upgrade');
    http.on('upgrade', (_request, socket) => socket.destroy());
    expect(await dial().ended).toMatchObject({ kind: 'failed', code: 'ECONNRESET' });
  });

  test('terminating while dialling ends it', async () => {
    const client = dial();
    client.socket.send('too early');
    client.socket.ping('');
    client.socket.terminate();
    expect(await client.ended).toMatchObject({ kind: 'failed' });
    expect(client.ends()).toBe(1);
  });
});

describe('frames', () => {
  test('text and binary come alike, as bytes', async () => {
    const client = dial();
    const [server] = await accepted();
    server.send('{"a":"비트코인"}');
    server.send(Buffer.from('{"b":1}'), { binary: true });
    server.close(1000);
    await client.ended;
    expect(client.frames).toEqual(['{"a":"비트코인"}', '{"b":1}']);
    expect(await client.framed).toBeInstanceOf(Uint8Array);
  });

  test('text that is no UTF-8 is handed over: it costs a rejection, not the socket', async () => {
    const client = dial();
    const [server] = await accepted();
    server.send(Buffer.from([0xff, 0xfe]), { binary: false });
    expect(await client.framed).toEqual(Buffer.from([0xff, 0xfe]));
    client.socket.terminate();
    await client.ended;
  });

  test('what we send arrives as text', async () => {
    const client = dial();
    const [server] = await accepted();
    await client.opened;
    client.socket.send('PING');
    const [data, isBinary] = await once(server, 'message');
    expect([String(data), isBinary]).toEqual(['PING', false]);
    client.socket.terminate();
    await client.ended;
  });

  test.each([false, true])('a frame of more than 4 MiB ends the connection (compressed: %s)', async compressed => {
    const client = dial(url, compressed);
    const [server] = await accepted();
    server.on('error', () => {});
    server.send(Buffer.alloc(4 * 1024 * 1024 + 1));
    expect(await client.ended).toMatchObject({ kind: 'failed', code: 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH' });
    expect(client.frames).toEqual([]);
  });

  test('a ping of the server is handed over, and answered when its owner says so, with its payload', async () => {
    const client = dial();
    const [server] = await accepted();
    const answers: string[] = [];
    server.on('pong', payload => answers.push(String(payload)));
    server.ping('1785397735004');
    const payload = await client.pinged;
    client.socket.send('not answered yet');
    await once(server, 'message');
    expect(answers).toEqual([]);
    client.socket.pong(payload);
    client.socket.send('answered');
    await once(server, 'message');
    expect(answers).toEqual(['1785397735004']);
    client.socket.terminate();
    await client.ended;
  });

  test('the answer to our ping is a sign of life', async () => {
    const client = dial();
    await client.opened;
    client.socket.ping('');
    await client.signed;
    client.socket.terminate();
    await client.ended;
  });
});

describe('the end', () => {
  test('a close frame brings its code and reason', async () => {
    const client = dial();
    const [server] = await accepted();
    server.close(1008, 'Too many requests');
    expect(await client.ended).toEqual({ kind: 'closed', code: 1008, reason: 'Too many requests' });
  });

  test('a dropped TCP connection is 1006', async () => {
    const client = dial();
    const [server] = await accepted();
    await client.opened;
    server.terminate();
    expect(await client.ended).toMatchObject({ kind: 'closed', code: 1006 });
  });

  test('bytes that are no WebSocket frame are a failure', async () => {
    const client = dial();
    await accepted();
    await client.opened;
    for (const socket of tcp) socket.write('HTTP/1.1 400 Bad Request\r\n\r\n');
    expect(await client.ended).toMatchObject({
      kind: 'failed',
      detail: expect.stringContaining('Invalid WebSocket frame'),
    });
  });

  test('a polite close is answered', async () => {
    const client = dial();
    const [server] = await accepted();
    await client.opened;
    client.socket.close();
    const [code] = await once(server, 'close');
    expect(code).toBe(1000);
    expect(await client.ended).toMatchObject({ kind: 'closed', code: 1000 });
  });
});

type Told = (error: Error | null, address: string | dns.LookupAddress[], family?: number) => void;

describe('a feed on real sockets', () => {
  /** Real time, but twenty times as fast where a feed waits: ten seconds of silence take half a second. */
  const HURRY = 20;
  const hurried: Clock = {
    now: () => systemClock.now(),
    monotonic: () => systemClock.monotonic() * HURRY,
    setTimer: (ms, fire) => systemClock.setTimer(ms / HURRY, fire),
  };

  function makeFeed(target = url) {
    const told: FeedReport[] = [];
    const waiters: (() => void)[] = [];
    const frames: string[] = [];
    const feed = new Feed({
      key: 'upbit-0',
      url: target,
      adapter: fakeAdapter({ heartbeat: { silenceLimitMs: 10_000 } }),
      instruments: instruments(2),
      limiter: new ConnectLimiter({ count: 100, windowMs: 1_000 }, hurried),
      dial: createWsDial({ compression: false }),
      clock: hurried,
      random: () => 0.5,
      onFrame: (bytes, receivedTime) => {
        expect(Math.abs(receivedTime - Date.now())).toBeLessThan(1_000);
        frames.push(new TextDecoder().decode(bytes));
        return meaningOf(frames.at(-1) ?? '');
      },
      onState: report => {
        told.push(report);
        for (const waiter of waiters.splice(0)) waiter();
      },
    });
    const until = async (state: FeedReport['state']): Promise<FeedReport> => {
      for (;;) {
        const report = told.shift();
        if (report?.state === state) return report;
        if (report === undefined) await new Promise<void>(resolve => waiters.push(resolve));
      }
    };
    return { feed, frames, until };
  }

  test('subscribes, goes live, and comes back after a drop', async () => {
    const { feed, frames, until } = makeFeed();
    feed.start();
    const [first] = await accepted();
    expect(String((await once(first, 'message'))[0])).toBe('subscribe KRW-C0000,KRW-C0001');
    first.send('data 1');
    await until('live');
    const again = accepted();
    first.terminate();
    expect((await until('down')).reason).toMatch(/^connection to 127\.0\.0\.1:\d+ lost without a goodbye \(1006\)$/);
    const [second] = await again;
    second.send(Buffer.from('data 2'));
    await until('live');
    expect(frames).toEqual(['data 1', 'data 2']);
    await feed.stop();
  });

  test('a half-open connection is found by its silence and terminated', async () => {
    const { feed, until } = makeFeed();
    feed.start();
    const [server] = await accepted();
    server.send('data');
    await until('live');
    // From here on the exchange reads nothing and says nothing, and its system keeps the connection.
    for (const socket of tcp) socket.pause();
    const gone = Promise.all([...tcp].map(socket => once(socket, 'close')));
    const again = accepted();
    expect((await until('down')).reason).toMatch(/^silent for 1\d(\.\d)? s$/);
    await again;
    for (const socket of tcp) socket.resume();
    await gone;
    await feed.stop();
  });

  // Elsewhere a machine has one loopback address.
  test.runIf(process.platform === 'linux')(
    'an exchange that moves to another address is found there: its name is looked up at every dial',
    async () => {
      const port = new URL(url).port;
      const moved = createServer();
      const there = new WebSocketServer({ server: moved });
      moved.listen(Number(port), '127.0.0.2');
      await once(moved, 'listening');
      let address = '127.0.0.1';
      const lookup = vi.spyOn(dns, 'lookup').mockImplementation(((_name: string, options: object, told: Told) => {
        if ('all' in options && options.all) told(null, [{ address, family: 4 }]);
        else told(null, address, 4);
      }) as typeof dns.lookup);
      try {
        const { feed } = makeFeed(`ws://exchange.invalid:${port}/websocket/v1`);
        feed.start();
        const [here] = await accepted();
        address = '127.0.0.2';
        here.terminate();
        await once(there, 'connection');
        expect(lookup).toHaveBeenCalledTimes(2);
        await feed.stop();
      } finally {
        lookup.mockRestore();
        for (const client of there.clients) client.terminate();
        there.close();
        moved.close();
      }
    },
  );

  test('a refused upgrade is told in plain words', async () => {
    http.removeAllListeners('upgrade');
    http.on('upgrade', (_request, socket) => socket.end('HTTP/1.1 429 Too Many Requests\r\nRetry-After: 600\r\n\r\n'));
    const { feed, until } = makeFeed();
    feed.start();
    expect((await until('down')).reason).toBe(`HTTP 429 Too Many Requests from ${new URL(url).host}`);
    await feed.stop();
  });

  test('a close for breaking a rule is told with its words', async () => {
    const { feed, until } = makeFeed();
    feed.start();
    const [server] = await accepted();
    server.close(1008, 'Too many requests');
    expect((await until('down')).reason).toBe('closed by the exchange (1008 Too many requests)');
    await feed.stop();
  });

  test('stop leaves nothing open, even with a server that never answers the goodbye', async () => {
    const { feed, until } = makeFeed();
    feed.start();
    const [server] = await accepted();
    server.send('data');
    await until('live');
    for (const socket of tcp) socket.pause();
    const gone = Promise.all([...tcp].map(socket => once(socket, 'close')));
    await feed.stop();
    for (const socket of tcp) socket.resume();
    await gone;
    expect(tcp.size).toBe(0);
  });
});

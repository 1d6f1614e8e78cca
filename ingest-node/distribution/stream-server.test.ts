import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { type ClientOptions, WebSocket } from 'ws';
import { systemClock } from '../../shared/base/clock.ts';
import { numberedTrade, quote } from '../../shared/model/testing/market-events.ts';
import { type StreamHarness, streamSuite, untilInRealTime } from '../../shared/stream/stream.suite.ts';
import { StreamLog } from '../../shared/stream/stream-log.ts';
import { Publisher } from '../../shared/stream/testing/publisher.ts';
import { WebSocketSource } from '../../shared/stream/websocket-source.ts';
import type { Batch, ServerMessage } from '../../shared/wire/messages.ts';
import { DEFAULT_SESSION_BOUNDS, type SessionBounds } from './session.ts';
import { SessionRegistry } from './session-registry.ts';
import { StreamServer, type StreamServerOptions } from './stream-server.ts';

/** The real server of a node over a log that a test writes. */
async function serve(
  bounds: SessionBounds = DEFAULT_SESSION_BOUNDS,
  options: Pick<StreamServerOptions, 'pingIntervalMs' | 'deadAfterMs'> = {},
) {
  const publisher = new Publisher(new StreamLog(), () => systemClock.monotonic());
  const sessions = new SessionRegistry({ server: 'node-1', log: publisher.log, clock: systemClock, bounds });
  sessions.setUpstream('live');
  const streams = new StreamServer({ sessions, refuse: () => null, maxSessionsPerAddress: 3, ...options });
  const http = createServer();
  const sockets = new Set<Socket>();
  http.on('connection', socket => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  http.on('upgrade', (request, socket, head) => streams.upgrade(request, socket, head));
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  const url = `ws://127.0.0.1:${(http.address() as AddressInfo).port}/ws/exchange`;
  const cut = () => {
    for (const socket of sockets) socket.destroy();
  };
  const stop = async () => {
    sessions.stop();
    await streams.stop();
    cut();
    http.close();
    await untilInRealTime(() => sessions.size === 0);
  };
  return { publisher, sessions, url, sockets, cut, stop };
}

async function startHarness(): Promise<StreamHarness> {
  const { publisher, sessions, url, sockets, cut, stop } = await serve();
  return {
    publisher,
    source: new WebSocketSource({ url }),
    clock: systemClock,
    heartbeat: () => sessions.heartbeat(),
    cut,
    stall: isStalled => {
      for (const socket of sockets) isStalled ? socket.cork() : socket.uncork();
    },
    forget: () => {
      const { position, writer, lineage, latest } = publisher.log;
      publisher.log.reset(position, writer, lineage, latest.events());
    },
    until: untilInRealTime,
    connections: () => sessions.size,
    stop,
  };
}

// TCP itself guarantees that no single message is lost on the way.
streamSuite("a node's /ws/exchange", startHarness, {
  stalls: true,
  loses: false,
  tellsCuts: true,
  keepsBeginnings: true,
});

describe('the stream server', () => {
  const stops: (() => Promise<unknown> | unknown)[] = [];
  afterEach(async () => {
    for (const stop of stops.splice(0).reverse()) await stop();
  });

  async function client(url: string, options: ClientOptions = {}): Promise<WebSocket> {
    const socket = new WebSocket(url, options);
    stops.push(() => socket.terminate());
    await once(socket, 'open');
    return socket;
  }

  test('one address may have so many sessions and no more; a place that is given up can be taken', async () => {
    const { publisher, sessions, url, stop } = await serve();
    stops.push(stop);
    publisher.beginEpoch(5);
    const open = [await client(url), await client(url), await client(url)];
    await expect(client(url)).rejects.toThrow('429');
    for (const socket of open) socket.close();
    await untilInRealTime(() => sessions.size === 0);
    for (let count = 0; count < 3; count++) await client(url);
    await expect(client(url)).rejects.toThrow('429');
  });

  test('a client that answers no ping is ended, one that does is not', async () => {
    const { publisher, sessions, url, stop } = await serve(DEFAULT_SESSION_BOUNDS, {
      pingIntervalMs: 10,
      deadAfterMs: 100,
    });
    stops.push(stop);
    publisher.beginEpoch(5);
    const alive = await client(url);
    const dead = await client(url, { autoPong: false });
    await once(dead, 'close');
    await untilInRealTime(() => sessions.size === 1);
    expect(alive.readyState).toBe(WebSocket.OPEN);
  });

  test('[SLO1] [CNF1] a squeezed session over a real socket is sent less, keeps every trade and ends up to date', async () => {
    const { publisher, url, stop } = await serve({ ...DEFAULT_SESSION_BOUNDS, maxLagBytes: 64 * 1024 * 1024 });
    stops.push(stop);
    publisher.beginEpoch(5);
    const squeezed = await client(url);
    const batches: Batch[] = [];
    squeezed.on('message', data => {
      const message = JSON.parse(String(data)) as ServerMessage;
      if (message.type === 'batch') batches.push(message);
    });
    squeezed.pause();
    // The kernel's buffers between the two take several megabytes before anything is felt here.
    const quotes = Array.from({ length: 200 }, (_, index) => `S${index}/KRW`);
    let trades = 0;
    for (let round = 0; round < 600; round++) {
      publisher.seal(
        ...quotes.map(symbol => quote(symbol, { bid: String(round + 1) })),
        numberedTrade(trades++),
        numberedTrade(trades++),
      );
      if (round % 20 === 0) await new Promise(resolve => setImmediate(resolve));
    }
    squeezed.resume();
    const end = publisher.log.position.offset;
    await untilInRealTime(() => batches.at(-1)?.next === end + 1);
    const delivered = batches.flatMap(({ events }) => events);
    const covered = batches.reduce((sum, { first, next }) => sum + next - first, 0);
    expect(covered).toBe(end);
    expect(delivered.length).toBeLessThan(covered);
    expect(delivered.filter(event => event.type === 'trade').map(({ id }) => id)).toEqual(
      Array.from({ length: trades }, (_, index) => numberedTrade(index).id),
    );
    for (const { events, first, next } of batches) {
      const keys = events.filter(event => event.type === 'quote').map(({ symbol }) => symbol);
      // A batch that leaves something out has each quote once: the last. A sealed one has everything.
      if (events.length < next - first) expect(new Set(keys).size).toBe(keys.length);
    }
    console.log(`squeezed: ${delivered.length} of ${covered} events in ${batches.length} of 600 batches`);
  });
});

import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type WebSocket, WebSocketServer } from 'ws';
import { systemClock } from '../../base/clock.ts';
import type { Cut } from '../../wire/messages.ts';
import { positionFromQuery } from '../../wire/position.ts';
import type { StreamLog } from '../stream-log.ts';
import { MemorySource } from './memory-source.ts';

/** The smallest server of `/ws/exchange`, on a free port of this machine: the in-memory one behind real sockets. */
export type TestStreamServer = {
  readonly url: string;
  readonly memory: MemorySource;
  /** Every socket, newest last. */
  readonly sockets: readonly WebSocket[];
  /** Addresses that were asked for. */
  readonly addresses: readonly string[];
  connections(): number;
  cut(): void;
  stop(): Promise<void>;
};

export async function startStreamServer(log: StreamLog): Promise<TestStreamServer> {
  const memory = new MemorySource({ log, clock: systemClock, latencyMs: 0 });
  const http = createServer();
  const server = new WebSocketServer({ server: http, perMessageDeflate: false });
  const sockets: WebSocket[] = [];
  const addresses: string[] = [];
  server.on('connection', (socket, request) => {
    sockets.push(socket);
    addresses.push(request.url ?? '');
    const { searchParams } = new URL(request.url ?? '/', 'http://localhost');
    const position = positionFromQuery(searchParams);
    if (position === 'invalid') return socket.close(1008);
    const cut: Cut = searchParams.get('cut') === 'lite' ? 'lite' : 'full';
    const stream = memory.open(
      { position, cut },
      { message: message => socket.send(JSON.stringify(message)), closed: () => socket.close() },
    );
    socket.on('close', () => stream.close());
  });
  await new Promise<void>(resolve => http.listen(0, '127.0.0.1', resolve));
  return {
    url: `ws://127.0.0.1:${(http.address() as AddressInfo).port}/ws/exchange`,
    memory,
    sockets,
    addresses,
    connections: () => server.clients.size,
    cut: () => {
      for (const client of server.clients) client.terminate();
    },
    stop: async () => {
      for (const client of server.clients) client.terminate();
      await new Promise(resolve => server.close(resolve));
      await new Promise(resolve => http.close(resolve));
    },
  };
}

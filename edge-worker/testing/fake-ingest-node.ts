import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import type { WebSocket, WebSocketServer } from 'ws';
import { StreamCursor } from '../../shared/stream/cursor.ts';
import { encodeMessage, heartbeatAt } from '../../shared/wire/json-codec.ts';
import { HEARTBEAT_INTERVAL_MS } from '../../shared/wire/messages.ts';
import { positionFromQuery } from '../../shared/wire/position.ts';
import { PROTOCOL_VERSION } from '../../shared/wire/protocol-version.ts';
import { MadeUpStream } from './made-up-stream.ts';

// Under the Workers test configuration a plain import would give the package's stub for browsers.
const { WebSocketServer: Sockets } = createRequire(import.meta.url)('ws') as {
  WebSocketServer: typeof WebSocketServer;
};

/** Speaks an ingest node's `/ws/exchange`, `/livez` and `/api/instruments` over a made-up stream. */
export class FakeIngestNode {
  readonly stream: MadeUpStream;
  readonly requests: string[] = [];
  #server: Server | null = null;
  #sessions = new Map<WebSocket, StreamCursor>();
  #heartbeat: NodeJS.Timeout | null = null;
  #port = 0;

  constructor(stream = new MadeUpStream()) {
    this.stream = stream;
    this.stream.log.onChange(() => this.#flush());
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  get sessions(): number {
    return this.#sessions.size;
  }

  /** Starts, or starts again on the same port. */
  async start(): Promise<this> {
    const server = createServer((request, response) => {
      this.requests.push(request.url ?? '');
      if (request.url === '/livez') response.end('alive');
      else if (request.url?.startsWith('/api/instruments')) {
        response.setHeader('ETag', '"fake-1"');
        response.end('{"instruments":[]}');
      } else response.writeHead(404).end();
    });
    const sockets = new Sockets({ noServer: true });
    server.on('upgrade', (request, socket, head) => {
      this.requests.push(request.url ?? '');
      sockets.handleUpgrade(request, socket, head, session => this.#open(session, request));
    });
    server.listen(this.#port, '127.0.0.1');
    await once(server, 'listening');
    this.#port = (server.address() as AddressInfo).port;
    this.#server = server;
    this.#heartbeat = setInterval(() => this.beat(), HEARTBEAT_INTERVAL_MS);
    return this;
  }

  /** As if killed: nothing is said, nobody is told. */
  async stop(): Promise<void> {
    const server = this.#server;
    if (server === null) return;
    this.#server = null;
    clearInterval(this.#heartbeat!);
    for (const session of this.#sessions.keys()) session.terminate();
    this.#sessions.clear();
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  }

  beat(): void {
    const { position, writer } = this.stream.log;
    const text = encodeMessage(heartbeatAt(writer, position.epoch, position.offset));
    for (const session of this.#sessions.keys()) session.send(text);
  }

  /** Sends the same text to everybody, whatever it is. */
  say(text: string): void {
    for (const session of this.#sessions.keys()) session.send(text);
  }

  #open(session: WebSocket, request: IncomingMessage): void {
    const query = new URL(request.url ?? '/', 'http://node').searchParams;
    const position = positionFromQuery(query);
    const { log } = this.stream;
    const { epoch, offset } = log.position;
    session.on('error', () => {});
    session.on('close', () => this.#sessions.delete(session));
    session.send(
      encodeMessage({
        type: 'hello',
        protocol: PROTOCOL_VERSION,
        server: 'fake',
        cut: 'full',
        epoch,
        offset,
        lineage: log.lineage,
      }),
    );
    session.send(encodeMessage({ type: 'status', upstream: 'live', since: 1 }));
    this.#sessions.set(session, new StreamCursor(log, position === 'invalid' ? null : position, 'full'));
    this.#flush();
  }

  #flush(): void {
    for (const [session, cursor] of this.#sessions) {
      for (let text = cursor.take(); text !== null; text = cursor.take()) session.send(text);
    }
  }
}

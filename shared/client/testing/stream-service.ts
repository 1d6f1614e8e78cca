/** A small service on the loopback interface that speaks the wire with the real log and cursors, for tests. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type WebSocket, WebSocketServer } from 'ws';
import type { MarketEvent } from '../../model/market-event.ts';
import { StreamCursor } from '../../stream/cursor.ts';
import { StreamLog } from '../../stream/stream-log.ts';
import { encodeMessage, heartbeatAt } from '../../wire/json-codec.ts';
import type { Cut, ServerMessage } from '../../wire/messages.ts';
import { positionFromQuery } from '../../wire/position.ts';
import { PROTOCOL_VERSION } from '../../wire/protocol-version.ts';

export type Session = { readonly path: string; readonly query: string; readonly socket: WebSocket };

export class StreamService {
  readonly log = new StreamLog();
  /** Every session there ever was, in order. */
  readonly sessions: Session[] = [];
  /** What `/ws/info` answers: a status to refuse with, or an object that replaces the usual answer. */
  info: number | object | null = null;
  /** The query of each request to it. */
  readonly infoQueries: string[] = [];
  port = 0;
  /** Stream paths that refuse the upgrade. */
  readonly refused = new Set<string>();
  /** Stream paths that accept and then close with a code. */
  readonly closing = new Map<string, number>();
  readonly #http: Server;
  readonly #sockets = new WebSocketServer({ noServer: true });
  readonly #cursors = new Map<WebSocket, StreamCursor>();
  #beat: ReturnType<typeof setInterval> | undefined;

  private constructor(epoch: number) {
    this.log.beginEpoch(epoch, []);
    this.#http = createServer((request, response) => {
      const url = new URL(request.url ?? '/', 'http://loopback');
      if (url.pathname !== '/ws/info') return void response.writeHead(404).end();
      this.infoQueries.push(url.search);
      if (typeof this.info === 'number') return void response.writeHead(this.info).end();
      response.writeHead(200, { 'content-type': 'application/json', 'access-control-allow-origin': '*' });
      response.end(JSON.stringify(this.info ?? this.usualInfo(['/ws/exchange'])));
    });
    this.#http.on('upgrade', (request, socket, head) => {
      const url = new URL(request.url ?? '/', 'http://loopback');
      if (this.refused.has(url.pathname) || !url.pathname.startsWith('/ws/')) {
        return void socket.end('HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\n\r\n');
      }
      this.#sockets.handleUpgrade(request, socket, head, accepted => this.#accept(accepted, url));
    });
  }

  /** `port` 0 takes any free one. */
  static async start(epoch = 1_000, port = 0): Promise<StreamService> {
    const service = new StreamService(epoch);
    await new Promise<void>(resolve => service.#http.listen(port, '127.0.0.1', resolve));
    service.port = (service.#http.address() as AddressInfo).port;
    service.#beat = setInterval(() => service.heartbeat(), 200);
    return service;
  }

  get baseUrl(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  urlOf(path: string): string {
    return `ws://127.0.0.1:${this.port}${path}`;
  }

  usualInfo(paths: readonly string[]): object {
    const endpoints = paths.map(path => ({ url: this.urlOf(path), path, available: true, reason: null }));
    return {
      service: 'exchange-service',
      protocol: PROTOCOL_VERSION,
      server: 'test',
      endpoint: endpoints[0]?.url,
      endpoints,
    };
  }

  /** Seals events as the next batch and sends it to all sessions. */
  publish(...events: MarketEvent[]): void {
    const { epoch, offset } = this.log.position;
    for (const [index, event] of events.entries()) event.offset = offset + 1 + index;
    const next = offset + 1 + events.length;
    this.log.append({ type: 'batch', writer: epoch, epoch, first: offset + 1, next, events }, Date.now());
    this.#flush();
  }

  /** Forgets all history but keeps the state: positions of the past can only be answered by a lossy snapshot. */
  forget(): void {
    const { position, writer, lineage } = this.log;
    this.log.reset(position, writer, lineage, this.log.latest.events());
  }

  /** A successor leads, who knows the present epoch only up to `end`: this service follows it from there. */
  takeWrongTurnBack(end: number): void {
    const { position, lineage, latest } = this.log;
    const epoch = position.epoch + 1;
    this.log.reset({ epoch, offset: 0 }, epoch, [...lineage, { epoch: position.epoch, end }], latest.events());
    this.#flush();
  }

  broadcast(message: ServerMessage): void {
    for (const socket of this.#cursors.keys()) socket.send(encodeMessage(message));
  }

  heartbeat(): void {
    const { epoch, offset } = this.log.position;
    this.broadcast(heartbeatAt(epoch, epoch, offset));
  }

  /** Cuts the lines without a close frame, as a network does. */
  cut(): void {
    for (const socket of this.#cursors.keys()) socket.terminate();
  }

  closeAll(code: number, reason: string): void {
    for (const socket of this.#cursors.keys()) socket.close(code, reason);
  }

  async stop(): Promise<void> {
    clearInterval(this.#beat);
    this.cut();
    this.#http.closeAllConnections();
    await new Promise(resolve => this.#http.close(resolve));
  }

  #accept(socket: WebSocket, url: URL): void {
    this.sessions.push({ path: url.pathname, query: url.search, socket });
    const code = this.closing.get(url.pathname);
    if (code !== undefined) {
      socket.close(code, `closed with ${code}`);
      return;
    }
    const asked = positionFromQuery(url.searchParams);
    const cut: Cut = url.searchParams.get('cut') === 'lite' ? 'lite' : 'full';
    const { epoch, offset } = this.log.position;
    const { lineage } = this.log;
    socket.send(
      encodeMessage({ type: 'hello', protocol: PROTOCOL_VERSION, server: 'test', cut, epoch, offset, lineage }),
    );
    this.#cursors.set(socket, new StreamCursor(this.log, asked === 'invalid' ? null : asked, cut));
    socket.on('close', () => this.#cursors.delete(socket));
    this.#flush();
  }

  #flush(): void {
    for (const [socket, cursor] of this.#cursors) {
      for (let message = cursor.take(); message !== null; message = cursor.take()) socket.send(message);
    }
  }
}

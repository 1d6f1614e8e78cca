import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { type RawData, type WebSocket, WebSocketServer } from 'ws';
import { CUTS, type Cut } from '../../shared/wire/messages.ts';
import { type Position, positionFromQuery } from '../../shared/wire/position.ts';
import { refusalBody, type UpgradeRefusal } from '../../shared/wire/upgrade-refusal.ts';
import type { SessionSocket } from './session.ts';
import type { SessionRegistry } from './session-registry.ts';

export type StreamServerOptions = {
  readonly sessions: SessionRegistry;
  /** Whose stream a request asks for, where there are more than one; {@link sessions} by default. */
  readonly sessionsAt?: (url: URL) => SessionRegistry;
  /** The owner's say on a request: token, origin, path, readiness. `null` lets it in. */
  readonly refuse: (request: IncomingMessage, url: URL) => UpgradeRefusal | null;
  readonly maxSessionsPerAddress?: number;
  /** How often every client is pinged. */
  readonly pingIntervalMs?: number;
  /**
   * A client that has answered nothing for so long is gone. Long, because a ping waits behind all that the kernels
   * between us hold: ten megabytes on a line of 100 kB/s are 100 s, and slow is not dead.
   */
  readonly deadAfterMs?: number;
};

type Wish = {
  readonly sessions: SessionRegistry;
  readonly position: Position | null;
  readonly cut: Cut;
  readonly address: string;
};

/** A client says "ping" and no more. */
const MAX_CLIENT_MESSAGE_BYTES = 1_024;

/** Turns HTTP upgrades into sessions. The only file that serves WebSockets. */
export class StreamServer {
  readonly #options: Required<StreamServerOptions>;
  readonly #server = new WebSocketServer({
    noServer: true,
    // Compressing per client costs 54 µs and 290 KB each: whoever needs less takes the compact wire or the lite cut.
    perMessageDeflate: false,
    maxPayload: MAX_CLIENT_MESSAGE_BYTES,
    clientTracking: true,
  });
  readonly #perAddress = new Map<string, number>();
  readonly #heardAt = new WeakMap<WebSocket, number>();
  readonly #served = new Set<SessionRegistry>();
  readonly #pinger: NodeJS.Timeout;
  readonly #encoder = new FrameEncoder();

  constructor(options: StreamServerOptions) {
    const sessionsAt = () => options.sessions;
    const defaults = { maxSessionsPerAddress: 1_000, pingIntervalMs: 30_000, deadAfterMs: 300_000, sessionsAt };
    this.#options = { ...defaults, ...options };
    this.#pinger = setInterval(() => this.#pingAll(), this.#options.pingIntervalMs);
    this.#pinger.unref();
  }

  /** Handler of an HTTP server's `upgrade` event. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const wish = this.#read(request);
    if ('status' in wish) {
      refuseUpgrade(socket, wish);
      return;
    }
    this.#countAddress(wish.address, socket);
    this.#server.handleUpgrade(request, socket, head, webSocket => this.#open(webSocket, wish));
  }

  /** What the request asks for, or why it is refused. */
  #read(request: IncomingMessage): Wish | UpgradeRefusal {
    const target = request.url ?? '/';
    if (!URL.canParse(target, 'http://localhost')) {
      return { status: 400, code: 'badRequest', message: 'this is not an address' };
    }
    const url = new URL(target, 'http://localhost');
    const refusal = this.#options.refuse(request, url);
    if (refusal !== null) return refusal;
    const position = positionFromQuery(url.searchParams);
    if (position === 'invalid') {
      return { status: 400, code: 'badPosition', message: 'epoch and offset go together, each a whole number' };
    }
    const cut = readCut(url.searchParams.get('cut'));
    if (cut === null) return { status: 400, code: 'badCut', message: `cut is one of ${CUTS.join(', ')}` };
    const address = request.socket.remoteAddress ?? 'unknown';
    const open = this.#perAddress.get(address) ?? 0;
    if (open >= this.#options.maxSessionsPerAddress) {
      return { status: 429, code: 'tooManySessions', message: `${open} sessions are open from this address already` };
    }
    return { sessions: this.#options.sessionsAt(url), position, cut, address };
  }

  #countAddress(address: string, socket: Duplex): void {
    this.#perAddress.set(address, (this.#perAddress.get(address) ?? 0) + 1);
    socket.once('close', () => {
      const left = (this.#perAddress.get(address) ?? 1) - 1;
      if (left > 0) this.#perAddress.set(address, left);
      else this.#perAddress.delete(address);
    });
  }

  #open(webSocket: WebSocket, { sessions, position, cut }: Wish): void {
    this.#served.add(sessions);
    const session = sessions.add(new WsSessionSocket(webSocket, this.#encoder), position, cut);
    const heard = () => this.#heardAt.set(webSocket, performance.now());
    heard();
    webSocket.on('pong', heard);
    webSocket.on('message', (data: RawData, isBinary: boolean) => {
      heard();
      if (!session.receive(isBinary ? '' : data.toString())) sessions.unexpectedMessages++;
    });
    // Errors (a message that is too large, a broken frame) are always followed by a close.
    webSocket.on('error', () => {});
    webSocket.on('close', () => sessions.remove(session));
  }

  /** Asks every client to reconnect elsewhere; after `graceMs` the rest is cut. */
  async stop(graceMs = 300): Promise<void> {
    clearInterval(this.#pinger);
    for (const sessions of this.#served) sessions.closeAll('goingAway');
    const deadline = performance.now() + graceMs;
    while (this.#server.clients.size > 0 && performance.now() < deadline) {
      await new Promise(resolve => setTimeout(resolve, 10));
    }
    for (const client of this.#server.clients) client.terminate();
    this.#server.close();
  }

  #pingAll(): void {
    for (const client of this.#server.clients) {
      const silentMs = performance.now() - (this.#heardAt.get(client) ?? 0);
      if (silentMs > this.#options.deadAfterMs) client.terminate();
      else client.ping();
    }
  }
}

class WsSessionSocket implements SessionSocket {
  readonly #socket: WebSocket;
  readonly #encoder: FrameEncoder;

  constructor(socket: WebSocket, encoder: FrameEncoder) {
    this.#socket = socket;
    this.#encoder = encoder;
  }

  get bufferedBytes(): number {
    return this.#socket.bufferedAmount;
  }

  send(text: string, sent?: () => void): void {
    if (this.#socket.readyState !== this.#socket.OPEN) return;
    this.#socket.send(this.#encoder.bytes(text), { binary: false }, error => {
      if (error === undefined || error === null) sent?.();
    });
  }

  close(code: number, reason: string): void {
    this.#socket.close(code, reason);
  }

  terminate(): void {
    this.#socket.terminate();
  }
}

/** The same message goes to many sessions in a row: its bytes are made once. */
class FrameEncoder {
  #text = '';
  #bytes: Buffer = Buffer.alloc(0);

  bytes(text: string): Buffer {
    if (text !== this.#text) {
      this.#text = text;
      this.#bytes = Buffer.from(text);
    }
    return this.#bytes;
  }
}

function readCut(text: string | null): Cut | null {
  return text === null ? 'full' : (CUTS.find(cut => cut === text) ?? null);
}

/** An answer in plain HTTP on a socket that asked for an upgrade. */
function refuseUpgrade(socket: Duplex, refusal: UpgradeRefusal): void {
  const { status } = refusal;
  const body = JSON.stringify(refusalBody(refusal));
  socket.on('error', () => {});
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_TEXT[status] ?? 'Refused'}\r\nContent-Type: application/json\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  );
}

const STATUS_TEXT: Record<number, string> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  429: 'Too Many Requests',
  503: 'Service Unavailable',
};

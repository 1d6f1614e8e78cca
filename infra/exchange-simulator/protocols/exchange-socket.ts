import type { RawData, WebSocket } from 'ws';
import type { ExchangeGate } from './exchange-gate.ts';
import { OutgoingLine } from './outgoing-line.ts';

/** A client that reads this slowly is cut, as every exchange does. */
const MAX_BUFFERED_BYTES = 64 * 1024 * 1024;

export type SocketEvents = {
  message(text: string): void;
  /** A control PING arrived; the PONG is already on its way. */
  ping(): void;
  pong(): void;
  closed(): void;
};

let lastId = 0;

/** One client connection, seen from the exchange. */
export class ExchangeSocket {
  readonly id: number;
  readonly openedMs: number;
  /** When a byte last went either way, epoch milliseconds. */
  trafficMs: number;
  framesSent = 0;
  readonly #socket: WebSocket;
  readonly #gate: ExchangeGate;
  readonly #line: OutgoingLine;
  #isHalfOpen = false;
  readonly #timers = new Set<NodeJS.Timeout>();

  constructor(socket: WebSocket, gate: ExchangeGate, events: SocketEvents) {
    lastId += 1;
    this.id = lastId;
    this.#socket = socket;
    this.#gate = gate;
    this.#line = new OutgoingLine(socket);
    this.openedMs = gate.now();
    this.trafficMs = this.openedMs;
    gate.connects += 1;
    socket.on('error', () => undefined);
    socket.on('close', () => {
      for (const timer of this.#timers) clearTimeout(timer);
      events.closed();
    });
    socket.on('message', (data: RawData) => {
      this.trafficMs = gate.now();
      events.message(textOf(data));
    });
    socket.on('ping', (payload: Buffer) => {
      this.trafficMs = gate.now();
      // Whoever hears the answer may conclude that it heard what happened before.
      gate.catchUp();
      if (!gate.isStalled && this.#isOpen && !this.#isHalfOpen) this.#line.send(payload, 'pong');
      events.ping();
    });
    socket.on('pong', () => {
      this.trafficMs = gate.now();
      events.pong();
    });
  }

  get #isOpen(): boolean {
    return this.#socket.readyState === this.#socket.OPEN;
  }

  /** The other side of the line is gone, and nobody has noticed: nothing is read, written or closed any more. */
  get isHalfOpen(): boolean {
    return this.#isHalfOpen;
  }

  halfOpen(): void {
    this.#isHalfOpen = true;
    this.#socket.pause();
  }

  /** As if the client read only that many bytes a second; too long a backlog ends the connection. */
  slowTo(bytesPerSecond: number, ms: number): void {
    this.#line.slowTo(bytesPerSecond, ms);
  }

  /** As if the way to the client took so many milliseconds longer, for so long. */
  delayBy(lateMs: number, ms: number): void {
    this.#line.delayBy(lateMs, ms);
  }

  /**
   * Text goes out as a text frame, bytes as a binary one, on demand torn into several TCP packets. False when a fault or
   * the network kept it back.
   */
  send(frame: string | Buffer, how: 'whole' | 'split' = 'whole'): boolean {
    if (!this.#isOpen || this.#gate.isStalled || this.#isHalfOpen) {
      this.#gate.framesHeld += 1;
      return false;
    }
    if (this.#socket.bufferedAmount + this.#line.waitingBytes > MAX_BUFFERED_BYTES) {
      this.terminate();
      return false;
    }
    this.#line.send(frame, how);
    this.framesSent += 1;
    this.#gate.framesSent += 1;
    this.#gate.bytesSent += frame.length;
    this.trafficMs = this.#gate.now();
    return true;
  }

  ping(payload: string): void {
    if (this.#isOpen && !this.#gate.isStalled && !this.#isHalfOpen) this.#socket.ping(payload);
  }

  /** Runs later, unless the connection is over by then. */
  after(delayMs: number, run: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      run();
    }, delayMs);
    this.#timers.add(timer);
  }

  close(code: number, reason = ''): void {
    if (!this.#isHalfOpen) this.#socket.close(code, reason);
  }

  /** Drop the TCP connection without a close frame: the client sees 1006. */
  terminate(): void {
    this.#socket.terminate();
  }
}

function textOf(data: RawData): string {
  if (Array.isArray(data)) return Buffer.concat(data).toString('utf8');
  return Buffer.isBuffer(data) ? data.toString('utf8') : Buffer.from(data).toString('utf8');
}

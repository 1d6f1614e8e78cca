import type { Duplex } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import type { WebSocket } from 'ws';

/** The TCP connection below each socket, noted at the upgrade. */
const connections = new WeakMap<WebSocket, Duplex>();

export function noteConnection(socket: WebSocket, connection: Duplex): void {
  connections.set(socket, connection);
}

/** Torn into several packets with `split`; `pong`: the control frame of this payload. */
type How = 'whole' | 'split' | 'pong';

/** `dueAt` on the monotonic clock, milliseconds. */
type Entry = { frame: string | Buffer; how: How; dueAt: number };

const PARTS = 4;
const PART_PAUSE_MS = 2;

/**
 * What lies between a socket and its client: as a rule nothing, in bad times a line that passes only so many bytes a
 * second, that takes longer, or that tears one frame into several TCP packets. Frames keep their order.
 */
export class OutgoingLine {
  readonly #socket: WebSocket;
  #queue: Entry[] = [];
  #isDraining = false;
  #bytesPerSecond = 0;
  #slowUntilMs = 0;
  #lateMs = 0;
  #lateUntilMs = 0;
  /** Bytes that wait in the queue. */
  waitingBytes = 0;

  constructor(socket: WebSocket) {
    this.#socket = socket;
  }

  send(frame: string | Buffer, how: How): void {
    const dueAt = this.#dueAt();
    if (!this.#isDraining && how !== 'split' && !this.#isSlow && dueAt === 0) {
      this.#write(frame, how);
      return;
    }
    this.#queue.push({ frame, how, dueAt });
    this.waitingBytes += frame.length;
    if (!this.#isDraining) void this.#drain();
  }

  /** As if the client read only that many bytes a second, for so long. */
  slowTo(bytesPerSecond: number, ms: number): void {
    this.#bytesPerSecond = bytesPerSecond;
    this.#slowUntilMs = performance.now() + ms;
  }

  /** As if the way took so many milliseconds longer, for so long. */
  delayBy(lateMs: number, ms: number): void {
    this.#lateMs = lateMs;
    this.#lateUntilMs = performance.now() + ms;
  }

  #dueAt(): number {
    if (this.#lateUntilMs === 0) return 0;
    const now = performance.now();
    return now < this.#lateUntilMs ? now + this.#lateMs : 0;
  }

  get #isSlow(): boolean {
    return this.#slowUntilMs > 0 && performance.now() < this.#slowUntilMs;
  }

  get #isOpen(): boolean {
    return this.#socket.readyState === this.#socket.OPEN;
  }

  #write(frame: string | Buffer, how: How): void {
    if (how === 'pong') this.#socket.pong(frame);
    else this.#socket.send(frame, { binary: typeof frame !== 'string' });
  }

  async #drain(): Promise<void> {
    this.#isDraining = true;
    for (let entry = this.#queue.shift(); entry !== undefined && this.#isOpen; entry = this.#queue.shift()) {
      const { frame, how, dueAt } = entry;
      const waitMs = dueAt === 0 ? 0 : dueAt - performance.now();
      if (waitMs > 0) await delay(waitMs);
      if (this.#isSlow) await delay((frame.length / this.#bytesPerSecond) * 1000);
      this.waitingBytes -= frame.length;
      if (!this.#isOpen) break;
      if (how === 'split') await this.#tear(frame);
      else this.#write(frame, how);
    }
    if (!this.#isOpen) this.#queue = [];
    this.#isDraining = false;
  }

  /** Once everything before has left, write the bytes of one uncompressed frame (RFC 6455, 5.2) in parts. */
  async #tear(frame: string | Buffer): Promise<void> {
    const connection = connections.get(this.#socket);
    while (this.#isOpen && this.#socket.bufferedAmount > 0) await delay(1);
    if (connection === undefined || !this.#isOpen) return;
    const bytes = frameBytes(frame);
    const step = Math.max(1, Math.ceil(bytes.length / PARTS));
    // The first cut falls into the header.
    let from = 0;
    for (let to = 1; from < bytes.length && !connection.destroyed; to += step) {
      connection.write(bytes.subarray(from, to));
      from = to;
      await delay(PART_PAUSE_MS);
    }
  }
}

function frameBytes(frame: string | Buffer): Buffer {
  const payload = Buffer.from(frame);
  const opcode = typeof frame === 'string' ? 0x81 : 0x82;
  if (payload.length < 126) return Buffer.concat([Buffer.from([opcode, payload.length]), payload]);
  if (payload.length < 65_536) {
    return Buffer.concat([Buffer.from([opcode, 126, payload.length >> 8, payload.length & 255]), payload]);
  }
  const header = Buffer.alloc(10);
  header.writeUInt8(opcode, 0);
  header.writeUInt8(127, 1);
  header.writeBigUInt64BE(BigInt(payload.length), 2);
  return Buffer.concat([header, payload]);
}

import { WebSocket } from 'ws';
import { closeVerdict } from '../../../../shared/wire/close-codes.ts';
import type { Batch, ServerMessage, Snapshot } from '../../../../shared/wire/messages.ts';
import { type Position, positionToQuery } from '../../../../shared/wire/position.ts';
import type { Heard } from '../../heard-message.ts';
import type { Delivery } from '../../stream-delivery.ts';
import { machineNow } from './machine-clock.ts';
import { PartJoiner } from './part-joiner.ts';
import { PlainConsumer } from './plain-consumer.ts';
import { decodeShared } from './shared-messages.ts';

export type Connection = {
  readonly number: number;
  readonly url: string;
  readonly at: number;
  openedAt: number | null;
  closedAt: number | null;
  ending: string | null;
  hasServed: boolean;
};

export type ClientOptions = {
  readonly name: string;
  /** Where the stream is, its own node first. */
  readonly urls: readonly string[];
  /** Which of them it begins at; its own by default. */
  readonly beginsAt?: number;
  /** Stays with its node whatever happens: a witness of what that node sends, not a model client. */
  readonly isLoyal?: boolean;
};

/** Rule HB1. */
const DEAD_AFTER_MS = 1_500;
const OPEN_WITHIN_MS = 2_000;
const RETRY_MS = 100;
const LOOK_EVERY_MS = 50;

/**
 * One client of the stream. It writes down every message it receives, with the time of receipt, and what a consumer makes
 * of them. When a server goes away, falls silent, or cannot heal a hole, it presents its position to the next one.
 */
export class RecordingClient {
  readonly name: string;
  /** By the wall clock, as the exchanges' times are. */
  readonly since = Date.now();
  readonly heard: Heard[] = [];
  readonly deliveries: Delivery[] = [];
  readonly connections: Connection[] = [];
  /** Messages that are no messages. */
  readonly malformed: string[] = [];
  /** The newest epoch of which anything was heard. */
  newestEpoch = 0;
  readonly #urls: readonly string[];
  readonly #isLoyal: boolean;
  readonly #consumer = new PlainConsumer();
  #url = 0;
  #socket: WebSocket | null = null;
  #joiner = new PartJoiner();
  #lastAt = 0;
  /** Since when its server looks for an upstream itself; `null`: it does not. */
  #seekingSince: number | null = null;
  /** Servers that say that what we lack is lost; believed when all do (rule GAP1). */
  readonly #withoutHistory = new Set<number>();
  #holes = 0;
  #isStopped = false;
  #retry: NodeJS.Timeout | null = null;
  readonly #watch: NodeJS.Timeout;

  constructor({ name, urls, beginsAt = 0, isLoyal = false }: ClientOptions) {
    this.name = name;
    this.#urls = urls;
    this.#url = beginsAt;
    this.#isLoyal = isLoyal;
    this.#watch = setInterval(() => this.#lookForSilence(), LOOK_EVERY_MS);
    this.#open();
  }

  get position(): Position | null {
    return this.#consumer.position;
  }

  /** Where it would rather be. */
  get homeUrl(): string {
    return this.#urls[0]!;
  }

  get isHome(): boolean {
    return this.#url === 0 && this.connections.at(-1)?.hasServed === true && this.#socket !== null;
  }

  /** When something of the stream came last: not what a server says of itself. */
  get lastRecordAt(): number {
    return this.deliveries.findLast(({ kind }) => kind !== 'opened' && kind !== 'status')?.at ?? 0;
  }

  /** How many trades of an exchange were delivered. */
  tradesOf(exchange: string): number {
    let trades = 0;
    for (const delivery of this.deliveries) {
      if (delivery.kind !== 'batch') continue;
      for (const event of delivery.events) if (event.type === 'trade' && event.exchange === exchange) trades++;
    }
    return trades;
  }

  /** Back to its own node, by position. */
  goHome(): void {
    if (this.#url === 0 || this.#isStopped) return;
    this.#url = 0;
    this.#leave('went home');
    this.#open();
  }

  stop(): void {
    if (this.#isStopped) return;
    this.#isStopped = true;
    clearInterval(this.#watch);
    this.#leave('stopped');
  }

  #open(): void {
    this.#retry = null;
    const { position } = this;
    const url = this.#urls[this.#url]!;
    const socket = new WebSocket(position === null ? url : `${url}?${positionToQuery(position)}`, {
      perMessageDeflate: false,
      handshakeTimeout: OPEN_WITHIN_MS,
    });
    const connection: Connection = {
      number: this.connections.length,
      url,
      at: machineNow(),
      openedAt: null,
      closedAt: null,
      ending: null,
      hasServed: false,
    };
    this.connections.push(connection);
    this.#socket = socket;
    this.#joiner = new PartJoiner();
    this.#lastAt = connection.at;
    this.#seekingSince = null;
    this.deliveries.push({ at: connection.at, kind: 'opened', position });
    socket.on('open', () => {
      connection.openedAt = machineNow();
    });
    socket.on('message', data => {
      if (socket === this.#socket) this.#message(connection, machineNow(), String(data));
    });
    socket.on('error', error => {
      connection.ending ??= error.message;
    });
    socket.on('close', (code, reason) => {
      connection.closedAt ??= machineNow();
      connection.ending ??= `${code} ${reason}`;
      if (socket === this.#socket) this.#closed(connection, code);
    });
  }

  #leave(why: string): void {
    if (this.#retry !== null) clearTimeout(this.#retry);
    this.#retry = null;
    const socket = this.#socket;
    this.#socket = null;
    const connection = this.connections.at(-1);
    if (connection !== undefined && socket !== null) {
      connection.closedAt ??= machineNow();
      connection.ending ??= why;
    }
    socket?.terminate();
  }

  #closed(connection: Connection, code: number): void {
    this.#socket = null;
    if (this.#isStopped) return;
    if (closeVerdict(code) === 'stop') throw new Error(`${this.name}: ${connection.url} sent us away with ${code}`);
    // Who goes away says so; whoever breaks off may only have lost the link.
    const isGoing = code === 1001 || code === 4000;
    this.#openNext(connection, connection.hasServed && !isGoing);
  }

  #openNext(connection: Connection, isSame: boolean): void {
    if (!isSame && !this.#isLoyal) this.#url = (this.#url + 1) % this.#urls.length;
    this.#retry = setTimeout(() => this.#open(), connection.hasServed ? 0 : RETRY_MS);
  }

  #moveOn(why: string, isSame = false): void {
    const connection = this.connections.at(-1)!;
    this.#leave(why);
    this.#openNext(connection, isSame);
  }

  #lookForSilence(): void {
    if (this.#socket === null || this.#isLoyal) return;
    const now = machineNow();
    if (now - this.#lastAt > DEAD_AFTER_MS) this.#moveOn('silent');
    // A server that seeks may be the only one that does.
    else if (this.#seekingSince !== null && now - this.#seekingSince > DEAD_AFTER_MS) this.#moveOn('seeking');
  }

  #message(connection: Connection, at: number, text: string): void {
    this.#lastAt = at;
    const decoded = decodeShared(text);
    if (!decoded.ok) {
      this.malformed.push(text.slice(0, 200));
      return;
    }
    const message: ServerMessage | null =
      decoded.message.type === 'batch' || decoded.message.type === 'snapshot'
        ? this.#joiner.join(decoded.message)
        : decoded.message;
    if (message === null) return;
    this.heard.push({ at, connection: connection.number, message });
    if (message.type === 'batch') this.newestEpoch = Math.max(this.newestEpoch, message.epoch);
    if (message.type === 'hello') this.#consumer.learn(message.lineage);
    else if (message.type === 'status') {
      this.#seekingSince = message.upstream === 'live' ? null : (this.#seekingSince ?? at);
      this.deliveries.push({ at, kind: 'status', upstream: message.upstream });
    } else this.#take(connection, at, message);
  }

  #take(connection: Connection, at: number, message: Batch | Snapshot): void {
    if (message.type === 'snapshot' && this.#mayBeHealedElsewhere(connection, message)) {
      this.#moveOn('its history does not reach back to us');
      return;
    }
    const taken = message.type === 'batch' ? this.#consumer.batch(message) : this.#consumer.snapshot(message);
    if (taken.kind === 'hole') {
      // The same server first: what it has told us meanwhile may be all that was missing.
      this.#moveOn('a hole', this.#holes++ % 2 === 0);
      return;
    }
    if (message.type === 'batch') this.#seekingSince = null;
    if (taken.kind === 'nothing') return;
    connection.hasServed = true;
    if (taken.delivery.kind !== 'heartbeat') {
      this.#withoutHistory.clear();
      this.#holes = 0;
    }
    this.deliveries.push({ at, ...taken.delivery });
  }

  #mayBeHealedElsewhere(connection: Connection, { reason }: Snapshot): boolean {
    if (reason !== 'lost' || connection.hasServed || this.position === null || this.#isLoyal) return false;
    this.#withoutHistory.add(this.#url);
    return this.#withoutHistory.size < this.#urls.length;
  }
}

import type { MarketEvent } from '../../shared/model/market-event.ts';
import { LatestState } from '../../shared/stream/latest-state.ts';
import { StreamReceiver } from '../../shared/stream/stream-receiver.ts';
import { closeVerdict } from '../../shared/wire/close-codes.ts';
import { decodeMessage } from '../../shared/wire/json-codec.ts';
import type { Cut, UpstreamState } from '../../shared/wire/messages.ts';
import { comparePositions, type Position, positionToQuery } from '../../shared/wire/position.ts';

/** A consumer inside workerd that follows SPEC.md: trims, resumes by position after a close, counts what went wrong. */
export class WorkerdBrowser {
  readonly receiver = new StreamReceiver();
  readonly state = new LatestState();
  readonly trades: string[] = [];
  readonly closes: number[] = [];
  readonly servers: string[] = [];
  upstream: UpstreamState | null = null;
  holes = 0;
  lost = 0;
  snapshots = 0;
  heartbeats = 0;
  readonly #fetch: (url: string, init: RequestInit) => Promise<Response>;
  readonly #cut: Cut;
  #socket: WebSocket | null = null;
  #waiting: { isTrue: () => boolean; resolve: () => void }[] = [];

  constructor(fetch: (url: string, init: RequestInit) => Promise<Response>, cut: Cut = 'full') {
    this.#fetch = fetch;
    this.#cut = cut;
  }

  async connect(): Promise<this> {
    const { position } = this.receiver;
    this.receiver.pathChanged();
    const query = position === null ? '' : `&${positionToQuery(position)}`;
    const response = await this.#fetch(`https://edge/ws/exchange?cut=${this.#cut}${query}`, {
      headers: { Upgrade: 'websocket' },
    });
    const socket = response.webSocket;
    if (socket === null) throw new Error(`no WebSocket: ${response.status} ${await response.text()}`);
    this.#socket = socket;
    socket.addEventListener('message', ({ data }) => {
      if (data !== 'pong') this.#receive(String(data));
    });
    socket.addEventListener('close', ({ code }) => {
      if (this.#socket !== socket) return;
      this.#socket = null;
      this.closes.push(code);
      this.#look();
      if (closeVerdict(code) === 'reconnect') void this.connect();
    });
    socket.accept();
    return this;
  }

  say(text: string): void {
    this.#socket?.send(text);
  }

  leave(): void {
    const socket = this.#socket;
    this.#socket = null;
    socket?.close(1000, 'leaving');
  }

  /** Resolves as soon as it is true; asked after everything that arrives. */
  until(isTrue: () => boolean): Promise<void> {
    return new Promise(resolve => {
      this.#waiting.push({ isTrue, resolve });
      this.#look();
    });
  }

  reached(position: Position): Promise<void> {
    return this.until(() => this.receiver.position !== null && comparePositions(this.receiver.position, position) >= 0);
  }

  #receive(text: string): void {
    const decoded = decodeMessage(text);
    if (!decoded.ok) throw new Error(`not a message: ${text}`);
    const received = this.receiver.receive(decoded.message);
    if (received.kind === 'hello') this.servers.push(received.hello.server);
    else if (received.kind === 'status') this.upstream = received.status.upstream;
    else if (received.kind === 'heartbeat') this.heartbeats++;
    else if (received.kind === 'hole') this.holes++;
    else if (received.kind === 'snapshot') {
      this.snapshots++;
      if (!received.snapshot.recovered) this.lost++;
      this.state.reset(received.snapshot.events);
    } else if (received.kind === 'batch') this.#deliver(received.batch.events);
    this.#look();
  }

  #deliver(events: readonly MarketEvent[]): void {
    for (const event of events) {
      this.state.apply(event);
      if (event.type === 'trade') this.trades.push(event.id);
    }
  }

  #look(): void {
    this.#waiting = this.#waiting.filter(({ isTrue, resolve }) => {
      if (!isTrue()) return true;
      resolve();
      return false;
    });
  }
}

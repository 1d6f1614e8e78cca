import type { WebSocket } from 'ws';
import type { MessageMeter } from '../limits/exchange-limits.ts';
import type { TimeUnit } from './binance-frames.ts';
import type { BinanceProtocol } from './binance-protocol.ts';
import { type BinanceRequest, invalidStream, readBinanceRequest, tooMany } from './binance-request.ts';
import { channelOf, MAX_STREAMS } from './binance-streams.ts';
import type { Session } from './exchange-protocol.ts';
import { ExchangeSocket } from './exchange-socket.ts';

/** One socket at Binance. */
export class BinanceSession implements Session {
  readonly socket: ExchangeSocket;
  readonly timeUnit: TimeUnit;
  readonly streams = new Set<string>();
  isCombined: boolean;
  readonly #protocol: BinanceProtocol;
  readonly #meter: MessageMeter;
  #pingedMs: number;
  #unansweredMs: number | null = null;
  #isClosing = false;

  constructor(
    socket: WebSocket,
    protocol: BinanceProtocol,
    streams: readonly string[],
    options: { isCombined: boolean; timeUnit: TimeUnit },
    onClosed: () => void,
  ) {
    this.#protocol = protocol;
    this.#meter = protocol.gate.limits.messages();
    this.isCombined = options.isCombined;
    this.timeUnit = options.timeUnit;
    this.socket = new ExchangeSocket(socket, protocol.gate, {
      message: text => this.#receive(text),
      ping: () => this.#count(),
      pong: () => {
        this.#unansweredMs = null;
        this.#count();
      },
      closed: () => {
        this.#end();
        onClosed();
      },
    });
    this.#pingedMs = this.socket.openedMs;
    for (const stream of streams) this.#add(stream);
  }

  subscriptions(): Record<string, number> {
    const counts: Record<string, number> = {};
    for (const stream of this.streams) {
      const channel = channelOf(stream);
      counts[channel] = (counts[channel] ?? 0) + 1;
    }
    return counts;
  }

  fail(name = 'Invalid request'): void {
    this.socket.send(`{"error":{"code":2,"msg":${JSON.stringify(name)}}}`);
    this.socket.after(150, () => this.socket.close(1000));
  }

  /** The exchange asks everyone to leave; then it closes. */
  announceShutdown(closeAfterMs: number): void {
    const payload = `{"e":"serverShutdown","E":${Math.floor(this.#protocol.gate.exchangeNow())}}`;
    this.socket.send(this.isCombined ? `{"stream":"!serverShutdown","data":${payload}}` : payload);
    this.socket.after(closeAfterMs, () => this.socket.close(1001, 'Server shutdown'));
  }

  /** An event of a type nobody has heard of. */
  surprise(): void {
    const payload = `{"e":"somethingNew","E":${Math.floor(this.#protocol.gate.exchangeNow())},"s":"BTCUSDT","x":[1,"2"]}`;
    this.socket.send(this.isCombined ? `{"stream":"btcusdt@somethingNew","data":${payload}}` : payload);
  }

  /** Ping when it is time, cut a client that did not answer, end a connection that is too old. */
  checkLife(): void {
    const { gate, timings } = this.#protocol;
    if (this.socket.isHalfOpen) return;
    const nowMs = gate.now();
    if (nowMs - this.socket.openedMs >= timings.maxAgeMs) {
      this.socket.close(1001, 'Connection expired');
      return;
    }
    if (this.#unansweredMs !== null && nowMs - this.#unansweredMs >= timings.pongTimeoutMs) {
      this.socket.terminate();
      return;
    }
    if (nowMs - this.#pingedMs >= timings.pingIntervalMs) {
      this.#pingedMs = nowMs;
      this.#unansweredMs ??= nowMs;
      this.socket.ping(String(Math.floor(nowMs)));
    }
  }

  #receive(text: string): void {
    if (!this.#count()) return;
    const request = readBinanceRequest(text);
    const answer = this.#perform(request);
    if (answer === null) return;
    // Data that was already on its way comes first: an acknowledgement stands somewhere among it.
    this.socket.after(this.#protocol.prng.int(this.#protocol.timings.ackDelayMs + 1), () => this.socket.send(answer));
  }

  /** The answer; null for a request that nobody heard. */
  #perform(request: BinanceRequest): string | null {
    switch (request.method) {
      case 'SUBSCRIBE': {
        const fault = this.#protocol.gate.subscribeFaults.take(request.streams.map(stream => stream.split('@', 1)[0]!));
        if (fault === 'lose') return null;
        if (fault === 'refuse') return errorText(invalidStream(request.id));
        const added = request.streams.filter(stream => !this.streams.has(stream));
        if (this.streams.size + added.length > MAX_STREAMS) return errorText(tooMany(request.id));
        for (const stream of added) this.#add(stream);
        return result('null', request.id);
      }
      case 'UNSUBSCRIBE':
        for (const stream of request.streams) this.#remove(stream);
        return result('null', request.id);
      case 'LIST_SUBSCRIPTIONS':
        return result(JSON.stringify([...this.streams]), request.id);
      case 'SET_PROPERTY':
        this.isCombined = request.isCombined;
        return result('null', request.id);
      case 'GET_PROPERTY':
        return result(String(this.isCombined), request.id);
      case 'error':
        return errorText(request);
    }
  }

  /** False when this message was one too many. */
  #count(): boolean {
    if (this.#isClosing) return false;
    if (this.#meter.take()) return true;
    this.#isClosing = true;
    this.socket.close(1008, 'Too many requests');
    return false;
  }

  #add(stream: string): void {
    this.streams.add(stream);
    this.#protocol.subscribers.add(stream, this);
  }

  #remove(stream: string): void {
    this.streams.delete(stream);
    this.#protocol.subscribers.remove(stream, this);
  }

  #end(): void {
    for (const stream of [...this.streams]) this.#remove(stream);
  }
}

function result(value: string, id: string): string {
  return `{"result":${value},"id":${id}}`;
}

function errorText({ code, msg, id }: BinanceRequest & { method: 'error' }): string {
  const error = `"error":{"code":${code},"msg":${JSON.stringify(msg)}}`;
  return id === null ? `{${error}}` : `{${error},"id":${id}}`;
}

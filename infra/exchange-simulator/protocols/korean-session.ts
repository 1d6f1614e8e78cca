import type { WebSocket } from 'ws';
import type { MessageMeter } from '../limits/exchange-limits.ts';
import type { InstrumentState } from '../market/instrument-state.ts';
import type { ExchangeGate } from './exchange-gate.ts';
import type { Session } from './exchange-protocol.ts';
import { ExchangeSocket } from './exchange-socket.ts';
import type { KoreanProtocol } from './korean-protocol.ts';
import {
  KOREAN_ERRORS,
  type KoreanError,
  type KoreanErrorName,
  type KoreanFormat,
  koreanError,
  type RequestedPart,
  readKoreanRequest,
} from './korean-request.ts';

/** Replaced subscriptions go quiet after this, even with late frames left. */
const LATE_FRAMES_MS = 500;

/** One channel of one instrument on one socket. */
export class Subscription {
  readonly session: KoreanSession;
  readonly state: InstrumentState;
  readonly channel: string;
  readonly format: KoreanFormat;
  readonly depth: number;
  /** Names channel and instrument. */
  readonly topic: string;
  /** Subscriptions of equal form get the very same bytes. */
  readonly form: string;
  isLive = false;
  #lateUntilMs = 0;

  constructor(session: KoreanSession, state: InstrumentState, channel: string, format: KoreanFormat, depth: number) {
    this.session = session;
    this.state = state;
    this.channel = channel;
    this.format = format;
    this.depth = depth;
    this.topic = `${channel} ${state.instrument.nativeCode}`;
    this.form = `${format} ${depth}`;
  }

  /** It was replaced: whatever the session still lets slip, for a moment, is late. */
  retire(nowMs: number): void {
    this.#lateUntilMs = nowMs + LATE_FRAMES_MS;
  }

  wantsNext(gate: ExchangeGate): boolean {
    if (!this.isLive) return false;
    if (this.#lateUntilMs === 0) return true;
    return gate.now() < this.#lateUntilMs && this.session.takeLateFrame();
  }
}

/** One socket at Upbit or Bithumb. */
export class KoreanSession implements Session {
  readonly socket: ExchangeSocket;
  readonly #protocol: KoreanProtocol;
  readonly #meter: MessageMeter;
  #current: Subscription[] = [];
  #retired: Subscription[] = [];
  #parts: RequestedPart[] = [];
  #lateFrames = 0;
  #generation = 0;
  #isClosing = false;
  #status: NodeJS.Timeout | null = null;

  constructor(socket: WebSocket, protocol: KoreanProtocol, onClosed: () => void) {
    this.#protocol = protocol;
    this.#meter = protocol.gate.limits.messages();
    this.socket = new ExchangeSocket(socket, protocol.gate, {
      message: text => this.#receive(text),
      ping: () => undefined,
      pong: () => undefined,
      closed: () => {
        this.#end();
        onClosed();
      },
    });
  }

  subscriptions(): Record<string, number> {
    const counts: Record<string, number> = {};
    for (const { channel } of this.#current) counts[channel] = (counts[channel] ?? 0) + 1;
    return counts;
  }

  fail(name = 'WRONG_FORMAT'): void {
    const known = Object.keys(KOREAN_ERRORS).find((error): error is KoreanErrorName => error === name);
    this.#fail(known === undefined ? { name, message: name } : koreanError(known));
  }

  /** An event of a type nobody has heard of. */
  surprise(): void {
    const time = Math.floor(this.#protocol.gate.exchangeNow());
    const text = `{"type":"something_new","code":"KRW-BTC","timestamp":${time},"stream_type":"REALTIME"}`;
    this.socket.send(Buffer.from(text));
  }

  /** Cut the line when nothing went either way for too long. */
  checkIdle(): void {
    const { gate, timings } = this.#protocol;
    if (this.socket.isHalfOpen) return;
    if (gate.now() - this.socket.trafficMs >= timings.idleTimeoutMs) this.socket.terminate();
  }

  takeLateFrame(): boolean {
    if (this.#lateFrames === 0) return false;
    this.#lateFrames -= 1;
    return true;
  }

  #receive(text: string): void {
    if (this.#isClosing) return;
    if (!this.#meter.take()) {
      this.#fail(koreanError('TOO_MANY_REQUEST'));
      return;
    }
    const request = readKoreanRequest(text, this.#protocol.dialect.grammar);
    if (request.kind === 'error') this.#fail(request.error);
    else if (request.kind === 'ping') this.#startStatus();
    else if (request.kind === 'list') this.#list(request.ticket, request.format);
    else this.#subscribe(request.parts, request.format);
  }

  #subscribe(parts: RequestedPart[], format: KoreanFormat): void {
    const codes = parts.flatMap(part => part.codes.map(code => code.split('.', 1)[0]!));
    const fault = this.#protocol.gate.subscribeFaults.take(codes);
    if (fault === 'refuse') this.#fail(koreanError('WRONG_FORMAT'));
    else if (fault === null) this.#replace(parts, format);
  }

  /** The new list takes the place of all that was asked before; of that, up to two frames may still slip out. */
  #replace(parts: RequestedPart[], format: KoreanFormat): void {
    const { gate, prng } = this.#protocol;
    for (const old of this.#retired) this.#protocol.remove(old);
    const wanted = new Map<string, { part: RequestedPart; subscription: Subscription }>();
    for (const part of parts) {
      for (const code of part.codes) this.#want(wanted, part, code, format);
    }
    this.#retired = [];
    for (const old of this.#current) {
      const successor = wanted.get(old.topic);
      if (successor !== undefined) {
        successor.subscription.isLive = old.isLive && !successor.part.onlySnapshot;
        this.#protocol.remove(old);
      } else {
        old.retire(gate.now());
        this.#retired.push(old);
      }
    }
    this.#lateFrames = this.#current.length > 0 ? prng.int(3) : 0;
    this.#parts = parts;
    this.#current = [...wanted.values()].map(({ subscription }) => subscription);
    for (const subscription of this.#current) this.#protocol.add(subscription);
    this.#start([...wanted.values()]);
  }

  #want(
    wanted: Map<string, { part: RequestedPart; subscription: Subscription }>,
    part: RequestedPart,
    code: string,
    format: KoreanFormat,
  ): void {
    const { dialect, market } = this.#protocol;
    const suffix = part.type === 'orderbook' ? /^(.*)\.(\d+)$/.exec(code) : null;
    const state = market.find(dialect.exchange, suffix?.[1] ?? code);
    if (state === undefined || !part.hasData) return;
    const depth = part.type === 'orderbook' ? dialect.bookDepth(suffix === null ? null : Number(suffix[2])) : 0;
    const subscription = new Subscription(this, state, part.type, format, depth);
    wanted.set(subscription.topic, { part, subscription });
  }

  /** Snapshots after a moment, and from then on the live stream. */
  #start(wanted: Array<{ part: RequestedPart; subscription: Subscription }>): void {
    const { dialect, prng, timings } = this.#protocol;
    for (const { part, subscription } of wanted) {
      if (part.onlyRealtime) subscription.isLive = true;
      else if (!part.onlySnapshot && dialect.snapshotMayBeLate && prng.chance(0.25)) {
        subscription.isLive = true;
        const hasFrame = part.type === 'orderbook' || (part.type !== 'trade' && subscription.state.hasTraded);
        if (hasFrame) this.socket.send(this.#protocol.frame(subscription, 'REALTIME'));
      }
    }
    this.#generation += 1;
    const generation = this.#generation;
    this.socket.after(timings.snapshotDelayMs, () => {
      if (generation !== this.#generation) return;
      for (const { part, subscription } of wanted) {
        if (part.onlyRealtime) continue;
        if (part.type !== 'orderbook' && !subscription.state.hasTraded) {
          subscription.isLive = !part.onlySnapshot;
          continue;
        }
        this.socket.send(this.#protocol.frame(subscription, 'SNAPSHOT'));
        subscription.isLive = !part.onlySnapshot;
      }
    });
  }

  #list(ticket: string, format: KoreanFormat): void {
    const isShort = format.startsWith('SIMPLE');
    const result = this.#parts.map(part =>
      isShort ? { ty: part.type, cds: part.codes } : { type: part.type, codes: part.codes },
    );
    const body = isShort
      ? { mthd: 'LIST_SUBSCRIPTIONS', rslt: result, tckt: ticket }
      : { method: 'LIST_SUBSCRIPTIONS', result, ticket };
    this.socket.send(Buffer.from(JSON.stringify(body)));
  }

  #startStatus(): void {
    this.#status ??= setInterval(
      () => this.socket.send(Buffer.from('{"status":"UP"}')),
      this.#protocol.timings.statusIntervalMs,
    );
  }

  #fail(error: KoreanError): void {
    this.#isClosing = true;
    this.socket.send(Buffer.from(JSON.stringify({ error })));
    this.socket.after(this.#protocol.timings.errorCloseMs, () => this.socket.close(1000));
  }

  #end(): void {
    if (this.#status !== null) clearInterval(this.#status);
    for (const subscription of [...this.#current, ...this.#retired]) this.#protocol.remove(subscription);
    this.#current = [];
    this.#retired = [];
  }
}

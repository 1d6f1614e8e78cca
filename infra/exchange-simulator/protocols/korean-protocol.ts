import type { WebSocket } from 'ws';
import type { InstrumentState } from '../market/instrument-state.ts';
import type { ExchangeName } from '../market/instruments.ts';
import type { Market } from '../market/market.ts';
import type { Prng } from '../market/prng.ts';
import type { Trade } from '../market/trade.ts';
import type { ExchangeGate } from './exchange-gate.ts';
import { type ExchangeProtocol, json, type RestAnswer } from './exchange-protocol.ts';
import type { KoreanFormat, RequestGrammar } from './korean-request.ts';
import { KoreanSession, type Subscription } from './korean-session.ts';
import { Topics } from './topics.ts';

export type StreamType = 'SNAPSHOT' | 'REALTIME';

/** Everything a frame is written from. */
export type FrameSubject = {
  state: InstrumentState;
  channel: string;
  streamType: StreamType;
  format: KoreanFormat;
  /** Order book units. */
  depth: number;
  trade: Trade;
  nowMs: number;
};

/** What tells Upbit and Bithumb apart on the wire. */
export type KoreanDialect = {
  exchange: ExchangeName;
  grammar: RequestGrammar;
  /** Units for a code's `.N` suffix, null for none. */
  bookDepth(suffix: number | null): number;
  /** A REALTIME frame now and then overtakes the SNAPSHOT. */
  snapshotMayBeLate: boolean;
  /** How often a candle is sent at most; null when the exchange has none on its socket. */
  candleChannel: string | null;
  write(subject: FrameSubject): string;
  rest(path: string, query: URLSearchParams, market: Market, nowMs: number): RestAnswer;
};

export type KoreanTimings = {
  /** Silence after which the TCP connection is dropped. */
  idleTimeoutMs: number;
  /** From a request to its snapshots; 170 to 350 on the real ones. */
  snapshotDelayMs: number;
  /** Between two `{"status":"UP"}` after a text PING. */
  statusIntervalMs: number;
  /** From an error frame to the close. */
  errorCloseMs: number;
};

const PATH = '/websocket/v1';
const SECOND_MS = 1000;

/**
 * The socket protocol that Upbit and Bithumb share: binary frames with JSON, one array per request that replaces all
 * subscriptions, no acknowledgement (https://docs.upbit.com/kr/reference/websocket-guide,
 * https://apidocs.bithumb.com/reference).
 */
export class KoreanProtocol implements ExchangeProtocol {
  readonly exchange: ExchangeName;
  readonly compresses = true;
  readonly sessions = new Set<KoreanSession>();
  readonly dialect: KoreanDialect;
  readonly market: Market;
  readonly gate: ExchangeGate;
  readonly timings: KoreanTimings;
  readonly prng: Prng;
  readonly #topics = new Topics<Subscription>();
  readonly #changedBooks = new Set<InstrumentState>();
  readonly #changedCandles = new Set<InstrumentState>();

  constructor(dialect: KoreanDialect, market: Market, gate: ExchangeGate, timings: KoreanTimings, prng: Prng) {
    this.dialect = dialect;
    this.exchange = dialect.exchange;
    this.market = market;
    this.gate = gate;
    this.timings = timings;
    this.prng = prng;
  }

  refuses(path: string): RestAnswer | null {
    return path === PATH ? null : json('{"error":{"name":"not_found","message":"no Route matched"}}', 404);
  }

  open(socket: WebSocket): void {
    const session: KoreanSession = new KoreanSession(socket, this, () => this.sessions.delete(session));
    this.sessions.add(session);
  }

  traded(state: InstrumentState, fills: readonly Trade[]): void {
    const { nativeCode } = state.instrument;
    for (const fill of fills) fill.deliveries += this.#deliver('trade', nativeCode, fill);
    this.#deliver('ticker', nativeCode, state.lastTrade);
    if (this.dialect.candleChannel !== null) this.#changedCandles.add(state);
  }

  bookChanged(state: InstrumentState): void {
    this.#changedBooks.add(state);
  }

  flush(gridMs: number): void {
    for (const state of this.#changedBooks) {
      this.#deliver('orderbook', state.instrument.nativeCode, state.lastTrade);
    }
    this.#changedBooks.clear();
    const { candleChannel } = this.dialect;
    if (candleChannel !== null && gridMs % SECOND_MS === 0) {
      for (const state of this.#changedCandles) {
        this.#deliver(candleChannel, state.instrument.nativeCode, state.lastTrade);
      }
      this.#changedCandles.clear();
    }
    for (const session of this.sessions) session.checkIdle();
  }

  surprise(): void {
    for (const session of this.sessions) session.surprise();
  }

  rest(path: string, query: URLSearchParams): RestAnswer {
    return this.dialect.rest(path, query, this.market, this.gate.exchangeNow());
  }

  add(subscription: Subscription): void {
    this.#topics.add(subscription.topic, subscription);
  }

  remove(subscription: Subscription): void {
    this.#topics.remove(subscription.topic, subscription);
  }

  /** One frame for one subscription, outside the common fan-out. */
  frame(subscription: Subscription, streamType: StreamType): Buffer {
    const { state } = subscription;
    return this.#build(subscription, streamType, state.lastTrade);
  }

  /** Build each wanted form once, hand it to everyone who wants it, and count the sockets that took it. */
  #deliver(channel: string, nativeCode: string, trade: Trade): number {
    const subscriptions = this.#topics.of(`${channel} ${nativeCode}`);
    if (subscriptions === undefined) return 0;
    const round = this.gate.round(channel, `${channel} ${nativeCode}`);
    if (round === null) return 0;
    const built = new Map<string, Buffer>();
    let delivered = 0;
    for (const subscription of subscriptions) {
      if (!subscription.wantsNext(this.gate)) continue;
      let frame = built.get(subscription.form);
      if (frame === undefined) {
        frame = this.#build(subscription, 'REALTIME', trade);
        built.set(subscription.form, frame);
      }
      if (round.send(subscription.session.socket, frame)) delivered += 1;
    }
    round.end();
    return delivered;
  }

  #build(subscription: Subscription, streamType: StreamType, trade: Trade): Buffer {
    const { state, channel, format, depth } = subscription;
    return Buffer.from(
      this.dialect.write({
        state,
        channel,
        streamType,
        format,
        depth,
        trade,
        nowMs: Math.floor(this.gate.exchangeNow()),
      }),
    );
  }
}

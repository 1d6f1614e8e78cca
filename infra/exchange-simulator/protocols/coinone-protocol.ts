import type { WebSocket } from 'ws';
import type { InstrumentState } from '../market/instrument-state.ts';
import type { Market } from '../market/market.ts';
import type { Prng } from '../market/prng.ts';
import type { Trade } from '../market/trade.ts';
import { bookPayload, type CoinoneFormat, dataFrame, tickerPayload, tradePayload } from './coinone-frames.ts';
import type { CoinoneChannel } from './coinone-request.ts';
import { coinoneRest } from './coinone-rest.ts';
import { CoinoneSession, type CoinoneSubscription } from './coinone-session.ts';
import type { ExchangeGate } from './exchange-gate.ts';
import type { ExchangeProtocol, RestAnswer } from './exchange-protocol.ts';
import { Topics } from './topics.ts';

export type CoinoneTimings = {
  /** A socket that never sent anything is closed after this. */
  unusedTimeoutMs: number;
  /** From the last PING to the close. */
  pingTimeoutMs: number;
};

const REAL_TIMINGS: CoinoneTimings = { unusedTimeoutMs: 60_700, pingTimeoutMs: 30 * 60_000 };

/** Open sockets per address; all clients of a simulator share one. */
const MAX_SOCKETS = 20;
const TOO_MANY_SOCKETS = 4290;
/** How old the first book of a subscription says it is. */
const FIRST_BOOK_AGE_MS = 10_000;
/** Now and then a book is sent again as it was. */
const REPEATED_SHARE = 0.03;

/**
 * Coinone's public socket: text frames, one market and channel per request, whole books
 * (https://docs.coinone.co.kr/reference/public-websocket).
 */
export class CoinoneProtocol implements ExchangeProtocol {
  readonly exchange = 'coinone';
  readonly compresses = false;
  readonly sessions = new Set<CoinoneSession>();
  readonly market: Market;
  readonly gate: ExchangeGate;
  readonly timings: CoinoneTimings;
  readonly #prng: Prng;
  readonly #topics = new Topics<CoinoneSubscription>();
  readonly #changedBooks = new Set<InstrumentState>();

  constructor(market: Market, gate: ExchangeGate, prng: Prng, timings: Partial<CoinoneTimings> = {}) {
    this.market = market;
    this.gate = gate;
    this.timings = { ...REAL_TIMINGS, ...timings };
    this.#prng = prng;
  }

  refuses(path: string): RestAnswer | null {
    return path === '/' ? null : { status: 404, headers: {}, body: 'Not Found' };
  }

  open(socket: WebSocket): void {
    const isTooMany = this.sessions.size >= MAX_SOCKETS;
    const session: CoinoneSession = new CoinoneSession(socket, this, () => this.sessions.delete(session));
    if (isTooMany) session.socket.close(TOO_MANY_SOCKETS, 'Too many connections');
    else this.sessions.add(session);
  }

  traded(state: InstrumentState, fills: readonly Trade[]): void {
    for (const fill of fills) fill.deliveries += this.#deliver('TRADE', state, format => tradePayload(fill, format));
    this.#deliver('TICKER', state, format => tickerPayload(state, format));
  }

  bookChanged(state: InstrumentState): void {
    this.#changedBooks.add(state);
  }

  flush(): void {
    const changed = [...this.#changedBooks];
    this.#changedBooks.clear();
    const nowMs = Math.floor(this.gate.exchangeNow());
    for (const state of changed) {
      const timeMs = Math.floor(state.book.changedUs / 1000);
      this.#deliver('ORDERBOOK', state, format => bookPayload(state, format, timeMs, `${nowMs}001`));
      if (this.#prng.chance(REPEATED_SHARE)) this.#changedBooks.add(state);
    }
    for (const session of this.sessions) session.checkLife();
  }

  surprise(): void {
    for (const { socket } of this.sessions) socket.send('{"response_type":"DATA","channel":"SOMETHING_NEW","data":{}}');
  }

  rest(path: string, query: URLSearchParams): RestAnswer {
    return coinoneRest(path, query, this.market, this.gate.exchangeNow());
  }

  add(subscription: CoinoneSubscription): void {
    this.#topics.add(topicOf(subscription.channel, subscription.state), subscription);
  }

  remove(subscription: CoinoneSubscription): void {
    this.#topics.remove(topicOf(subscription.channel, subscription.state), subscription);
  }

  /** The book as it stands when a subscription begins. It says that it is older than it is. */
  firstBook({ state, format }: CoinoneSubscription): string {
    const nowMs = Math.floor(this.gate.exchangeNow());
    return dataFrame('ORDERBOOK', bookPayload(state, format, nowMs - FIRST_BOOK_AGE_MS, `${nowMs}001`), format);
  }

  /** Write each wanted format once, and count the sockets that took it. */
  #deliver(channel: CoinoneChannel, state: InstrumentState, write: (format: CoinoneFormat) => string): number {
    const subscriptions = this.#topics.of(topicOf(channel, state));
    const round = subscriptions === undefined ? null : this.gate.round(channel, topicOf(channel, state));
    if (subscriptions === undefined || round === null) return 0;
    const frames = new Map<CoinoneFormat, string>();
    let delivered = 0;
    for (const { session, format } of subscriptions) {
      const frame = frames.get(format) ?? dataFrame(channel, write(format), format);
      frames.set(format, frame);
      if (round.send(session.socket, frame)) delivered += 1;
    }
    round.end();
    return delivered;
  }
}

function topicOf(channel: CoinoneChannel, { instrument }: InstrumentState): string {
  return `${channel} ${instrument.nativeCode}`;
}

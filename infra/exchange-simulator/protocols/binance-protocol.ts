import type { WebSocket } from 'ws';
import type { InstrumentState } from '../market/instrument-state.ts';
import type { Market } from '../market/market.ts';
import type { Prng } from '../market/prng.ts';
import type { Trade } from '../market/trade.ts';
import { MINUTE_MS } from '../market/trade-statistics.ts';
import {
  aggregatePayload,
  aggregates,
  bookTickerPayload,
  depthPayload,
  klinePayload,
  miniTickerPayload,
  type TimeUnit,
  tickerPayload,
  topPayload,
  tradePayload,
} from './binance-frames.ts';
import { binanceRest } from './binance-rest.ts';
import { BinanceSession } from './binance-session.ts';
import { MAX_STREAMS, type StreamNames, streamNames } from './binance-streams.ts';
import { DepthJournal } from './depth-journal.ts';
import type { ExchangeGate } from './exchange-gate.ts';
import { type ExchangeProtocol, json, type RestAnswer } from './exchange-protocol.ts';
import { Topics } from './topics.ts';

export type BinanceTimings = {
  pingIntervalMs: number;
  /** From a PING to the cut when no PONG comes. */
  pongTimeoutMs: number;
  maxAgeMs: number;
  /** Acknowledgements come up to this much later, behind data that was on its way. */
  ackDelayMs: number;
};

type Listed = { state: InstrumentState; names: StreamNames; journal: DepthJournal; bestText: string };

const SECOND_MS = 1000;
const KLINE_MS = 2000;
const ALL_MINI_TICKERS = '!miniTicker@arr';

/**
 * Binance spot market streams: text frames, raw (`/ws`) or wrapped with the stream's name (`/stream`)
 * (https://developers.binance.com/docs/binance-spot-api-docs/web-socket-streams).
 */
export class BinanceProtocol implements ExchangeProtocol {
  readonly exchange = 'binance';
  readonly compresses = false;
  readonly sessions = new Set<BinanceSession>();
  readonly gate: ExchangeGate;
  readonly timings: BinanceTimings;
  readonly prng: Prng;
  readonly subscribers = new Topics<BinanceSession>();
  readonly #market: Market;
  readonly #listed = new Map<InstrumentState, Listed>();
  readonly #changedBooks = new Set<Listed>();
  readonly #ageing = new Set<Listed>();
  readonly #changedInSecond = new Set<Listed>();
  readonly #changedTickers = new Set<Listed>();
  readonly #changedKlines = new Set<Listed>();
  #lastMinuteMs = 0;

  constructor(market: Market, gate: ExchangeGate, timings: BinanceTimings, prng: Prng) {
    this.#market = market;
    this.gate = gate;
    this.timings = timings;
    this.prng = prng;
    for (const state of market.listed('binance')) this.#of(state);
  }

  refuses(path: string, query: URLSearchParams): RestAnswer | null {
    if (!/^\/(ws|stream)(\/|$)/.test(path)) return { status: 404, headers: {}, body: 'Not Found' };
    return streamsOf(path, query).length > MAX_STREAMS ? json('{"code":-1,"msg":"Too many streams"}', 400) : null;
  }

  open(socket: WebSocket, path: string, query: URLSearchParams): void {
    const isCombined = path.startsWith('/stream');
    const timeUnit: TimeUnit = query.get('timeUnit')?.toLowerCase() === 'microsecond' ? 'microsecond' : 'millisecond';
    const streams = streamsOf(path, query);
    const session: BinanceSession = new BinanceSession(socket, this, streams, { isCombined, timeUnit }, () =>
      this.sessions.delete(session),
    );
    this.sessions.add(session);
  }

  traded(state: InstrumentState, fills: readonly Trade[]): void {
    const listed = this.#of(state);
    const { names } = listed;
    const nowMs = this.gate.exchangeNow();
    for (const fill of fills) {
      fill.deliveries += this.#deliver(names.trade, 'trade', unit => tradePayload(fill, nowMs, unit));
    }
    if (this.subscribers.has(names.aggTrade)) {
      for (const group of aggregates(fills)) {
        const count = this.#deliver(names.aggTrade, 'aggTrade', unit => aggregatePayload(group, nowMs, unit));
        for (const fill of group) fill.deliveries += count;
      }
    }
    this.#changedTickers.add(listed);
    this.#changedKlines.add(listed);
  }

  bookChanged(state: InstrumentState): void {
    const listed = this.#of(state);
    this.#changedBooks.add(listed);
    this.#changedInSecond.add(listed);
    this.#changedTickers.add(listed);
    if (this.subscribers.has(listed.names.bookTicker)) this.#deliverBest(listed);
  }

  flush(gridMs: number): void {
    for (const listed of this.#changedBooks) {
      this.#deliverDepth(listed, 'fast', gridMs);
      this.#ageing.add(listed);
    }
    this.#changedBooks.clear();
    if (!this.gate.holdsSnapshots) {
      for (const listed of this.#ageing) if (listed.journal.age()) this.#ageing.delete(listed);
    }
    if (gridMs % SECOND_MS === 0) this.#flushSecond(gridMs);
    if (gridMs % KLINE_MS === 0) this.#flushKlines(gridMs);
    for (const session of this.sessions) session.checkLife();
  }

  rest(path: string, query: URLSearchParams): RestAnswer {
    const snapshot = (state: InstrumentState): ReturnType<DepthJournal['snapshot']> =>
      this.#of(state).journal.snapshot();
    return binanceRest(path, query, { market: this.#market, nowMs: this.gate.exchangeNow(), snapshot });
  }

  surprise(): void {
    for (const session of this.sessions) session.surprise();
  }

  /** Only a change of the best prices or sizes makes a book ticker. */
  #deliverBest(listed: Listed): void {
    const payload = bookTickerPayload(listed.state);
    const best = payload.slice(payload.indexOf(','));
    if (best === listed.bestText) return;
    listed.bestText = best;
    this.#deliver(listed.names.bookTicker, 'bookTicker', () => payload);
  }

  #deliverDepth({ state, names, journal }: Listed, speed: 'fast' | 'slow', gridMs: number): void {
    const changes = journal.take(speed);
    const stream = speed === 'fast' ? names.depthFast : names.depthSlow;
    if (changes !== null) this.#deliver(stream, 'depth', unit => depthPayload(state, changes, gridMs, unit));
    for (const [count, name] of speed === 'fast' ? names.topFast : names.topSlow) {
      const { bids, asks, updateId } = state.book;
      this.#deliver(name, `depth${count}`, () => topPayload(state, updateId, bids, asks, count));
    }
  }

  #flushSecond(gridMs: number): void {
    for (const listed of this.#changedInSecond) this.#deliverDepth(listed, 'slow', gridMs);
    this.#changedInSecond.clear();
    for (const { state, names } of this.#changedTickers) {
      this.#deliver(names.ticker, 'ticker', unit => tickerPayload(state, gridMs, unit));
      this.#deliver(names.miniTicker, 'miniTicker', unit => miniTickerPayload(state, gridMs, unit));
    }
    this.#deliver(ALL_MINI_TICKERS, 'miniTicker', unit => {
      const rows = [...this.#changedTickers].map(({ state }) => miniTickerPayload(state, gridMs, unit));
      return `[${rows.join(',')}]`;
    });
    this.#changedTickers.clear();
  }

  /** The current minute of whoever traded; when a minute ends, its last word for everyone who traded in it. */
  #flushKlines(gridMs: number): void {
    const minuteMs = Math.floor(gridMs / MINUTE_MS) * MINUTE_MS;
    const isOver = this.#lastMinuteMs !== 0 && minuteMs > this.#lastMinuteMs;
    const startMs = isOver ? this.#lastMinuteMs : minuteMs;
    this.#lastMinuteMs = Math.max(this.#lastMinuteMs, minuteMs);
    for (const { state, names } of isOver ? this.#listed.values() : this.#changedKlines) {
      if (!this.subscribers.has(names.kline)) continue;
      const minute = state.statistics.minute(startMs);
      if (minute.count === 0) continue;
      this.#deliver(names.kline, 'kline', unit => klinePayload(state, minute, isOver, gridMs, unit));
    }
    this.#changedKlines.clear();
  }

  /** What is kept about an instrument, from its listing on. */
  #of(state: InstrumentState): Listed {
    let listed = this.#listed.get(state);
    if (listed === undefined) {
      listed = { state, names: streamNames(state), journal: new DepthJournal(state.book), bestText: '' };
      this.#listed.set(state, listed);
    }
    return listed;
  }

  /** Build each wanted form once and hand it to every subscriber; returns how many sockets took it. */
  #deliver(stream: string, channel: string, build: (unit: TimeUnit) => string): number {
    const sessions = this.subscribers.of(stream);
    if (sessions === undefined) return 0;
    const round = this.gate.round(channel, stream);
    if (round === null) return 0;
    const payloads = new Map<TimeUnit, { raw: string; combined: string }>();
    let delivered = 0;
    for (const session of sessions) {
      let payload = payloads.get(session.timeUnit);
      if (payload === undefined) {
        const raw = build(session.timeUnit);
        payload = { raw, combined: `{"stream":"${stream}","data":${raw}}` };
        payloads.set(session.timeUnit, payload);
      }
      if (round.send(session.socket, session.isCombined ? payload.combined : payload.raw)) delivered += 1;
    }
    round.end();
    return delivered;
  }
}

/** Streams named by an address: `/ws/<a>/<b>` or `/stream?streams=<a>/<b>`. */
function streamsOf(path: string, query: URLSearchParams): string[] {
  const text = path.startsWith('/stream') ? (query.get('streams') ?? '') : decoded(path.slice('/ws/'.length));
  return text.split('/').filter(name => name !== '');
}

/** Percent signs undone; text that is not well-formed stays as it is and names no stream. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

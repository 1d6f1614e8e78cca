/**
 * Frames of Binance, Upbit and Bithumb, written by the exchange simulator's market as its sockets would send them, without any
 * socket: what is measured is our work, not the network's or the simulator's.
 */
import type { ExchangeName } from '../../shared/model/exchange.ts';
import { type Instrument, symbolOf } from '../../shared/model/instrument.ts';
import type { InstrumentState } from '../exchange-simulator/market/instrument-state.ts';
import { Market } from '../exchange-simulator/market/market.ts';
import type { Trade } from '../exchange-simulator/market/trade.ts';
import {
  bookTickerPayload,
  klinePayload,
  tickerPayload,
  topPayload,
  tradePayload,
} from '../exchange-simulator/protocols/binance-frames.ts';
import { bithumbDialect } from '../exchange-simulator/protocols/bithumb.ts';
import type { KoreanDialect } from '../exchange-simulator/protocols/korean-protocol.ts';
import { upbitDialect } from '../exchange-simulator/protocols/upbit.ts';

export type MarketFrame = {
  readonly exchange: ExchangeName;
  readonly channel: string;
  readonly bytes: Buffer;
  /** Milliseconds after the first moment of the market. */
  readonly at: number;
};

export type MarketFrames = {
  readonly frames: readonly MarketFrame[];
  /** By exchange, then by native code. */
  readonly instruments: ReadonlyMap<ExchangeName, ReadonlyMap<string, Instrument>>;
  readonly instrumentCount: number;
};

/** The first moment of the market. */
export const MARKET_START = Date.UTC(2026, 10, 22);
/** Tickers and partial books of Binance, candles of Upbit; candles of Binance. */
const SLOW_STREAM_MS = 1000;
const KLINE_MS = 2000;
const DIALECTS = new Map<ExchangeName, KoreanDialect>([
  ['upbit', upbitDialect],
  ['bithumb', bithumbDialect],
]);

export type MarketFramesOptions = {
  readonly instruments: number;
  /** The market lives on until there are this many. */
  readonly frames: number;
  /** Trades and book changes of the mean instrument per second, counted as the simulator does. */
  readonly eventsPerInstrument?: number;
  readonly seed?: number;
  /** Begin with one frame of each channel of each instrument, as the answers to subscriptions do. */
  readonly opens?: boolean;
};

/**
 * The full mix, in the order of the wire. Per trade a trade frame, and at Upbit and Bithumb a ticker; per book change a
 * book there and a best quote at Binance, whose tickers and partial books come once a second at most; candles while
 * somebody trades, once a second at Upbit and every other second at Binance. Changes of books are not in it: by default no
 * book is built from them. Other exchanges of the market are left out.
 */
export function createMarketFrames(options: MarketFramesOptions): MarketFrames {
  const { instruments: instrumentCount, frames: wanted, eventsPerInstrument = 2.5, seed = 1, opens = false } = options;
  const eventsPerSecond = eventsPerInstrument * instrumentCount;
  const market = new Market({ seed, instruments: instrumentCount, eventsPerSecond, startMs: MARKET_START });
  const frames: MarketFrame[] = [];
  const lastSlow = new Map<string, number>();
  const add = (exchange: ExchangeName, channel: string, text: string): void => {
    frames.push({ exchange, channel, bytes: Buffer.from(text), at: market.nowMs - MARKET_START });
  };
  const addBinance = (state: InstrumentState, channel: string, payload: string): void => {
    const stream = `${state.instrument.nativeCode.toLowerCase()}@${channel}`;
    add('binance', channel, `{"stream":"${stream}","data":${payload}}`);
  };
  const isDue = ({ instrument }: InstrumentState, channel: string, everyMs = SLOW_STREAM_MS): boolean => {
    const key = `${channel} ${instrument.exchange} ${instrument.nativeCode}`;
    if (market.nowMs - (lastSlow.get(key) ?? Number.NEGATIVE_INFINITY) < everyMs) return false;
    lastSlow.set(key, market.nowMs);
    return true;
  };
  const addKorean = (state: InstrumentState, channel: string, trade: Trade): void => {
    const { exchange } = state.instrument;
    const dialect = DIALECTS.get(exchange);
    if (dialect === undefined) return;
    const nowMs = Math.floor(market.nowMs);
    const subject = { state, channel, streamType: 'REALTIME', format: 'DEFAULT', depth: 15, trade, nowMs } as const;
    add(exchange, channel, dialect.write(subject));
  };
  market.listener = {
    traded: (state, fills) => {
      if (state.instrument.exchange === 'binance') {
        for (const fill of fills) addBinance(state, 'trade', tradePayload(fill, market.nowMs, 'millisecond'));
        if (isDue(state, 'ticker')) addBinance(state, 'ticker', tickerPayload(state, market.nowMs, 'millisecond'));
        if (isDue(state, 'kline_1m', KLINE_MS)) {
          const minute = state.statistics.latestMinute();
          addBinance(state, 'kline_1m', klinePayload(state, minute, false, market.nowMs, 'millisecond'));
        }
      } else {
        for (const fill of fills) addKorean(state, 'trade', fill);
        addKorean(state, 'ticker', state.lastTrade);
        const candle = DIALECTS.get(state.instrument.exchange)?.candleChannel ?? null;
        if (candle !== null && isDue(state, candle)) addKorean(state, candle, state.lastTrade);
      }
    },
    bookChanged: state => {
      if (state.instrument.exchange === 'binance') {
        const { updateId, bids, asks } = state.book;
        addBinance(state, 'bookTicker', bookTickerPayload(state));
        if (isDue(state, 'depth20')) addBinance(state, 'depth20', topPayload(state, updateId, bids, asks, 20));
      } else addKorean(state, 'orderbook', state.lastTrade);
    },
  };
  if (opens) {
    for (const state of market.states) {
      market.listener.traded(state, [state.lastTrade]);
      market.listener.bookChanged(state);
    }
  }
  for (let now = MARKET_START + 100; frames.length < wanted; now += 100) market.advance(now);
  return { frames: frames.slice(0, wanted), instruments: instrumentsOf(market), instrumentCount };
}

function instrumentsOf(market: Market): MarketFrames['instruments'] {
  const byExchange = new Map<ExchangeName, Map<string, Instrument>>();
  for (const { instrument } of market.states) {
    const { exchange, nativeCode, base, quote } = instrument;
    const index = byExchange.get(exchange) ?? new Map<string, Instrument>();
    byExchange.set(exchange, index.set(nativeCode, benchInstrument(exchange, nativeCode, base.ticker, quote)));
  }
  return byExchange;
}

/** An instrument as a market list without details would give it. */
export function benchInstrument(exchange: ExchangeName, nativeCode: string, base: string, quote: string): Instrument {
  return {
    exchange,
    nativeCode,
    symbol: symbolOf(base, quote),
    base,
    quote,
    englishName: null,
    koreanName: null,
    tickSize: null,
    lotSize: null,
    status: 'trading',
    firstSeen: MARKET_START,
    lastSeen: MARKET_START,
  };
}

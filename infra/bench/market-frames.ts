/**
 * Frames of Binance, Upbit and Bithumb, written by the exchange simulator's market as its sockets would send them, without any
 * socket: what is measured is our work, not the network's or the simulator's.
 */
import type { ExchangeName } from '../../shared/model/exchange.ts';
import { type Instrument, symbolOf } from '../../shared/model/instrument.ts';
import { FULL_SIZE, type InstrumentCounts } from '../exchange-simulator/market/instruments.ts';
import { Market } from '../exchange-simulator/market/market.ts';
import { openSimulatedSockets, SIMULATED, type Simulated } from './simulated-sockets.ts';

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
/** The exchanges publish on a grid of this. */
const GRID_MS = 100;

export type MarketFramesOptions = {
  readonly instruments: number;
  /** The market lives on until there are this many. */
  readonly frames: number;
  /** Trades and book changes of the mean instrument per second, counted as the simulator does. */
  readonly eventsPerInstrument?: number;
  readonly seed?: number;
  /** Begin with one frame of each channel of each instrument, as the answers to subscriptions do. */
  readonly opens?: boolean;
  /** Of so many of Binance, the busiest, the changes of their books instead of their tops; of none by default. */
  readonly deltaBooks?: number;
};

/**
 * All that a node subscribes to, as the sockets of {@link openSimulatedSockets} send it, in the order of the wire. The
 * exchanges share the instruments as they do at full size.
 */
export function createMarketFrames(options: MarketFramesOptions): MarketFrames {
  const { instruments: instrumentCount, frames: wanted, eventsPerInstrument = 2.5, seed = 1, opens = false } = options;
  const { deltaBooks = 0 } = options;
  const counts = sharedOut(instrumentCount);
  const eventsPerSecond = eventsPerInstrument * instrumentCount;
  const market = new Market({ seed, instruments: counts, eventsPerSecond, startMs: MARKET_START });
  const instruments = instrumentsOf(market);
  const frames: MarketFrame[] = [];
  const sockets = openSimulatedSockets({
    market,
    seed,
    instruments: exchange => [...(instruments.get(exchange)?.values() ?? [])],
    deltaSymbols: new Set(busiest(instruments.get('binance'), deltaBooks)),
    onFrame: (exchange, frame) => {
      const bytes = Buffer.from(frame);
      frames.push({ exchange, channel: channelOf(bytes.toString()), bytes, at: market.nowMs - MARKET_START });
    },
  });
  market.listener = {
    traded: (state, fills) => sockets.get(state.instrument.exchange)?.traded(state, fills),
    bookChanged: state => sockets.get(state.instrument.exchange)?.bookChanged(state),
  };
  const flush = (gridMs: number): void => {
    for (const socket of sockets.values()) socket.flush(gridMs);
  };
  if (opens) {
    for (const state of market.states) {
      market.listener.traded(state, [state.lastTrade]);
      market.listener.bookChanged(state);
    }
    flush(MARKET_START);
  }
  for (let gridMs = MARKET_START + GRID_MS; frames.length < wanted; gridMs += GRID_MS) {
    market.advance(gridMs);
    flush(gridMs);
  }
  return { frames: frames.slice(0, wanted), instruments, instrumentCount };
}

/** The market lists them from the top. */
function busiest(index: ReadonlyMap<string, Instrument> | undefined, count: number): string[] {
  return [...(index?.values() ?? [])].slice(0, count).map(({ symbol }) => symbol);
}

/** How many instruments each exchange has; nobody carries those of others here. */
function sharedOut(count: number): InstrumentCounts {
  const whole = SIMULATED.reduce((sum, exchange) => sum + FULL_SIZE[exchange], 0);
  const of = (exchange: Simulated) => Math.max(1, Math.round((count * FULL_SIZE[exchange]) / whole));
  const [upbit, bithumb] = [of('upbit'), of('bithumb')];
  return { binance: count - upbit - bithumb, upbit, bithumb, coinone: 0 };
}

/** `{"stream":"btcusdt@trade",…` and `{"type":"trade",…`. */
function channelOf(text: string): string {
  return /^\{"(?:stream":"[^"@]+@|type":")([^"]+)"/.exec(text)![1]!;
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

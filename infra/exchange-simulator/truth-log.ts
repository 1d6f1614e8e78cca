import type { InstrumentState } from './market/instrument-state.ts';
import { EXCHANGES, type ExchangeName } from './market/instruments.ts';
import type { Levels } from './market/order-book.ts';
import type { Trade } from './market/trade.ts';
import { TRADE_IDS } from './trade-ids.ts';
import { type MinuteSums, TruthCandles } from './truth-candles.ts';

const HOUR_MS = 3_600_000;

/** A trade as it really happened. Numbers are canonical decimal text: no exponent, no needless zeros. */
export type TruthTrade = {
  /** Position among all trades of the simulator, from 0. */
  index: number;
  exchange: ExchangeName;
  symbol: string;
  nativeCode: string;
  /** The id on the socket. */
  id: string;
  /** The id in REST lists: another number on Bithumb, where several trades may share it. */
  restId: string;
  /** Binance only: the aggregate trade this fill belongs to. */
  aggregateId: string | null;
  price: string;
  size: string;
  takerSide: 'buy' | 'sell';
  /** Epoch milliseconds, as the exchange prints it. */
  exchangeTime: number;
  exchangeTimeMicroseconds: number;
  /** Live frames that carried it to a socket: 0 means nobody was subscribed, or a fault held it back. */
  deliveries: number;
};

export type TruthBook = {
  exchange: ExchangeName;
  symbol: string;
  nativeCode: string;
  /** Best first. On Bithumb rounded to the four decimals it publishes, levels that round to nothing left out. */
  bids: Array<[price: string, size: string]>;
  asks: Array<[price: string, size: string]>;
  /** Binance's update id; counts on the others too, but is not published there. */
  sequence: number;
  exchangeTimeMicroseconds: number;
};

export type TruthTicker = {
  exchange: ExchangeName;
  symbol: string;
  nativeCode: string;
  last: string;
  open: string;
  high: string;
  low: string;
  /** Base and quote volume of the rolling day. */
  volume: string;
  quoteVolume: string;
  /** Last price minus the price the exchange counts its change from. */
  change: string;
};

/** One minute in which the instrument traded, from the trades themselves. */
export type TruthCandle = {
  exchange: ExchangeName;
  symbol: string;
  nativeCode: string;
  /** Epoch milliseconds by the exchange's clock. */
  openTime: number;
  open: string;
  high: string;
  low: string;
  close: string;
  volume: string;
  quoteVolume: string;
  trades: number;
};

export type TradeFilter = {
  exchange?: ExchangeName;
  symbol?: string;
  /** Only trades with a greater index. */
  afterIndex?: number;
  limit?: number;
};

/**
 * What happened, told from the market's whole numbers and never from frames, so that a simulator and an adapter that
 * misread a protocol in the same way are still found out.
 */
export class TruthLog {
  readonly #states: readonly InstrumentState[];
  readonly #capacity: number;
  readonly #candles = new TruthCandles();
  #trades: Trade[] = [];

  constructor(states: readonly InstrumentState[], capacity: number) {
    this.#states = states;
    this.#capacity = capacity;
  }

  record(fills: readonly Trade[]): void {
    for (const fill of fills) {
      this.#trades.push(fill);
      this.#candles.record(fill);
    }
    if (this.#trades.length <= this.#capacity * 1.1) return;
    this.#trades = this.#trades.slice(-this.#capacity);
    // The REST lists reach as far back as the truth, no further.
    for (const state of this.#states) state.forgetBefore(this.#trades[0]!.index);
  }

  /** Trades still held, oldest first: all, of one exchange, or of a filter. */
  trades(filter: ExchangeName | TradeFilter = {}): TruthTrade[] {
    const {
      exchange,
      symbol,
      afterIndex = -1,
      limit = Number.POSITIVE_INFINITY,
    } = typeof filter === 'string' ? { exchange: filter } : filter;
    const rows: TruthTrade[] = [];
    const first = this.#trades[0]?.index ?? 0;
    for (let at = Math.max(0, afterIndex + 1 - first); at < this.#trades.length && rows.length < limit; at += 1) {
      const trade = this.#trades[at]!;
      const { instrument } = trade.state;
      if (exchange !== undefined && instrument.exchange !== exchange) continue;
      if (symbol !== undefined && instrument.symbol !== symbol) continue;
      rows.push(truthOf(trade));
    }
    return rows;
  }

  /** Index of the newest trade: a test notes it and later asks for what came after. */
  get lastIndex(): number {
    return this.#trades.at(-1)?.index ?? -1;
  }

  book(exchange: ExchangeName, symbol: string, depth = Number.POSITIVE_INFINITY): TruthBook | null {
    const state = this.#find(exchange, symbol);
    return state === null ? null : bookOf(state, depth);
  }

  books(exchange?: ExchangeName, depth?: number): TruthBook[] {
    return this.#of(exchange).map(state => bookOf(state, depth));
  }

  ticker(exchange: ExchangeName, symbol: string): TruthTicker | null {
    const state = this.#find(exchange, symbol);
    return state === null ? null : tickerOf(state);
  }

  tickers(exchange?: ExchangeName): TruthTicker[] {
    return this.#of(exchange).map(tickerOf);
  }

  /** Minutes with trades, oldest first in each instrument; `limit` counts from the newest. */
  candles({ exchange, symbol, limit = Number.POSITIVE_INFINITY }: TradeFilter = {}): TruthCandle[] {
    const states = this.#of(exchange).filter(({ instrument }) => symbol === undefined || instrument.symbol === symbol);
    return states.flatMap(state =>
      this.#candles
        .of(state)
        .slice(-Math.min(limit, Number.MAX_SAFE_INTEGER))
        .map(sums => candleOf(state, sums)),
    );
  }

  #of(exchange?: ExchangeName): InstrumentState[] {
    return this.#states.filter(
      ({ instrument, isListed }) => isListed && (exchange === undefined || instrument.exchange === exchange),
    );
  }

  #find(exchange: ExchangeName, symbol: string): InstrumentState | null {
    return (
      this.#states.findLast(({ instrument }) => instrument.exchange === exchange && instrument.symbol === symbol) ??
      null
    );
  }
}

export function isExchangeName(name: unknown): name is ExchangeName {
  return EXCHANGES.some(exchange => exchange === name);
}

/** Canonical text, by whole-number division: deliberately not the code that writes frames. */
function decimalText(units: bigint, decimals: number): string {
  if (units < 0n) return `-${decimalText(-units, decimals)}`;
  const scale = 10n ** BigInt(decimals);
  const fraction = (units % scale).toString().padStart(decimals, '0').replace(/0+$/, '');
  return fraction === '' ? `${units / scale}` : `${units / scale}.${fraction}`;
}

function truthOf(trade: Trade): TruthTrade {
  const { instrument, idBase } = trade.state;
  const { exchange } = instrument;
  return {
    index: trade.index,
    exchange,
    symbol: instrument.symbol,
    nativeCode: instrument.nativeCode,
    id: TRADE_IDS[exchange].socket(trade),
    restId: TRADE_IDS[exchange].rest(trade),
    aggregateId: exchange === 'binance' ? String(idBase + trade.aggregate) : null,
    price: decimalText(BigInt(trade.price), instrument.priceDecimals),
    size: decimalText(BigInt(trade.size), instrument.sizeDecimals),
    takerSide: trade.takerBuys ? 'buy' : 'sell',
    exchangeTime: Math.floor(trade.timeUs / 1000),
    exchangeTimeMicroseconds: trade.timeUs,
    deliveries: trade.deliveries,
  };
}

function bookOf(state: InstrumentState, depth = Number.POSITIVE_INFINITY): TruthBook {
  const { instrument, book } = state;
  return {
    exchange: instrument.exchange,
    symbol: instrument.symbol,
    nativeCode: instrument.nativeCode,
    bids: levelsOf(state, book.bids, depth),
    asks: levelsOf(state, book.asks, depth),
    sequence: book.updateId,
    exchangeTimeMicroseconds: book.changedUs,
  };
}

function candleOf({ instrument }: InstrumentState, sums: MinuteSums): TruthCandle {
  const { exchange, symbol, nativeCode, priceDecimals, sizeDecimals } = instrument;
  const price = (units: number): string => decimalText(BigInt(units), priceDecimals);
  return {
    exchange,
    symbol,
    nativeCode,
    openTime: sums.openTime,
    open: price(sums.open),
    high: price(sums.high),
    low: price(sums.low),
    close: price(sums.close),
    volume: decimalText(sums.volume, sizeDecimals),
    quoteVolume: decimalText(sums.quoteVolume, priceDecimals + sizeDecimals),
    trades: sums.count,
  };
}

function levelsOf(state: InstrumentState, levels: Levels, depth: number): Array<[string, string]> {
  const { exchange, priceDecimals, sizeDecimals } = state.instrument;
  const step = exchange === 'bithumb' && sizeDecimals > 4 ? 10n ** BigInt(sizeDecimals - 4) : 1n;
  const rows: Array<[string, string]> = [];
  for (let index = 0; index < levels.prices.length && rows.length < depth; index += 1) {
    const size = ((BigInt(levels.sizes[index]!) + step / 2n) / step) * step;
    if (size === 0n) continue;
    rows.push([decimalText(BigInt(levels.prices[index]!), priceDecimals), decimalText(size, sizeDecimals)]);
  }
  return rows;
}

function tickerOf(state: InstrumentState): TruthTicker {
  const { instrument, statistics, lastTrade } = state;
  const { exchange, priceDecimals, sizeDecimals } = instrument;
  const nowMs = Math.floor(lastTrade.timeUs / 1000);
  const rolling = statistics.rollingDay(nowMs);
  const zoneMs = exchange === 'bithumb' ? 9 * HOUR_MS : 0;
  const { today, previousClose } = statistics.day(nowMs, zoneMs);
  const window = exchange === 'binance' ? rolling : today;
  const base = exchange === 'binance' ? rolling.open : previousClose;
  const price = (units: number): string => decimalText(BigInt(units), priceDecimals);
  return {
    exchange,
    symbol: instrument.symbol,
    nativeCode: instrument.nativeCode,
    last: price(lastTrade.price),
    open: price(window.open),
    high: price(window.high),
    low: price(window.low),
    volume: decimalText(rolling.volume, sizeDecimals),
    quoteVolume: decimalText(rolling.quoteVolume, priceDecimals + sizeDecimals),
    change: price(lastTrade.price - base),
  };
}

import { InstrumentState } from './instrument-state.ts';
import { createInstruments, type ExchangeName, type Instrument } from './instruments.ts';
import type { Side } from './order-book.ts';
import { PriceProcess } from './price-process.ts';
import { Prng } from './prng.ts';
import { quote, randomSize, tweak } from './quoting.ts';
import { floorToTick, nextTick } from './tick-table.ts';
import { type Trade, tradeMs } from './trade.ts';
import { DAY_MS } from './trade-statistics.ts';

/** Told what happened, in order. */
export type MarketListener = {
  /** The fills of one taker order, after its book was changed. */
  traded(state: InstrumentState, fills: readonly Trade[]): void;
  bookChanged(state: InstrumentState): void;
};

export type MarketOptions = {
  seed: number;
  /** Instruments over all exchanges. */
  instruments: number;
  /** Changes per second over all exchanges: each trade counts three (trade, ticker, book), each book change one. */
  eventsPerSecond: number;
  /** Epoch milliseconds at which the market must look as if it had always been open. */
  startMs: number;
};

const TRADE_SHARE = 0.4;
const CHANGES_PER_STEP = 1 + 2 * TRADE_SHARE;
/** About what one fill is worth, for the volumes of the invented past. */
const USD_PER_TRADE = 400;
const WARM_UP_MS = 120_000;
const WARM_UP_STEPS_PER_INSTRUMENT = 100;
const MAX_WARM_UP_STEPS = 20_000;

/**
 * The one market behind all simulated exchanges: pure, seeded, and moved only by `advance`. The same options and the
 * same target times give the same trades and books.
 */
export class Market {
  readonly states: readonly InstrumentState[];
  readonly prices: PriceProcess;
  listener: MarketListener | null = null;
  steps = 0;
  tradeCount = 0;
  readonly #prng: Prng;
  readonly #cumulativeWeights: Float64Array;
  readonly #exchangeTrades: Record<ExchangeName, number> = { binance: 0, upbit: 0, bithumb: 0 };
  readonly #byCode = new Map<string, InstrumentState>();
  #meanStepMs: number;
  #nowMs: number;
  #nextStepMs: number;

  constructor(options: MarketOptions, listener: MarketListener | null = null) {
    const { coins, instruments } = createInstruments(options.instruments, options.seed);
    this.#prng = new Prng(options.seed);
    this.listener = listener;
    this.#nowMs = options.startMs - WARM_UP_MS;
    this.prices = new PriceProcess(coins, this.#prng, this.#nowMs);
    const totalWeight = instruments.reduce((total, instrument) => total + instrument.weight, 0);
    const tradesPerDay = (options.eventsPerSecond / CHANGES_PER_STEP) * TRADE_SHARE * (DAY_MS / 1000);
    this.states = instruments.map(instrument =>
      this.#open(instrument, (tradesPerDay * instrument.weight) / totalWeight),
    );
    for (const state of this.states)
      this.#byCode.set(keyOf(state.instrument.exchange, state.instrument.nativeCode), state);
    let sum = 0;
    this.#cumulativeWeights = Float64Array.from(instruments, instrument => {
      sum += instrument.weight;
      return sum;
    });
    const meanStepMs = (1000 * CHANGES_PER_STEP) / options.eventsPerSecond;
    const warmUpSteps = Math.min(MAX_WARM_UP_STEPS, instruments.length * WARM_UP_STEPS_PER_INSTRUMENT);
    this.#meanStepMs = Math.max(meanStepMs, WARM_UP_MS / warmUpSteps);
    this.#nextStepMs = this.#nowMs;
    this.#warmUp(options.startMs);
    this.#meanStepMs = meanStepMs;
    this.#nextStepMs = options.startMs + this.#prng.exponential(meanStepMs);
  }

  get nowMs(): number {
    return this.#nowMs;
  }

  find(exchange: ExchangeName, nativeCode: string): InstrumentState | undefined {
    return this.#byCode.get(keyOf(exchange, nativeCode));
  }

  listed(exchange: ExchangeName): InstrumentState[] {
    return this.states.filter(state => state.instrument.exchange === exchange);
  }

  /** Let everything happen that is due before `toMs` (epoch milliseconds). Time never goes back. */
  advance(toMs: number): void {
    while (this.#nextStepMs < toMs) {
      this.#nowMs = Math.max(this.#nowMs, this.#nextStepMs);
      this.#step(this.#pick());
      this.#nextStepMs = this.#nowMs + this.#prng.exponential(this.#meanStepMs);
    }
    this.#nowMs = Math.max(this.#nowMs, toMs);
  }

  /** Let time pass in which nothing happens, as after the host slept. */
  skip(toMs: number): void {
    this.#nowMs = Math.max(this.#nowMs, toMs);
    this.#nextStepMs = this.#nowMs + this.#prng.exponential(this.#meanStepMs);
  }

  #open(instrument: Instrument, dailyTrades: number): InstrumentState {
    const fair = this.prices.fair(instrument, this.#nowMs) * 10 ** instrument.priceDecimals;
    const size = (USD_PER_TRADE / instrument.base.usd) * 10 ** instrument.sizeDecimals;
    const state = new InstrumentState(instrument, this.#nowMs, fair, { trades: dailyTrades, size }, this.#prng);
    state.book.changedUs = this.#nowMs * 1000;
    quote(state, fair, this.#prng);
    return state;
  }

  /** Every instrument trades once, then the whole market lives through two minutes. */
  #warmUp(untilMs: number): void {
    for (const state of this.states) this.#trade(state);
    this.advance(untilMs);
  }

  #pick(): InstrumentState {
    const weights = this.#cumulativeWeights;
    const target = this.#prng.unit() * weights[weights.length - 1]!;
    let low = 0;
    let high = weights.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (weights[middle]! > target) high = middle;
      else low = middle + 1;
    }
    return this.states[low]!;
  }

  #step(state: InstrumentState): void {
    this.steps += 1;
    if (this.#prng.chance(TRADE_SHARE)) {
      this.#trade(state);
      return;
    }
    const before = state.book.updateId;
    this.#requote(state);
    tweak(state, this.#prng);
    if (state.book.updateId !== before) this.#bookChanged(state);
  }

  #requote(state: InstrumentState): void {
    const { instrument } = state;
    quote(state, this.prices.fair(instrument, this.#nowMs) * 10 ** instrument.priceDecimals, this.#prng);
  }

  #bookChanged(state: InstrumentState): void {
    state.book.changedUs = Math.floor(this.#nowMs * 1000);
    this.listener?.bookChanged(state);
  }

  /** One taker order: it eats the best levels, now and then two of them, now and then in two equal fills. */
  #trade(state: InstrumentState): void {
    this.#requote(state);
    const takerBuys = this.#prng.chance(0.5) || state.book.bids.prices.length < 2;
    const side: Side = takerBuys ? 'ask' : 'bid';
    const levels = state.book.levels(side);
    const fills: Trade[] = [];
    const wanted = randomSize(state, this.#prng);
    let left = this.#prng.chance(0.75) ? Math.min(wanted, levels.sizes[0]!) : wanted;
    const twins = this.#prng.chance(0.04) && levels.sizes[0]! > 2 * left;
    let lastPrice = 0;
    for (let fill = 0; left > 0 && fill < 4 && levels.prices.length > 1; fill += 1) {
      const price = levels.prices[0]!;
      const size = Math.min(left, levels.sizes[0]!);
      if (price !== lastPrice) state.aggregateCount += 1;
      lastPrice = price;
      state.book.set(side, price, levels.sizes[0]! - size);
      fills.push(this.#fill(state, price, size, takerBuys));
      left = twins && fill === 0 ? size : left - size;
    }
    state.book.changedUs = Math.floor(this.#nowMs * 1000);
    this.listener?.traded(state, fills);
    this.listener?.bookChanged(state);
  }

  #fill(state: InstrumentState, price: number, size: number, takerBuys: boolean): Trade {
    const { exchange } = state.instrument;
    const timeUs = Math.floor(this.#nowMs * 1000);
    const previous = state.trades.at(-1);
    const isSameMs = previous !== undefined && tradeMs(previous) === Math.floor(timeUs / 1000);
    state.tradeCount += 1;
    this.#exchangeTrades[exchange] += 1;
    const trade: Trade = {
      index: this.tradeCount,
      state,
      number: state.tradeCount,
      aggregate: state.aggregateCount,
      exchangeNumber: this.#exchangeTrades[exchange],
      price,
      size,
      takerBuys,
      timeUs,
      withinMs: isSameMs ? previous.withinMs + 1 : 0,
      deliveries: 0,
    };
    this.tradeCount += 1;
    state.remember(trade);
    return trade;
  }
}

/** True when both halves are ordered best first, on the price grid, without empty levels, and do not touch. */
export function isSound(state: InstrumentState): boolean {
  const { bids, asks } = state.book;
  const { tick } = state.instrument;
  const isOrdered = (prices: readonly number[], sign: number): boolean =>
    prices.every((price, index) => index === 0 || (price - prices[index - 1]!) * sign > 0);
  const isOnGrid = (price: number): boolean => floorToTick(price, tick) === price && nextTick(price, tick) > price;
  return (
    isOrdered(bids.prices, -1) &&
    isOrdered(asks.prices, 1) &&
    [...bids.prices, ...asks.prices].every(isOnGrid) &&
    [...bids.sizes, ...asks.sizes].every(size => size > 0 && Number.isSafeInteger(size)) &&
    bids.prices[0]! < asks.prices[0]!
  );
}

function keyOf(exchange: ExchangeName, nativeCode: string): string {
  return `${exchange} ${nativeCode}`;
}

import type { Coin } from './coins.ts';
import { InstrumentState } from './instrument-state.ts';
import {
  createInstruments,
  EXCHANGES,
  type ExchangeName,
  type Instrument,
  type InstrumentCounts,
} from './instruments.ts';
import type { Side } from './order-book.ts';
import { PriceProcess } from './price-process.ts';
import { Prng } from './prng.ts';
import { quote, randomSize, tweak } from './quoting.ts';
import type { Trade } from './trade.ts';
import { DAY_MS } from './trade-statistics.ts';

/** Told what happened, in order. */
export type MarketListener = {
  /** The fills of one taker order, after its book was changed. */
  traded(state: InstrumentState, fills: readonly Trade[]): void;
  bookChanged(state: InstrumentState): void;
};

export type MarketOptions = {
  seed: number;
  /** Instruments over all exchanges, or at each. */
  instruments: InstrumentCounts;
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
  /** Everything ever listed, in that order. */
  readonly states: readonly InstrumentState[];
  readonly coins: readonly Coin[];
  readonly prices: PriceProcess;
  listener: MarketListener | null = null;
  steps = 0;
  tradeCount = 0;
  readonly #prng: Prng;
  readonly #states: InstrumentState[];
  #cumulativeWeights: Float64Array = new Float64Array();
  readonly #skewMs = new Map<ExchangeName, number>();
  #burst = { factor: 1, untilMs: 0 };
  readonly #exchangeTrades = Object.fromEntries(EXCHANGES.map(name => [name, 0])) as Record<ExchangeName, number>;
  readonly #byCode = new Map<string, InstrumentState>();
  #meanStepMs: number;
  #nowMs: number;
  #nextStepMs: number;

  constructor(options: MarketOptions, listener: MarketListener | null = null) {
    const { coins, instruments } = createInstruments(options.instruments, options.seed);
    this.#prng = new Prng(options.seed);
    this.listener = listener;
    this.coins = coins;
    this.#nowMs = options.startMs - WARM_UP_MS;
    this.prices = new PriceProcess(coins, this.#prng, this.#nowMs);
    const totalWeight = instruments.reduce((total, instrument) => total + instrument.weight, 0);
    const tradesPerDay = (options.eventsPerSecond / CHANGES_PER_STEP) * TRADE_SHARE * (DAY_MS / 1000);
    this.#states = instruments.map(instrument =>
      this.#open(instrument, (tradesPerDay * instrument.weight) / totalWeight),
    );
    this.states = this.#states;
    for (const state of this.states)
      this.#byCode.set(keyOf(state.instrument.exchange, state.instrument.nativeCode), state);
    this.#weigh();
    const meanStepMs = (1000 * CHANGES_PER_STEP) / options.eventsPerSecond;
    const warmUpSteps = Math.min(MAX_WARM_UP_STEPS, this.#states.length * WARM_UP_STEPS_PER_INSTRUMENT);
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
    const state = this.#byCode.get(keyOf(exchange, nativeCode));
    return state !== undefined && isOnList(state) ? state : undefined;
  }

  listed(exchange: ExchangeName): InstrumentState[] {
    return this.states.filter(state => state.instrument.exchange === exchange && isOnList(state));
  }

  /** Let everything happen that is due before `toMs` (epoch milliseconds). Time never goes back. */
  advance(toMs: number): void {
    while (this.#nextStepMs < toMs) {
      this.#nowMs = Math.max(this.#nowMs, this.#nextStepMs);
      this.#step(this.#pick());
      this.#nextStepMs = this.#nowMs + this.#prng.exponential(this.#stepMs);
    }
    this.#nowMs = Math.max(this.#nowMs, toMs);
  }

  /** Let time pass in which nothing happens, as after the host slept. */
  skip(toMs: number): void {
    this.#nowMs = Math.max(this.#nowMs, toMs);
    this.#nextStepMs = this.#nowMs + this.#prng.exponential(this.#stepMs);
  }

  /** Everything happens `factor` times as often until then. */
  burst(factor: number, untilMs: number): void {
    this.#burst = { factor, untilMs };
    this.#nextStepMs = Math.min(this.#nextStepMs, this.#nowMs + this.#prng.exponential(this.#stepMs));
  }

  /** From now on an exchange's clock, and so the times of its trades and books, is off by so much. */
  skewClock(exchange: ExchangeName, skewMs: number): void {
    this.#skewMs.set(exchange, skewMs);
  }

  /** A coin more; with `like` it is worth what that one is. Returns its position. */
  addCoin(coin: Coin, like: number | null = null): number {
    return this.prices.add(coin, this.#nowMs, like);
  }

  /** A new market without a past: it has a book, and unless it is quiet its first trade. */
  list(instrument: Instrument, { isQuiet = false } = {}): InstrumentState {
    const state = this.#open(instrument, null);
    state.isQuiet = isQuiet;
    this.#states.push(state);
    this.#byCode.set(keyOf(instrument.exchange, instrument.nativeCode), state);
    this.#weigh();
    if (isQuiet) this.bookChanged(state);
    else this.#trade(state);
    return state;
  }

  delist(state: InstrumentState): void {
    state.isListed = false;
  }

  /** Lay the book around the fair price. */
  requote(state: InstrumentState): void {
    this.#requote(state);
    this.bookChanged(state);
  }

  get #stepMs(): number {
    return this.#nowMs < this.#burst.untilMs ? this.#meanStepMs / this.#burst.factor : this.#meanStepMs;
  }

  #weigh(): void {
    let sum = 0;
    this.#cumulativeWeights = Float64Array.from(this.#states, ({ instrument }) => {
      sum += instrument.weight;
      return sum;
    });
  }

  #open(instrument: Instrument, dailyTrades: number | null): InstrumentState {
    const fair = this.prices.fair(instrument, this.#nowMs) * 10 ** instrument.priceDecimals;
    const size = (USD_PER_TRADE / instrument.base.usd) * 10 ** instrument.sizeDecimals;
    const daily = dailyTrades === null ? null : { trades: dailyTrades, size };
    const state = new InstrumentState(instrument, this.#nowMs, fair, daily, this.#prng);
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
    if (!state.isTrading || this.#nowMs < state.heldUntilMs) return;
    this.steps += 1;
    if (this.#prng.chance(TRADE_SHARE)) {
      if (state.isQuiet || state.emptySide !== null) return;
      this.#trade(state);
      return;
    }
    const before = state.book.updateId;
    if (state.emptySide === null) this.#requote(state);
    tweak(state, this.#prng, state.emptySide);
    if (state.book.updateId !== before) this.bookChanged(state);
  }

  #requote(state: InstrumentState): void {
    const { instrument } = state;
    quote(state, this.prices.fair(instrument, this.#nowMs) * 10 ** instrument.priceDecimals, this.#prng);
  }

  /** Date the book and tell of it. */
  bookChanged(state: InstrumentState): void {
    state.book.changedUs = this.#timeUs(state);
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
    state.book.changedUs = this.#timeUs(state);
    this.listener?.traded(state, fills);
    this.listener?.bookChanged(state);
  }

  /** Microseconds by the exchange's own clock. */
  #timeUs({ instrument }: InstrumentState): number {
    return Math.floor((this.#nowMs + (this.#skewMs.get(instrument.exchange) ?? 0)) * 1000);
  }

  #fill(state: InstrumentState, price: number, size: number, takerBuys: boolean): Trade {
    const { exchange } = state.instrument;
    const idMs = Math.floor(this.#nowMs);
    const previous = state.trades.at(-1);
    const isSameMs = previous !== undefined && previous.idMs === idMs;
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
      timeUs: this.#timeUs(state),
      idMs,
      withinMs: isSameMs ? previous.withinMs + 1 : 0,
      deliveries: 0,
    };
    this.tradeCount += 1;
    state.remember(trade);
    return trade;
  }
}

/** Binance keeps a halted market on its list; on the others it is gone from it. */
function isOnList({ instrument, isListed, status }: InstrumentState): boolean {
  return isListed && (instrument.exchange === 'binance' || status === 'TRADING');
}

function keyOf(exchange: ExchangeName, nativeCode: string): string {
  return `${exchange} ${nativeCode}`;
}

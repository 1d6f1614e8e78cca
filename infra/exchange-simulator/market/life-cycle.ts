import type { InstrumentState, MarketStatus } from './instrument-state.ts';
import { createInstrument, type ExchangeName } from './instruments.ts';
import type { Market } from './market.ts';
import type { Side } from './order-book.ts';

/** What may happen to a market. `symbol` is ours: `BTC/KRW`. */
export type MarketChange =
  /** A new market opens; a base nobody knows yet becomes a coin worth `usd` dollars. `quiet`: it never trades. */
  | { change: 'list'; exchange: ExchangeName; symbol: string; usd?: number; quiet?: boolean }
  /** Tickers of Upbit and Bithumb tell on which day it will be delisted; until then it trades on. */
  | { change: 'announce'; exchange: ExchangeName; symbol: string; date: string }
  /** The row vanishes and the streams fall silent. */
  | { change: 'delist'; exchange: ExchangeName; symbol: string }
  /** Nothing trades and no book moves. Binance shows the status, the others leave the row out. */
  | { change: 'halt'; exchange: ExchangeName; symbol: string; status?: Exclude<MarketStatus, 'TRADING'> }
  | { change: 'resume'; exchange: ExchangeName; symbol: string }
  /** The old market ends and one of a new name goes on at its price. */
  | { change: 'rename'; exchange: ExchangeName; symbol: string; to: string }
  /** The book goes on, trades do not; `resume` ends it. */
  | { change: 'quiet'; exchange: ExchangeName; symbol: string }
  /** One half of the book is empty until `resume`. */
  | { change: 'oneSided'; exchange: ExchangeName; symbol: string; empty: Side }
  /** The best bid stands above the best ask for `ms`, 300 when not given. */
  | { change: 'cross'; exchange: ExchangeName; symbol: string; ms?: number }
  /** The price step becomes `factor` times as large, and the book is laid anew. */
  | { change: 'tick'; exchange: ExchangeName; symbol: string; factor: number };

export type ChangeName = MarketChange['change'];

/** Listings that come and go, on demand. */
export class LifeCycle {
  readonly #market: Market;

  constructor(market: Market) {
    this.#market = market;
  }

  /** Make it happen now; the text says why it can not. */
  apply(change: MarketChange): string | null {
    if (change.change === 'list') return this.#list(change);
    const { exchange, symbol } = change;
    const state = this.#market.states.find(
      ({ instrument, isListed }) => isListed && instrument.exchange === exchange && instrument.symbol === symbol,
    );
    if (state === undefined) return `${exchange} does not list ${symbol}`;
    if (change.change === 'rename') return this.#rename(state, change.to);
    this.#alter(state, change);
    return null;
  }

  #list({ exchange, symbol, usd, quiet }: Extract<MarketChange, { change: 'list' }>): string | null {
    const [ticker = '', quote = ''] = symbol.split('/');
    if (this.#market.states.some(({ instrument, isListed }) => isListed && isSame(instrument, exchange, symbol))) {
      return `${exchange} lists ${symbol} already`;
    }
    const { coins } = this.#market;
    let coin = coins.findIndex(known => known.ticker === ticker);
    if (coin < 0) {
      coin = this.#market.addCoin({ ticker, english: `${ticker} Token`, korean: `${ticker} 토큰`, usd: usd ?? 1 });
    }
    const instrument = createInstrument(this.#market.states.length, exchange, coins, coin, quote);
    this.#market.list(instrument, { isQuiet: quiet === true });
    return null;
  }

  #rename(state: InstrumentState, to: string): string | null {
    const { exchange, quote, base } = state.instrument;
    const [ticker = '', toQuote] = to.split('/');
    if (toQuote !== quote) return `the quote currency of ${state.instrument.symbol} stays ${quote}`;
    if (this.#market.coins.some(coin => coin.ticker === ticker)) return `${ticker} is another coin`;
    const coin = this.#market.addCoin({ ...base, ticker }, state.instrument.coin);
    this.#market.delist(state);
    this.#market.list(createInstrument(this.#market.states.length, exchange, this.#market.coins, coin, quote));
    return null;
  }

  #alter(state: InstrumentState, change: Exclude<MarketChange, { change: 'list' | 'rename' }>): void {
    switch (change.change) {
      case 'announce':
        state.delistingDate = change.date;
        return;
      case 'delist':
        this.#market.delist(state);
        return;
      case 'halt':
        state.status = change.status ?? 'HALT';
        return;
      case 'resume':
        state.status = 'TRADING';
        state.isQuiet = false;
        state.emptySide = null;
        this.#market.requote(state);
        return;
      case 'quiet':
        state.isQuiet = true;
        return;
      case 'oneSided':
        state.emptySide = change.empty;
        for (const price of [...state.book.levels(change.empty).prices]) state.book.set(change.empty, price, 0);
        this.#market.bookChanged(state);
        return;
      case 'cross': {
        const { prices, sizes } = state.book.asks;
        const ask = prices[0];
        if (ask === undefined) return;
        // Bithumb rounds sizes, and a level that is rounded to nothing crosses nobody.
        const size = Math.max(...sizes);
        state.book.set('ask', ask, size);
        state.book.set('bid', ask + state.instrument.tick(ask), size);
        state.heldUntilMs = this.#market.nowMs + (change.ms ?? 300);
        this.#market.bookChanged(state);
        return;
      }
      case 'tick': {
        const { tick } = state.instrument;
        state.instrument.tick = price => Math.max(1, Math.round(tick(price) * change.factor));
        for (const side of ['bid', 'ask'] as const) {
          for (const price of [...state.book.levels(side).prices]) state.book.set(side, price, 0);
        }
        this.#market.requote(state);
      }
    }
  }
}

function isSame(instrument: { exchange: string; symbol: string }, exchange: string, symbol: string): boolean {
  return instrument.exchange === exchange && instrument.symbol === symbol;
}

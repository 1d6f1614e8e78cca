import type { Trade } from '../../../shared/model/market-event.ts';
import type { TruthTrade } from '../../exchange-simulator/truth-log.ts';

/**
 * What happened against what came, while both go on: an entry stays open until the other side has it too. So the memory
 * it takes is that of what is on its way, and the exchange is never asked for everything at once.
 */
export class TradeLedger {
  /** Times that it happened, minus times that it came; what is even is forgotten. */
  readonly #open = new Map<string, { readonly exchangeTime: number; balance: number }>();
  readonly #since: number;

  /** Judges trades from this exchange time on. */
  constructor(since: number) {
    this.#since = since;
  }

  happened(trade: TruthTrade): void {
    this.#add(trade, 1);
  }

  came(trade: Trade): void {
    this.#add(trade, -1);
  }

  /** Trades until this exchange time that happened more often than they came, or `surplus`: the other way round. */
  open(until: number, side: 'missing' | 'surplus'): string[] {
    const sign = side === 'missing' ? 1 : -1;
    return [...this.#open]
      .filter(([, { exchangeTime, balance }]) => balance * sign > 0 && exchangeTime <= until)
      .map(([name, { balance }]) => `${name} (${balance})`);
  }

  #add(trade: Trade | TruthTrade, count: number): void {
    const { exchangeTime } = trade;
    if (exchangeTime === null || exchangeTime < this.#since) return;
    const name = nameOf(trade);
    const entry = this.#open.get(name);
    const balance = (entry?.balance ?? 0) + count;
    if (balance === 0) this.#open.delete(name);
    else if (entry === undefined) this.#open.set(name, { exchangeTime, balance });
    else entry.balance = balance;
  }
}

/** Trades that were fetched afterwards have ids of another space at Bithumb: there they are known by what they say. */
function nameOf({ exchange, symbol, id, price, size, takerSide, exchangeTime }: Trade | TruthTrade): string {
  const said = `${price} ${size} ${takerSide} ${exchangeTime}`;
  return exchange === 'bithumb' ? `${exchange} ${symbol} ${said}` : `${exchange} ${symbol} ${id} ${said}`;
}

import type { InstrumentState } from './instrument-state.ts';

/** One execution, in whole units of its instrument. */
export type Trade = {
  /** Position among all trades of the simulator, from 0. */
  index: number;
  state: InstrumentState;
  /** Position among the trades of its instrument, from 1. */
  number: number;
  /** Fills of one taker order at one price share this number; counts up per instrument. */
  aggregate: number;
  /** Position among the trades of its exchange, from 1. */
  exchangeNumber: number;
  price: number;
  size: number;
  takerBuys: boolean;
  /** Epoch microseconds by the exchange's own clock. */
  timeUs: number;
  /** Epoch milliseconds by the market's clock, which never goes back: what ids are made of. */
  idMs: number;
  /** Position among the trades of its instrument in the same millisecond, from 0. */
  withinMs: number;
  /** Live frames that carried this trade to a socket. */
  deliveries: number;
};

/** Epoch milliseconds of a trade, as the exchanges print it. */
export function tradeMs(trade: Trade): number {
  return Math.floor(trade.timeUs / 1000);
}

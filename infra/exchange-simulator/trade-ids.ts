import type { ExchangeName } from './market/instruments.ts';
import type { Trade } from './market/trade.ts';

/** Where Bithumb's socket ids start: 19 digits, as seen in 2026. */
const BITHUMB_FIRST = 1_079_953_210_371_761_700n;

/**
 * Upbit's `sequential_id`: 17 digits, the trade's millisecond and four more for its place in that millisecond. Two
 * trades of one millisecond differ only where a double can not tell
 * (https://docs.upbit.com/kr/reference/websocket-trade).
 */
export function upbitTradeId(trade: Trade): string {
  return `${trade.idMs}${String(trade.withinMs).padStart(4, '0')}`;
}

/** Bithumb's `sequential_id` on the socket: counts up over all markets, by one, far beyond what a double can hold. */
export function bithumbSocketId(trade: Trade): string {
  return (BITHUMB_FIRST + BigInt(trade.exchangeNumber)).toString();
}

/** Bithumb's id in REST lists: another number space, shared by all trades of one millisecond. */
export function bithumbRestId(trade: Trade): string {
  return `${trade.idMs}0000`;
}

/** Coinone: the trade's millisecond and three digits that count from 1 within it. REST lists the same. */
export function coinoneTradeId(trade: Trade): string {
  return `${trade.idMs}${String(trade.withinMs + 1).padStart(3, '0')}`;
}

/** Binance: counts up per instrument, by one. */
function binanceTradeId(trade: Trade): string {
  return String(trade.state.idBase + trade.number);
}

type IdOf = (trade: Trade) => string;

/** The id of a trade at each exchange, on its socket and in its REST lists. */
export const TRADE_IDS: Record<ExchangeName, { readonly socket: IdOf; readonly rest: IdOf }> = {
  binance: { socket: binanceTradeId, rest: binanceTradeId },
  upbit: { socket: upbitTradeId, rest: upbitTradeId },
  bithumb: { socket: bithumbSocketId, rest: bithumbRestId },
  coinone: { socket: coinoneTradeId, rest: coinoneTradeId },
};

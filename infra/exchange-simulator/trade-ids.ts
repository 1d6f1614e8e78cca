import { type Trade, tradeMs } from './market/trade.ts';

/** Where Bithumb's socket ids start: 19 digits, as seen in 2026. */
const BITHUMB_FIRST = 1_079_953_210_371_761_700n;

/**
 * Upbit's `sequential_id`: 17 digits, the trade's millisecond and four more for its place in that millisecond. Two
 * trades of one millisecond differ only where a double can not tell
 * (https://docs.upbit.com/kr/reference/websocket-trade).
 */
export function upbitTradeId(trade: Trade): string {
  return `${tradeMs(trade)}${String(trade.withinMs).padStart(4, '0')}`;
}

/** Bithumb's `sequential_id` on the socket: counts up over all markets, by one, far beyond what a double can hold. */
export function bithumbSocketId(trade: Trade): string {
  return (BITHUMB_FIRST + BigInt(trade.exchangeNumber)).toString();
}

/** Bithumb's id in REST lists: another number space, shared by all trades of one millisecond. */
export function bithumbRestId(trade: Trade): string {
  return `${tradeMs(trade)}0000`;
}

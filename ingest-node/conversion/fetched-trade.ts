/**
 * Trades that were fetched from an exchange whose REST lists have other ids than its frames (Bithumb): they carry an id of
 * ours. Should a frame bring one of them after all, as the answer to a subscription does with the last trade of every
 * market, then only what it says tells that it is the same.
 */
import { isFetchedId } from '../../shared/model/id.ts';
import type { Trade } from '../../shared/model/market-event.ts';

/** Digits behind the id of REST, which all trades of a millisecond share. */
const ORDINAL_DIGITS = 4;

/**
 * The id of REST and digits that tell apart those who share it, counted from the oldest: the same at every reading, and
 * two digits longer than any id of the socket.
 */
export function fetchedId(restId: string, ordinal: number): string {
  return restId + String(ordinal).padStart(ORDINAL_DIGITS, '0');
}

export function hasFetchedId({ id }: Trade): boolean {
  return isFetchedId(id);
}

export function contentOf({ exchangeTime, price, size, takerSide }: Trade): string {
  return `${exchangeTime} ${price} ${size} ${takerSide}`;
}

/** Whether this answer to a subscription is the trade that was fetched. */
export function isAnswerOf(fetched: Trade, answer: Trade): boolean {
  return answer.backfilled === true && hasFetchedId(fetched) && contentOf(fetched) === contentOf(answer);
}

export function countBy(trades: readonly Trade[], keyOf: (trade: Trade) => string): Map<string, number> {
  const counts = new Map<string, number>();
  for (const trade of trades) counts.set(keyOf(trade), (counts.get(keyOf(trade)) ?? 0) + 1);
  return counts;
}

/**
 * The exchanges we carry. Adding a name here makes the compiler ask for the rest:
 * every registry is `satisfies Record<ExchangeName, …>`.
 */
export const EXCHANGES = ['binance', 'upbit', 'bithumb', 'coinone'] as const;

/** Where something traded, as data. */
export type ExchangeName = (typeof EXCHANGES)[number];

export function isExchangeName(text: string): text is ExchangeName {
  return (EXCHANGES as readonly string[]).includes(text);
}

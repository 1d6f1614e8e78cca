/** The question that `/api/snapshot` and `/api/tickers` answer; `/api/instruments` reads it too. */
import { EXCHANGES, type ExchangeName, isExchangeName } from '../model/exchange.ts';
import { EVENT_TYPES, type EventType } from '../model/market-event.ts';
import type { StateHead } from './latest-state.ts';

/** `null` means all. */
export type StateQuery = {
  readonly exchanges: ReadonlySet<ExchangeName> | null;
  readonly symbols: ReadonlySet<string> | null;
  readonly types: ReadonlySet<EventType> | null;
};

export type StateQueryResult =
  | { readonly ok: true; readonly query: StateQuery }
  | { readonly ok: false; readonly faults: readonly string[] };

/** Reads `?exchange=upbit,binance&symbol=BTC/KRW&type=ticker`: lists separated by commas. */
export function parseStateQuery(params: URLSearchParams): StateQueryResult {
  const faults: string[] = [];
  const exchanges = list(params, 'exchange');
  for (const name of exchanges ?? []) {
    if (!isExchangeName(name)) faults.push(`exchange "${name}" is unknown; known are ${EXCHANGES.join(', ')}`);
  }
  const types = list(params, 'type');
  for (const name of types ?? []) {
    if (!(EVENT_TYPES as readonly string[]).includes(name)) {
      faults.push(`type "${name}" is unknown; known are ${EVENT_TYPES.join(', ')}`);
    }
  }
  const symbols = list(params, 'symbol');
  for (const symbol of symbols ?? []) {
    if (!/^[^/,\s]+\/[^/,\s]+$/.test(symbol)) faults.push(`symbol "${symbol}" is not BASE/QUOTE, like BTC/KRW`);
  }
  if (faults.length > 0) return { ok: false, faults };
  return {
    ok: true,
    query: {
      exchanges: exchanges as Set<ExchangeName> | null,
      symbols,
      types: types as Set<EventType> | null,
    },
  };
}

export function matchesQuery(event: StateHead, { exchanges, symbols, types }: StateQuery): boolean {
  return (
    (exchanges === null || exchanges.has(event.exchange)) &&
    (types === null || types.has(event.type)) &&
    (symbols === null || (event.symbol !== null && symbols.has(event.symbol)))
  );
}

function list(params: URLSearchParams, name: string): Set<string> | null {
  const values = params
    .getAll(name)
    .flatMap(value => value.split(','))
    .map(value => value.trim())
    .filter(value => value !== '');
  return values.length === 0 ? null : new Set(values);
}

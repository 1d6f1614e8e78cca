import { EXCHANGES, type ExchangeName, isExchangeName } from '../model/exchange.ts';
import { EVENT_TYPES, type EventType, type MarketEvent } from '../model/market-event.ts';

/**
 * Which events a consumer wants. A field that is left out lets everything through; an empty list lets nothing through.
 * The stream is always complete on the wire: this chooses after arrival, so it may change at any moment.
 */
export type Filter = {
  readonly exchanges?: readonly ExchangeName[];
  /** Canonical symbols, `BTC/KRW`. Feed states belong to no symbol and pass: they say whether the rest is old. */
  readonly symbols?: readonly string[];
  readonly types?: readonly EventType[];
};

/** Whether an event passes. Costs at most three set lookups. */
export type Matcher = (event: MarketEvent) => boolean;

const FIELDS: readonly string[] = ['exchanges', 'symbols', 'types'] satisfies (keyof Filter)[];

/**
 * Checks a filter and makes it fast. Throws a TypeError that names the fault, so that a misspelt exchange is an error
 * and not a silent page.
 *
 * @example
 * const matches = compileFilter({ exchanges: ['upbit'], types: ['trade'] });
 */
export function compileFilter(filter: Filter): Matcher {
  if (typeof filter !== 'object' || filter === null) throw new TypeError('a filter is an object');
  for (const field of Object.keys(filter)) {
    if (!FIELDS.includes(field))
      throw new TypeError(`a filter has no field "${field}"; its fields are ${FIELDS.join(', ')}`);
  }
  const exchanges = setOf('exchanges', filter.exchanges, isExchangeName, `one of ${EXCHANGES.join(', ')}`);
  const symbols = setOf('symbols', filter.symbols, isSymbol, 'written BASE/QUOTE in upper case, such as BTC/KRW');
  const types = setOf('types', filter.types, isEventType, `one of ${EVENT_TYPES.join(', ')}`);
  return event =>
    (exchanges === null || exchanges.has(event.exchange)) &&
    (types === null || types.has(event.type)) &&
    (symbols === null || event.symbol === null || symbols.has(event.symbol));
}

function setOf(
  field: keyof Filter,
  values: readonly string[] | undefined,
  isValid: (value: string) => boolean,
  rule: string,
): ReadonlySet<string> | null {
  if (values === undefined) return null;
  if (!Array.isArray(values)) throw new TypeError(`filter.${field} is a list`);
  for (const value of values) {
    if (typeof value !== 'string' || !isValid(value)) {
      throw new TypeError(`filter.${field} has "${String(value)}", which is not ${rule}`);
    }
  }
  return new Set(values);
}

function isEventType(text: string): boolean {
  return (EVENT_TYPES as readonly string[]).includes(text);
}

/** A lower-case symbol would be well formed and never match: better said than searched for. */
function isSymbol(text: string): boolean {
  return /^[^\s/]+\/[^\s/]+$/.test(text) && text === text.toUpperCase();
}

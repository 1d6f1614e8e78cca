/**
 * Settings and instruments as rows of tables, and back. Rows may be anything: people write them by hand, and SQLite takes
 * any value in any column. One that makes no sense is skipped and named.
 */
import { type Decimal, toDecimal } from '../../shared/model/decimal.ts';
import { EXCHANGES, type ExchangeName, isExchangeName } from '../../shared/model/exchange.ts';
import type { Instrument, InstrumentStatus } from '../../shared/model/instrument.ts';
import type { InstrumentRow, SettingsSchema } from './schema.ts';
import {
  CHANNELS,
  type Channel,
  DEFAULT_EXCHANGE,
  DEFAULT_SETTINGS,
  type ExchangeSettings,
  type MarketSelection,
  namedSymbols,
  type Settings,
  SWITCHES,
  type SwitchName,
  settingsOfAll,
} from './settings.ts';
import { symbolFault } from './settings-document.ts';

type Rows<Table extends keyof SettingsSchema> = readonly SettingsSchema[Table][];

export type SettingsRows = {
  readonly exchange_settings: Rows<'exchange_settings'>;
  readonly exchange_markets: Rows<'exchange_markets'>;
  readonly exchange_channels: Rows<'exchange_channels'>;
  readonly switches: Rows<'switches'>;
};

/** Only what differs from the defaults. */
export function rowsOfSettings({ exchanges, switches }: Settings): SettingsRows {
  const each = EXCHANGES.map(exchange => ({ exchange, ...exchanges[exchange] }));
  return {
    exchange_settings: each
      .filter(({ enabled, markets }) => !enabled || markets !== 'all')
      .map(({ exchange, enabled, markets }) => ({
        exchange,
        is_enabled: Number(enabled),
        market_rule: ruleOf(markets),
      })),
    exchange_markets: each.flatMap(({ exchange, markets }) =>
      namedSymbols(markets).map(symbol => ({ exchange, symbol })),
    ),
    exchange_channels: each.flatMap(({ exchange, channels }) =>
      CHANNELS.filter(channel => !channels[channel]).map(channel => ({ exchange, channel, is_enabled: 0 })),
    ),
    switches: SWITCHES.filter(name => !switches[name]).map(name => ({ name, is_enabled: 0 })),
  };
}

export function settingsOfRows(rows: SettingsRows): { readonly settings: Settings; readonly faults: string[] } {
  const faults: string[] = [];
  const skip = (table: keyof SettingsRows, row: object, why: string) =>
    faults.push(`${table} ${JSON.stringify(row).slice(0, 100)}: ${why}`);

  const rules = new Map<ExchangeName, { enabled: boolean; rule: MarketRule }>();
  for (const row of rows.exchange_settings) {
    const { exchange, is_enabled, market_rule } = row;
    const enabled = flagOf(is_enabled);
    if (!isExchangeName(exchange)) skip('exchange_settings', row, 'no such exchange');
    else if (enabled === null) skip('exchange_settings', row, 'is_enabled is neither 0 nor 1');
    else if (!isMarketRule(market_rule)) skip('exchange_settings', row, 'market_rule is none of all, only, except');
    else rules.set(exchange, { enabled, rule: market_rule });
  }

  const symbols = new Map<ExchangeName, string[]>();
  for (const row of rows.exchange_markets) {
    const { exchange, symbol } = row;
    const fault = symbolFault(symbol);
    if (!isExchangeName(exchange)) skip('exchange_markets', row, 'no such exchange');
    else if (fault !== null) skip('exchange_markets', row, fault);
    else symbols.set(exchange, [...(symbols.get(exchange) ?? []), symbol]);
  }

  const channels = new Map<ExchangeName, Partial<Record<Channel, boolean>>>();
  for (const row of rows.exchange_channels) {
    const { exchange, channel, is_enabled } = row;
    const enabled = flagOf(is_enabled);
    if (!isExchangeName(exchange)) skip('exchange_channels', row, 'no such exchange');
    else if (!isOneOf(CHANNELS, channel)) skip('exchange_channels', row, `channel is none of ${CHANNELS.join(', ')}`);
    else if (enabled === null) skip('exchange_channels', row, 'is_enabled is neither 0 nor 1');
    else channels.set(exchange, { ...channels.get(exchange), [channel]: enabled });
  }

  const switches: Partial<Record<SwitchName, boolean>> = {};
  for (const row of rows.switches) {
    const { name, is_enabled } = row;
    const enabled = flagOf(is_enabled);
    if (!isOneOf(SWITCHES, name)) skip('switches', row, `name is none of ${SWITCHES.join(', ')}`);
    else if (enabled === null) skip('switches', row, 'is_enabled is neither 0 nor 1');
    else switches[name] = enabled;
  }

  const settings: Settings = {
    exchanges: settingsOfAll((exchange): ExchangeSettings => {
      const { enabled, rule } = rules.get(exchange) ?? { enabled: true, rule: 'all' };
      return {
        enabled,
        markets: selectionOf(rule, symbols.get(exchange)?.sort() ?? []),
        channels: { ...DEFAULT_EXCHANGE.channels, ...channels.get(exchange) },
      };
    }),
    switches: { ...DEFAULT_SETTINGS.switches, ...switches },
  };
  return { settings, faults };
}

/** Whether the columns are wide enough; everything that an exchange lists today is far below. */
export function fitsColumns({ nativeCode, symbol, base, quote, tickSize, lotSize }: Instrument): boolean {
  const isShort = (text: string | null) => (text?.length ?? 0) <= LONGEST_CODE;
  return [nativeCode, symbol, tickSize, lotSize].every(isShort) && Math.max(base.length, quote.length) <= 32;
}

export function rowOfInstrument(instrument: Instrument): InstrumentRow {
  const { exchange, nativeCode, symbol, base, quote, englishName, koreanName, tickSize, lotSize } = instrument;
  return {
    exchange,
    native_code: nativeCode,
    symbol,
    base,
    quote,
    english_name: englishName?.slice(0, LONGEST_NAME) ?? null,
    korean_name: koreanName?.slice(0, LONGEST_NAME) ?? null,
    tick_size: tickSize,
    lot_size: lotSize,
    status: instrument.status,
    first_seen: instrument.firstSeen,
    last_seen: instrument.lastSeen,
  };
}

/** In characters, as the columns count. */
const LONGEST_CODE = 64;
const LONGEST_NAME = 255;

const STATUSES = ['trading', 'halted', 'delisted'] as const satisfies readonly InstrumentStatus[];

/** The instrument, or what is wrong with the row. */
export function instrumentOfRow(row: InstrumentRow): Instrument | string {
  const { exchange, native_code: nativeCode, symbol, base, quote, status } = row;
  const wrong = (why: string) => `instruments ${String(exchange)} ${String(nativeCode)}: ${why}`;
  if (!isExchangeName(exchange)) return wrong('no such exchange');
  if (typeof nativeCode !== 'string' || nativeCode === '') return wrong('native_code is empty');
  if (symbolFault(symbol) !== null || symbol !== `${base}/${quote}`) return wrong('symbol is not base/quote');
  if (!isOneOf(STATUSES, status)) return wrong(`status is none of ${STATUSES.join(', ')}`);
  if (!isNullOr(isText, row.english_name) || !isNullOr(isText, row.korean_name)) return wrong('a name is no text');
  if (!isNullOr(isDecimal, row.tick_size) || !isNullOr(isDecimal, row.lot_size)) return wrong('a size is no number');
  if (!Number.isFinite(row.first_seen) || !Number.isFinite(row.last_seen)) return wrong('a time is no number');
  return {
    exchange,
    nativeCode,
    symbol,
    base,
    quote,
    englishName: row.english_name,
    koreanName: row.korean_name,
    tickSize: row.tick_size,
    lotSize: row.lot_size,
    status,
    firstSeen: row.first_seen,
    lastSeen: row.last_seen,
  };
}

const MARKET_RULES = ['all', 'only', 'except'] as const;
type MarketRule = (typeof MARKET_RULES)[number];

function isMarketRule(text: unknown): text is MarketRule {
  return isOneOf(MARKET_RULES, text);
}

function isOneOf<Name extends string>(names: readonly Name[], value: unknown): value is Name {
  return (names as readonly unknown[]).includes(value);
}

function ruleOf(markets: MarketSelection): MarketRule {
  if (markets === 'all') return 'all';
  return 'only' in markets ? 'only' : 'except';
}

function selectionOf(rule: MarketRule, symbols: readonly string[]): MarketSelection {
  if (rule === 'all') return 'all';
  return rule === 'only' ? { only: symbols } : { except: symbols };
}

function flagOf(value: unknown): boolean | null {
  return value === 0 ? false : value === 1 ? true : null;
}

function isText(value: unknown): value is string {
  return typeof value === 'string';
}

function isDecimal(value: unknown): value is Decimal {
  return typeof value === 'string' && toDecimal(value) === value;
}

function isNullOr<Value>(is: (value: unknown) => value is Value, value: unknown): value is Value | null {
  return value === null || is(value);
}

/**
 * What an operator may change while everything runs: which exchanges, markets and kinds of data are carried, and which
 * infrastructure is used. By default everything is. Pure data and pure questions to it.
 */
import { isDeepStrictEqual } from 'node:util';
import { EXCHANGES, type ExchangeName } from '../../shared/model/exchange.ts';
import type { MarketEvent } from '../../shared/model/market-event.ts';
import { INFRASTRUCTURES } from '../infrastructure/registry.ts';

/** Kinds of data that can be left out of the stream. A `gap` goes with `trade`; `feed` is always told. */
export const CHANNELS = ['trade', 'ticker', 'quote', 'orderBook', 'candle'] as const;
export type Channel = (typeof CHANNELS)[number];

/** Infrastructure that its address in the environment enables, and that can be switched off here all the same. */
export type SwitchName = keyof typeof INFRASTRUCTURES;
export const SWITCHES = Object.keys(INFRASTRUCTURES) as readonly SwitchName[];

/** Which markets of an exchange are carried, by canonical symbol; new ones only under `all` and `except`. */
export type MarketSelection = 'all' | { readonly only: readonly string[] } | { readonly except: readonly string[] };

export type ExchangeSettings = {
  readonly enabled: boolean;
  readonly markets: MarketSelection;
  readonly channels: Readonly<Record<Channel, boolean>>;
};

export type Settings = {
  /** Of every exchange that this version knows, carried by this node or not. */
  readonly exchanges: Readonly<Record<ExchangeName, ExchangeSettings>>;
  readonly switches: Readonly<Record<SwitchName, boolean>>;
};

export const DEFAULT_EXCHANGE: ExchangeSettings = {
  enabled: true,
  markets: 'all',
  channels: { trade: true, ticker: true, quote: true, orderBook: true, candle: true },
};

export const DEFAULT_SETTINGS: Settings = {
  exchanges: settingsOfAll(() => DEFAULT_EXCHANGE),
  switches: Object.fromEntries(SWITCHES.map(name => [name, true])) as Record<SwitchName, boolean>,
};

export function settingsOfAll(of: (exchange: ExchangeName) => ExchangeSettings): Settings['exchanges'] {
  return Object.fromEntries(EXCHANGES.map(exchange => [exchange, of(exchange)])) as Record<
    ExchangeName,
    ExchangeSettings
  >;
}

/** The symbols that a selection names; `all` names none. */
export function namedSymbols(markets: MarketSelection): readonly string[] {
  if (markets === 'all') return [];
  return 'only' in markets ? markets.only : markets.except;
}

/** From one state of the settings to the next. */
export type SettingsChange = {
  readonly version: number;
  readonly before: Settings;
  readonly after: Settings;
  /** Those whose settings differ; never both empty. */
  readonly exchanges: readonly ExchangeName[];
  readonly switches: readonly SwitchName[];
};

/** `null` when the two say the same. */
export function changeBetween(before: Settings, after: Settings, version: number): SettingsChange | null {
  const exchanges = EXCHANGES.filter(name => !isDeepStrictEqual(before.exchanges[name], after.exchanges[name]));
  const switches = SWITCHES.filter(name => before.switches[name] !== after.switches[name]);
  if (exchanges.length === 0 && switches.length === 0) return null;
  return { version, before, after, exchanges, switches };
}

/** The settings, made quick to ask: it is asked for every event. */
export type Carriage = {
  carriesMarket(exchange: ExchangeName, symbol: string): boolean;
  carriesEvent(event: MarketEvent): boolean;
};

export function carriageOf({ exchanges }: Settings): Carriage {
  const markets = new Map(EXCHANGES.map(exchange => [exchange, marketTest(exchanges[exchange])]));
  const carriesMarket = (exchange: ExchangeName, symbol: string) => markets.get(exchange)?.(symbol) ?? false;
  return {
    carriesMarket,
    carriesEvent: event => {
      if (event.type === 'feed') return true;
      const channel = event.type === 'gap' ? 'trade' : event.type;
      return exchanges[event.exchange].channels[channel] && carriesMarket(event.exchange, event.symbol);
    },
  };
}

function marketTest({ enabled, markets }: ExchangeSettings): (symbol: string) => boolean {
  if (!enabled) return () => false;
  if (markets === 'all') return () => true;
  const named = new Set(namedSymbols(markets));
  const carriesNamed = 'only' in markets;
  return symbol => named.has(symbol) === carriesNamed;
}

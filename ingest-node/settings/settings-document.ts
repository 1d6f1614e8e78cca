/**
 * Settings as JSON: what a person sends and what the disk remembers. A document replaces what it is about; what it
 * leaves out is as by default. Every fault is told, with the path to it, and a document with faults changes nothing.
 */
import { EXCHANGES, isExchangeName } from '../../shared/model/exchange.ts';
import {
  CHANNELS,
  DEFAULT_EXCHANGE,
  DEFAULT_SETTINGS,
  type ExchangeSettings,
  type MarketSelection,
  type Settings,
  SWITCHES,
  settingsOfAll,
} from './settings.ts';

type Fields = Readonly<Record<string, unknown>>;

/** More would be a mistake: no exchange lists as many. */
const MOST_SYMBOLS = 10_000;
const MOST_FAULTS = 50;

export class DocumentFaults {
  readonly #faults: string[] = [];
  #left = 0;

  add(fault: string): void {
    if (this.#faults.length < MOST_FAULTS) this.#faults.push(fault);
    else this.#left += 1;
  }

  list(): readonly string[] {
    return this.#left === 0 ? this.#faults : [...this.#faults, `and ${this.#left} more`];
  }
}

export function readSettings(document: unknown, faults: DocumentFaults): Settings {
  const fields = readFields(document, 'settings', ['exchanges', 'switches'], faults);
  const exchanges = readFields(fields['exchanges'] ?? {}, 'exchanges', EXCHANGES, faults);
  return {
    exchanges: settingsOfAll(name => readExchange(exchanges[name] ?? {}, `exchanges.${name}`, faults)),
    switches: readSwitches(fields['switches'] ?? {}, 'switches', faults),
  };
}

export function readExchange(document: unknown, path: string, faults: DocumentFaults): ExchangeSettings {
  const fields = readFields(document, path, ['enabled', 'markets', 'channels'], faults);
  const { enabled, markets, channels } = DEFAULT_EXCHANGE;
  return {
    enabled: readFlag(fields['enabled'], enabled, `${path}.enabled`, faults),
    markets: fields['markets'] === undefined ? markets : readMarkets(fields['markets'], `${path}.markets`, faults),
    channels: readFlags(fields['channels'] ?? {}, channels, CHANNELS, `${path}.channels`, faults),
  };
}

export function readSwitches(document: unknown, path: string, faults: DocumentFaults): Settings['switches'] {
  return readFlags(document, DEFAULT_SETTINGS.switches, SWITCHES, path, faults);
}

/** What is wrong with a canonical symbol; `null` for a good one. */
export function symbolFault(value: unknown): string | null {
  if (typeof value === 'string' && value.length <= 64 && /^[^\s/]+\/[^\s/]+$/u.test(value)) return null;
  return `${quoted(value)} is not a symbol like BTC/KRW`;
}

function readMarkets(value: unknown, path: string, faults: DocumentFaults): MarketSelection {
  if (value === 'all') return 'all';
  const keys = isFields(value) ? Object.keys(value) : [];
  const [rule] = keys;
  if (!isFields(value) || keys.length !== 1 || (rule !== 'only' && rule !== 'except')) {
    faults.add(`${path}: ${quoted(value)} is neither "all" nor {"only": [symbols]} nor {"except": [symbols]}`);
    return 'all';
  }
  const symbols = readSymbols(value[rule], `${path}.${rule}`, faults);
  return rule === 'only' ? { only: symbols } : { except: symbols };
}

function readSymbols(value: unknown, path: string, faults: DocumentFaults): string[] {
  if (!Array.isArray(value) || value.length > MOST_SYMBOLS) {
    faults.add(`${path}: ${quoted(value)} is not a list of at most ${MOST_SYMBOLS} symbols`);
    return [];
  }
  const symbols = new Set<string>();
  for (const [index, symbol] of value.entries()) {
    const fault = symbolFault(symbol);
    if (fault === null) symbols.add(symbol);
    else faults.add(`${path}[${index}]: ${fault}`);
  }
  return [...symbols].sort();
}

function readFlags<Name extends string>(
  document: unknown,
  defaults: Readonly<Record<Name, boolean>>,
  names: readonly Name[],
  path: string,
  faults: DocumentFaults,
): Record<Name, boolean> {
  const fields = readFields(document, path, names, faults);
  const flags = names.map(name => [name, readFlag(fields[name], defaults[name], `${path}.${name}`, faults)] as const);
  return Object.fromEntries(flags) as Record<Name, boolean>;
}

function readFlag(value: unknown, byDefault: boolean, path: string, faults: DocumentFaults): boolean {
  if (value === undefined) return byDefault;
  if (typeof value === 'boolean') return value;
  faults.add(`${path}: ${quoted(value)} is neither true nor false`);
  return byDefault;
}

function readFields(value: unknown, path: string, known: readonly string[], faults: DocumentFaults): Fields {
  if (!isFields(value)) {
    faults.add(`${path}: ${quoted(value)} is not an object`);
    return {};
  }
  for (const name of Object.keys(value)) {
    if (known.includes(name)) continue;
    const what = known === EXCHANGES && !isExchangeName(name) ? 'exchange' : 'field';
    faults.add(`${path}: unknown ${what} ${quoted(name)}; known are ${known.join(', ')}`);
  }
  return value;
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function quoted(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing';
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}

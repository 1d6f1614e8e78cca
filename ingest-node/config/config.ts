/**
 * Every setting of the ingest node: declared, described and checked once. Nobody else reads the environment.
 * A wrong value stops the start with every fault listed.
 */
import { EXCHANGES, type ExchangeName, isExchangeName } from '../../shared/model/exchange.ts';
import {
  INFRASTRUCTURES,
  type InfrastructureRegistry,
  type InfrastructureSettings,
} from '../infrastructure/registry.ts';
import {
  type GatewaySettings,
  readGateway,
  readMysqlUrl,
  readZookeeper,
  type Text,
  type ZookeeperSettings,
} from './services.ts';
import { readPort, readUrl } from './values.ts';

const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** Carried unless `EXCHANGES` says otherwise. The others of {@link EXCHANGES} are named to be carried. */
const DEFAULT_EXCHANGES = ['binance', 'upbit', 'bithumb'] as const satisfies readonly ExchangeName[];

export type Config = {
  /** Where HTTP and WebSocket clients connect. 0 takes any free port. */
  readonly ingestPort: number;
  /** Names this node to people, in health and in greetings. */
  readonly nodeId: string;
  /** How others reach this node, when that is not what a request's Host header says. */
  readonly advertisedUrl: string | null;
  readonly exchanges: readonly ExchangeName[];
  /** Symbols like `BTC/USDT` whose whole book is built at Binance, instead of taking its top once a second. */
  readonly binanceDiffBooks: readonly string[];
  /** Each exchange's market list is fetched anew about this often: so long may a new market, or a change, go unnoticed. */
  readonly marketRefreshMs: number;
  /** `http:` origin of a simulator that stands in for the exchanges. */
  readonly exchangeSimulatorUrl: string | null;
  /** Holds what must survive a restart: the last epoch. */
  readonly dataDir: string;
  /** When set, streams and their APIs ask for it: `Authorization: Bearer` or `?token=`. */
  readonly streamToken: string | null;
  /** Origins of web pages that may connect; empty: all. */
  readonly allowedOrigins: readonly string[];
  /** Elects the leader among several nodes; `null`: this node is alone. */
  readonly zookeeper: ZookeeperSettings | null;
  /** What the stream is published to. Holds passwords: never logged. */
  readonly infrastructure: InfrastructureSettings;
  /** Where the Redis gateway listens, with what it asks for; `null`: no gateway. */
  readonly gateway: GatewaySettings | null;
  /** Keeps the settings that operators change; `null`: a file in the data folder. Holds a password: never logged. */
  readonly mysqlUrl: string | null;
  /** What changing those settings asks for; without it nobody can. */
  readonly adminToken: string | null;
  readonly logLevel: LogLevel;
};

export type ConfigResult =
  | { readonly ok: true; readonly config: Config }
  | { readonly ok: false; readonly faults: readonly string[] };

type Environment = Readonly<Record<string, string | undefined>>;

/** @param infrastructures what each of them reads of the environment is its own affair */
export function readConfig(
  environment: Environment,
  defaults: { readonly nodeId: string },
  infrastructures: InfrastructureRegistry = INFRASTRUCTURES,
): ConfigResult {
  const faults: string[] = [];
  const text: Text = name => {
    const value = environment[name]?.trim();
    return value === undefined || value === '' ? null : value;
  };

  const config: Config = {
    ingestPort: readPort(text('INGEST_PORT'), 'INGEST_PORT', 8080, faults),
    nodeId: readNodeId(text('NODE_ID') ?? defaults.nodeId, faults),
    advertisedUrl: readUrl(text('ADVERTISED_URL'), 'ADVERTISED_URL', faults),
    exchanges: readExchanges(text('EXCHANGES'), faults),
    binanceDiffBooks: readDiffBooks(text('BINANCE_DIFF_BOOKS'), faults),
    marketRefreshMs: readMarketRefresh(text('MARKET_REFRESH_MS'), faults),
    exchangeSimulatorUrl: readUrl(text('EXCHANGE_SIMULATOR_URL'), 'EXCHANGE_SIMULATOR_URL', faults),
    dataDir: text('DATA_DIR') ?? 'data',
    streamToken: text('STREAM_TOKEN'),
    allowedOrigins: readOrigins(text('ALLOWED_ORIGINS'), faults),
    zookeeper: readZookeeper(text, faults),
    infrastructure: Object.fromEntries(
      Object.entries(infrastructures).map(([name, kind]) => [name, kind.read(text, faults)]),
    ),
    gateway: readGateway(text, faults),
    mysqlUrl: readMysqlUrl(text('MYSQL_URL'), faults),
    adminToken: text('ADMIN_TOKEN'),
    logLevel: readLogLevel(text('LOG_LEVEL'), faults),
  };
  const { redis = null } = config.infrastructure;
  if (config.zookeeper !== null && config.advertisedUrl === null && text('ADVERTISED_URL') === null) {
    faults.push('ADVERTISED_URL: needed with ZOOKEEPER_CONNECT: the other nodes read the stream of the one that leads');
  }
  if (config.gateway !== null && redis?.protocol === 'rest') {
    faults.push(
      'GATEWAY_PORT and GATEWAY_TOKEN: Upstash speaks that protocol itself; the gateway is for REDIS_URL or none',
    );
  }
  if (config.gateway !== null && redis === null && config.zookeeper !== null) {
    faults.push('GATEWAY_PORT and GATEWAY_TOKEN: several nodes do not share their memory; set REDIS_URL too');
  }
  return faults.length === 0 ? { ok: true, config: Object.freeze(config) } : { ok: false, faults };
}

function readNodeId(value: string, faults: string[]): string {
  if (!/^[\w.:-]{1,64}$/.test(value)) {
    faults.push(`NODE_ID: "${value}" may hold letters, digits and . _ : - only, at most 64`);
  }
  return value;
}

function readExchanges(value: string | null, faults: string[]): ExchangeName[] {
  if (value === null) return [...DEFAULT_EXCHANGES];
  const names = new Set<ExchangeName>();
  for (const name of value
    .split(',')
    .map(part => part.trim())
    .filter(part => part !== '')) {
    if (isExchangeName(name)) names.add(name);
    else faults.push(`EXCHANGES: "${name}" is unknown; known are ${EXCHANGES.join(', ')}`);
  }
  return [...names];
}

/** Each costs a snapshot at the start and after every gap, out of what the exchange allows in a minute. */
const MAX_DIFF_BOOKS = 50;

function readDiffBooks(value: string | null, faults: string[]): string[] {
  const symbols = new Set<string>();
  for (const part of (value ?? '')
    .split(',')
    .map(text => text.trim())
    .filter(text => text !== '')) {
    const symbol = part.toUpperCase();
    if (/^[^\s/]+\/[^\s/]+$/u.test(symbol)) symbols.add(symbol);
    else faults.push(`BINANCE_DIFF_BOOKS: "${part}" is not a symbol like BTC/USDT`);
  }
  if (symbols.size > MAX_DIFF_BOOKS) {
    faults.push(`BINANCE_DIFF_BOOKS: ${symbols.size} markets, where at most ${MAX_DIFF_BOOKS} are supported`);
  }
  return [...symbols];
}

/** Short enough for a listing that everybody waits for, and next to nothing of what the exchanges allow. */
const MARKET_REFRESH_MS = 60_000;
/** Ten a minute of Binance's list are a thirtieth of its limit; a day without a look would hide whole listings. */
const MARKET_REFRESH_BOUNDS_MS = { least: 6_000, most: 86_400_000 };

function readMarketRefresh(value: string | null, faults: string[]): number {
  if (value === null) return MARKET_REFRESH_MS;
  const { least, most } = MARKET_REFRESH_BOUNDS_MS;
  const ms = /^\d{1,9}$/.test(value) ? Number(value) : Number.NaN;
  if (ms >= least && ms <= most) return ms;
  faults.push(`MARKET_REFRESH_MS: "${value}" is not a number of milliseconds from ${least} to ${most}`);
  return MARKET_REFRESH_MS;
}

function readOrigins(value: string | null, faults: string[]): string[] {
  const origins: string[] = [];
  for (const part of (value ?? '')
    .split(',')
    .map(text => text.trim())
    .filter(text => text !== '')) {
    const url = URL.canParse(part) ? new URL(part) : null;
    if (url === null || url.origin === 'null' || url.pathname !== '/' || url.search !== '') {
      faults.push(`ALLOWED_ORIGINS: "${part}" is not an origin like https://example.com`);
    } else origins.push(url.origin);
  }
  return origins;
}

function readLogLevel(value: string | null, faults: string[]): LogLevel {
  if (value === null) return 'info';
  const level = LOG_LEVELS.find(candidate => candidate === value);
  if (level !== undefined) return level;
  faults.push(`LOG_LEVEL: "${value}" is none of ${LOG_LEVELS.join(', ')}`);
  return 'info';
}

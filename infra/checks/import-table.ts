/**
 * Who may import whom: the declared table that {@link file://./import-rules.ts} holds every import against.
 * Paths are folders or files from the root. To open a door, add a line here and say why in the review.
 */

/** A part of the tree and the only places outside it that its files may import. The longest path owns a file. */
export interface Area {
  readonly path: string;
  readonly mayImport: readonly string[];
  /** A place inside `mayImport` that stays shut all the same. */
  readonly butNot?: string;
  /** Built-in modules of the platform: prefixes such as `node:`. */
  readonly builtins?: readonly string[];
}

/** The shared layers, each resting on those before it. `client` is not for servers, so it is listed apart. */
const BASE = 'shared/base';
const MODEL = 'shared/model';
const WIRE = 'shared/wire';
const STREAM = 'shared/stream';
const SERVER_SHARED = [BASE, MODEL, WIRE, STREAM];

/** What anyone in ingest-node may use: the error table, and how to log and measure. */
const INGEST_COMMON = [
  ...SERVER_SHARED,
  'ingest-node/errors.ts',
  'ingest-node/operations/log.ts',
  'ingest-node/operations/logger.ts',
  'ingest-node/operations/metrics.ts',
];

const NODE = ['node:'];
const INFRASTRUCTURE_REGISTRY = 'ingest-node/infrastructure/registry.ts';
const EXCHANGE_CONTRACT = 'ingest-node/exchanges/exchange-adapter.ts';

export const AREAS: readonly Area[] = [
  { path: BASE, mayImport: [] },
  { path: MODEL, mayImport: [BASE] },
  { path: WIRE, mayImport: [BASE, MODEL] },
  { path: STREAM, mayImport: [BASE, MODEL, WIRE] },
  { path: 'shared/client', mayImport: [BASE, MODEL, WIRE, STREAM] },

  // The composition root and its programs introduce the layers to each other; the layers meet only through contracts.
  { path: 'ingest-node', mayImport: ['ingest-node', ...SERVER_SHARED], builtins: NODE },
  { path: 'ingest-node/errors.ts', mayImport: SERVER_SHARED },
  { path: 'ingest-node/config', mayImport: [...INGEST_COMMON, INFRASTRUCTURE_REGISTRY], builtins: NODE },
  {
    path: 'ingest-node/exchanges',
    mayImport: [...INGEST_COMMON, 'ingest-node/conversion/frame-reader.ts', 'ingest-node/conversion/lossless-json.ts'],
  },
  { path: 'ingest-node/feeds', mayImport: [...INGEST_COMMON, EXCHANGE_CONTRACT], builtins: NODE },
  { path: 'ingest-node/conversion', mayImport: [...INGEST_COMMON, EXCHANGE_CONTRACT], builtins: NODE },
  { path: 'ingest-node/distribution', mayImport: INGEST_COMMON, builtins: NODE },
  {
    path: 'ingest-node/infrastructure',
    mayImport: [...INGEST_COMMON, 'ingest-node/operations/health.ts'],
    builtins: NODE,
  },
  // Says how each infrastructure's settings are read, and how its service is made of them.
  {
    path: INFRASTRUCTURE_REGISTRY,
    mayImport: [...INGEST_COMMON, 'ingest-node/infrastructure', 'ingest-node/config'],
  },
  {
    path: 'ingest-node/leadership',
    mayImport: [...INGEST_COMMON, 'ingest-node/operations/health.ts'],
    builtins: NODE,
  },
  { path: 'ingest-node/settings', mayImport: [...INGEST_COMMON, INFRASTRUCTURE_REGISTRY], builtins: NODE },
  {
    path: 'ingest-node/gateway',
    mayImport: [...INGEST_COMMON, 'ingest-node/config', 'ingest-node/infrastructure/redis-scripts.ts'],
    builtins: NODE,
  },
  {
    path: 'ingest-node/operations',
    mayImport: [
      ...INGEST_COMMON,
      'ingest-node/config',
      'ingest-node/infrastructure/infrastructure-service.ts',
      'ingest-node/leadership/leader-election.ts',
      'ingest-node/settings/settings-administration.ts',
      'ingest-node/settings/settings-store.ts',
    ],
    builtins: NODE,
  },

  {
    path: 'edge-worker',
    mayImport: ['edge-worker', ...SERVER_SHARED],
    butNot: 'edge-worker/dashboard',
    builtins: ['cloudflare:'],
  },
  // Everything a Durable Object decides must run, and be tested, without Cloudflare.
  { path: 'edge-worker/fan-out', mayImport: SERVER_SHARED },
  { path: 'edge-worker/dashboard', mayImport: [MODEL, 'shared/client'] },
  { path: 'edge-worker/vitest.workerd.config.ts', mayImport: [], builtins: NODE },

  { path: 'infra', mayImport: ['shared', 'ingest-node', 'edge-worker'], builtins: NODE },
];

/** A package and the only places of the product that may import it: one vendor per role, one file per vendor. */
export interface Vendor {
  readonly name: string;
  readonly role: string;
  readonly homes: readonly Home[];
}

/** Where a vendor lives: a file, or a folder in which at most `files` files import it. */
export interface Home {
  readonly path: string;
  readonly files?: number;
}

export const VENDORS: readonly Vendor[] = [
  {
    name: 'ws',
    role: 'WebSocket on Node',
    homes: [
      { path: 'ingest-node/feeds/ws-socket.ts' },
      { path: 'ingest-node/distribution', files: 1 },
      { path: 'ingest-node/operations', files: 1 },
    ],
  },
  { name: 'pino', role: 'log lines', homes: [{ path: 'ingest-node/operations/logger.ts' }] },
  { name: 'prom-client', role: 'metrics', homes: [{ path: 'ingest-node/operations/metrics.ts' }] },
  { name: '@hono/node-server', role: 'HTTP on Node', homes: [{ path: 'ingest-node/operations', files: 1 }] },
  {
    name: 'hono',
    role: 'HTTP routes',
    homes: [
      { path: 'ingest-node/operations' },
      { path: 'ingest-node/gateway' },
      { path: 'edge-worker/app.ts' },
      { path: 'edge-worker/routes' },
    ],
  },
  { name: 'kafkajs', role: 'Kafka', homes: [{ path: 'ingest-node/infrastructure', files: 1 }] },
  {
    name: 'ioredis',
    role: 'Redis over TCP',
    homes: [
      { path: 'ingest-node/infrastructure', files: 1 },
      { path: 'ingest-node/gateway', files: 1 },
    ],
  },
  {
    name: '@upstash/redis',
    role: 'Redis over HTTP',
    homes: [
      { path: 'ingest-node/infrastructure', files: 1 },
      { path: 'edge-worker/durable-objects', files: 1 },
    ],
  },
  { name: 'node-zookeeper-client', role: 'ZooKeeper', homes: [{ path: 'ingest-node/leadership', files: 1 }] },
  { name: 'mysql2', role: 'MySQL', homes: [{ path: 'ingest-node/settings', files: 1 }] },
  { name: 'kysely', role: 'SQL', homes: [{ path: 'ingest-node/settings' }] },
  { name: 'vitest', role: 'test runner', homes: [{ path: 'edge-worker/vitest.workerd.config.ts' }] },
  {
    name: '@cloudflare/vitest-plugin',
    role: 'tests in the Workers runtime',
    homes: [{ path: 'edge-worker/vitest.workerd.config.ts' }],
  },
];

/** Infra brings up, simulates and measures the product: it may use any package, and its own rules end there. */
export const FREE_OF_VENDOR_RULES = 'infra';

/** Packages the tests of `shared` may use; tests elsewhere may use any. */
export const SHARED_TEST_PACKAGES: readonly string[] = ['vitest', 'ws', 'fast-check', 'esbuild'];

/** Files that may pass on what others say: the SDK's front door and the Worker's entry. Any other barrel is refused. */
export const MAY_RE_EXPORT: readonly string[] = ['shared/client/index.ts', 'edge-worker/index.ts'];

/**
 * The edge on this machine: the same Worker and Durable Objects that Cloudflare runs, in workerd, through Miniflare.
 * Alone: `node infra/local/edge-dev-server.ts` with EDGE_PORT, EDGE_HOST and the Worker's own variables.
 */
import { access, mkdir, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { readSettings, SettingsError, type Variables } from '../../edge-worker/settings.ts';

export type EdgeOptions = {
  /** 0 takes any free one. */
  readonly port: number;
  /** Default 127.0.0.1: only this machine. */
  readonly host?: string;
  /** Base addresses of ingest nodes, best first. */
  readonly ingestUrls: readonly string[];
  /** Where the built dashboard goes and is served from. */
  readonly dashboardDir?: string;
  /** The Worker's other variables, as in wrangler.toml. */
  readonly vars?: EdgeVariables;
  readonly log?: (line: string) => void;
};

export type RunningEdge = {
  readonly url: string;
  /** For tests: throws one object out of memory while its hibernatable sockets stay. */
  evict(className: 'Hub' | 'Shard', name: string): Promise<void>;
  stop(): Promise<void>;
};

const ROOT = new URL('../../', import.meta.url);
const DASHBOARD_SOURCE = new URL('edge-worker/dashboard/', ROOT);
const DASHBOARD_DIR = fileURLToPath(new URL('build/dashboard/', ROOT));
const WORKER = 'edge';
/** What wrangler.toml says too. */
const COMPATIBILITY_DATE = '2026-10-23';

/** Bundles, starts and answers when the edge serves. Throws in plain words when a variable is wrong or the port is taken. */
export async function startEdge(options: EdgeOptions): Promise<RunningEdge> {
  const { port, host = '127.0.0.1', ingestUrls, dashboardDir = DASHBOARD_DIR, vars = {}, log = console.log } = options;
  const variables: Variables = { INGEST_URLS: ingestUrls.join(','), ...vars };
  readSettings(variables);
  const [{ Miniflare, Log, LogLevel }, script] = await Promise.all([
    import('miniflare'),
    bundleWorker(),
    buildDashboard(dashboardDir),
    assertPortIsFree(port, host),
  ]);
  const text = (value: string) => ({ type: 'text' as const, value });
  const durableObject = (exportName: string) => ({ type: 'durable-object' as const, worker: WORKER, exportName });
  const miniflare = withoutSignalHandlers(
    () =>
      new Miniflare({
        host,
        port,
        // Without this it would pretend that every visitor is in Texas.
        cf: {},
        logRequests: false,
        telemetry: { enabled: false },
        log: new Log(LogLevel.ERROR),
        workers: [
          {
            config: {
              name: WORKER,
              compatibilityDate: COMPATIBILITY_DATE,
              manifest: { mainModule: 'index.js', modules: { 'index.js': { type: 'esm', contents: script } } },
              env: {
                ...Object.fromEntries(Object.entries(variables).map(([name, value]) => [name, text(value)])),
                HUB: durableObject('Hub'),
                SHARD: durableObject('Shard'),
              },
              exports: {
                Hub: { type: 'durable-object', storage: 'sqlite' },
                Shard: { type: 'durable-object', storage: 'sqlite' },
              },
              assets: { directory: dashboardDir, hasUserWorker: true },
            },
          },
        ],
      }),
  );
  let url: string;
  try {
    url = (await miniflare.ready).origin;
  } catch (error) {
    await miniflare.dispose();
    throw error;
  }
  log(`edge: dashboard, WebSocket and API on ${url}`);
  let stopping: Promise<void> | null = null;
  return {
    url,
    evict: (className, name) => miniflare.unsafeEvictDurableObject(WORKER, className, { name }),
    stop: () => {
      stopping ??= miniflare.dispose();
      return stopping;
    },
  };
}

/**
 * Miniflare ends the whole process with code 130 at the first SIGINT, before anybody else has put their things in order.
 * When to end is for the one who started us to say; its hook on `exit`, which takes workerd along, stays.
 */
function withoutSignalHandlers<Made>(make: () => Made): Made {
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  const before = new Map(signals.map(signal => [signal, process.listeners(signal)]));
  const made = make();
  for (const signal of signals) {
    for (const listener of process.listeners(signal))
      if (!before.get(signal)!.includes(listener)) process.off(signal, listener);
  }
  return made;
}

/** The Worker as one module. */
async function bundleWorker(): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL('edge-worker/index.ts', ROOT))],
    bundle: true,
    format: 'esm',
    target: 'es2024',
    conditions: ['workerd', 'worker'],
    external: ['cloudflare:*', 'node:*'],
    write: false,
    logLevel: 'warning',
  });
  return outputFiles[0]!.text;
}

/** The page, its script and style into one folder; a plain page with links where there is no dashboard. */
export async function buildDashboard(directory: string = DASHBOARD_DIR): Promise<void> {
  await mkdir(directory, { recursive: true });
  const file = (name: string) => fileURLToPath(new URL(name, DASHBOARD_SOURCE));
  const exists = async (path: string) =>
    access(path).then(
      () => true,
      () => false,
    );
  const [hasPage, hasScript, hasStyle] = await Promise.all([
    exists(file('index.html')),
    exists(file('main.ts')),
    exists(file('style.css')),
  ]);
  if (!hasPage || !hasScript) {
    await writeFile(`${directory}/index.html`, PLAIN_PAGE);
    return;
  }
  await build({
    entryPoints: [file('main.ts'), file('index.html'), ...(hasStyle ? [file('style.css')] : [])],
    outdir: directory,
    bundle: true,
    format: 'esm',
    target: 'es2022',
    minify: true,
    sourcemap: true,
    loader: { '.html': 'copy', '.svg': 'copy', '.woff2': 'copy' },
    logLevel: 'warning',
  });
}

const PLAIN_PAGE = `<!doctype html><meta charset="utf-8"><title>Exchange Service</title>
<h1>Exchange Service</h1><p>The dashboard is not built. See <a href="/ws/info">/ws/info</a>,
<a href="/api/tickers">/api/tickers</a> and <a href="/api/ws/infra-health">/api/ws/infra-health</a>.</p>
`;

/** workerd would fail with its own words, after a second. */
function assertPortIsFree(port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', (error: NodeJS.ErrnoException) => {
      const why = error.code === 'EADDRINUSE' ? 'is in use by another program' : `cannot be used (${error.code})`;
      reject(new Error(`the edge cannot start: port ${port} on ${host} ${why}; choose another with EDGE_PORT`));
    });
    probe.listen(port, host, () => probe.close(() => resolve()));
  });
}

export type EdgeVariables = Omit<Variables, 'INGEST_URLS'>;

const EDGE_VARIABLES = [
  'UPSTASH_REDIS_REST_URL',
  'UPSTASH_REDIS_REST_TOKEN',
  'SHARD_CAPACITY',
  'ALLOWED_ORIGINS',
  'STREAM_TOKEN',
  'HUB_PACE_MS',
] as const satisfies readonly (keyof EdgeVariables)[];

/** The Worker's own variables among those of a process. */
export function edgeVariablesOf(environment: NodeJS.ProcessEnv): EdgeVariables {
  const variables: Record<string, string> = {};
  for (const name of EDGE_VARIABLES) {
    const value = environment[name];
    if (value !== undefined) variables[name] = value;
  }
  return variables;
}

/** What is wrong with them, before anything is started. */
export function edgeFaults(variables: EdgeVariables): readonly string[] {
  try {
    readSettings({ INGEST_URLS: 'http://127.0.0.1', ...variables });
    return [];
  } catch (error) {
    if (error instanceof SettingsError) return error.faults;
    throw error;
  }
}

async function main(): Promise<void> {
  if (process.argv.includes('--build-only')) return buildDashboard();
  const { EDGE_PORT = '8787', EDGE_HOST = '127.0.0.1', INGEST_URLS = 'http://127.0.0.1:8080' } = process.env;
  try {
    if (!/^\d{1,5}$/.test(EDGE_PORT) || Number(EDGE_PORT) > 65_535) {
      throw new SettingsError([`EDGE_PORT: "${EDGE_PORT}" is not a port number`]);
    }
    const starting = startEdge({
      port: Number(EDGE_PORT),
      host: EDGE_HOST,
      ingestUrls: INGEST_URLS.split(','),
      vars: edgeVariablesOf(process.env),
    });
    // From the first moment on: an interrupt in the middle of the start must take workerd along too. A signal may come
    // twice, from the terminal and from npm: `stop` is one and the same promise each time.
    const stop = () => void starting.then(edge => edge.stop()).finally(() => process.exit(0));
    process.on('SIGINT', stop);
    process.on('SIGTERM', stop);
    await starting;
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exit(error instanceof SettingsError ? 2 : 1);
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main();

import { type Context, Hono } from 'hono';
import { cors } from 'hono/cors';
import { matchesQuery, parseStateQuery, type StateQuery, stateTag } from '../../shared/stream/state-query.ts';
import type { StreamLog } from '../../shared/stream/stream-log.ts';
import { PROTOCOL_VERSION } from '../../shared/wire/protocol-version.ts';
import type { Endpoint, Mode, ServiceInfo, StreamPath } from '../../shared/wire/service-info.ts';
import { type AccessOptions, isAllowedOrigin, refuseAccess } from './access.ts';
import { type HealthSource, infraHealth, unreadiness } from './health.ts';
import type { InstrumentDirectory } from './instrument-directory.ts';

export type HttpAppOptions = {
  readonly server: string;
  readonly log: StreamLog;
  readonly access: AccessOptions;
  /** Overrides what the Host header says. */
  readonly advertisedUrl: string | null;
  readonly mode: { readonly configured: Mode; readonly active: Mode };
  readonly health: HealthSource;
  readonly instruments: InstrumentDirectory;
  readonly sessions: () => number;
};

/** The paths a stream can be read on, best first, and why one cannot be used. */
export const STREAM_PATHS: readonly { readonly path: StreamPath; readonly reason: string | null }[] = [
  { path: '/ws/exchange', reason: null },
  { path: '/ws/kafka', reason: 'Kafka is not enabled; use /ws/exchange' },
  { path: '/ws/redis', reason: 'Redis is not enabled; use /ws/exchange' },
];

/** The node's HTTP surface. WebSocket upgrades never come here; a plain GET on their paths does. */
export function createHttpApp(options: HttpAppOptions): Hono {
  const { log, access, health, instruments } = options;
  const app = new Hono();

  app.use(
    '*',
    cors({ origin: origin => (isAllowedOrigin(access, origin) ? origin || '*' : null), allowMethods: ['GET'] }),
  );
  app.use('*', async (context, next) => {
    if (context.req.path === '/livez' || context.req.path === '/readyz') return next();
    const refusal = refuseAccess(access, {
      authorization: context.req.header('authorization'),
      queryToken: context.req.query('token') ?? null,
      origin: context.req.header('origin'),
    });
    return refusal === null
      ? next()
      : context.json({ error: { code: refusal.code, message: refusal.message } }, refusal.status);
  });

  app.get('/livez', context => context.text('alive'));
  app.get('/readyz', context => {
    const reason = unreadiness(log, health.feeds());
    return reason === null ? context.text('ready') : context.text(reason, 503);
  });

  app.get('/ws/info', context => context.json(serviceInfo(options, context.req.url)));
  app.get('/api/ws/infra-health', context => context.json(infraHealth(health)));

  app.get('/api/snapshot', context =>
    answerState(context, log, query => ({
      lineage: log.lineage,
      events: log.latest.events().filter(event => matchesQuery(event, query)),
    })),
  );
  app.get('/api/tickers', context =>
    answerState(context, log, query => ({
      tickers: log.latest.events().filter(event => event.type === 'ticker' && matchesQuery(event, query)),
    })),
  );
  app.get('/api/instruments', context => {
    const parsed = parseStateQuery(new URL(context.req.url).searchParams);
    if (!parsed.ok) return badRequest(context, parsed.faults);
    const { exchanges, symbols } = parsed.query;
    return withTag(context, `"${options.server}-${instruments.version}"`, () => ({
      instruments: instruments
        .all()
        .filter(({ exchange, symbol }) => (exchanges?.has(exchange) ?? true) && (symbols?.has(symbol) ?? true)),
    }));
  });

  for (const { path, reason } of STREAM_PATHS) {
    app.get(path, context =>
      reason === null
        ? context.json(
            { error: { code: 'upgradeRequired', message: 'this is a WebSocket: connect with ws:// or wss://' } },
            426,
          )
        : context.json({ error: { code: 'notEnabled', message: reason }, fallback: '/ws/exchange' }, 503),
    );
  }
  app.notFound(context =>
    context.json({ error: { code: 'notFound', message: `there is nothing at ${context.req.path}` } }, 404),
  );
  app.onError((error, context) => context.json({ error: { code: 'internal', message: error.message } }, 500));
  return app;
}

function serviceInfo({ server, advertisedUrl, mode, sessions }: HttpAppOptions, requestUrl: string): ServiceInfo {
  const base = (advertisedUrl ?? new URL(requestUrl).origin).replace(/^http/, 'ws');
  const endpoints: Endpoint[] = STREAM_PATHS.map(({ path, reason }) => ({
    url: `${base}${path}`,
    path,
    available: reason === null,
    reason,
  }));
  return {
    service: 'exchange-service',
    protocol: PROTOCOL_VERSION,
    server,
    endpoint: endpoints.find(endpoint => endpoint.available)!.url,
    endpoints,
    mode,
    sessions: sessions(),
  };
}

function answerState(context: Context, log: StreamLog, body: (query: StateQuery) => object): Response {
  const parsed = parseStateQuery(new URL(context.req.url).searchParams);
  if (!parsed.ok) return badRequest(context, parsed.faults);
  const { epoch, offset } = log.position;
  return withTag(context, stateTag(log.position), () => ({ epoch, offset, ...body(parsed.query) }));
}

function withTag(context: Context, tag: string, body: () => object): Response {
  context.header('ETag', tag);
  context.header('Cache-Control', 'no-cache');
  if (context.req.header('if-none-match') === tag) return context.body(null, 304);
  return context.json(body());
}

function badRequest(context: Context, faults: readonly string[]): Response {
  return context.json({ error: { code: 'badQuery', message: faults.join('; ') } }, 400);
}

import { type Context, Hono } from 'hono';
import { cors } from 'hono/cors';
import { answerStateQuery, matchesTag, type StateKind } from '../../shared/stream/state-answer.ts';
import { parseStateQuery } from '../../shared/stream/state-query.ts';
import type { StreamLog } from '../../shared/stream/stream-log.ts';
import { type AccessRules, originToAllow, refuseAccess } from '../../shared/wire/access.ts';
import { refusePath } from '../../shared/wire/path-refusal.ts';
import { describeService, type ServiceFacts } from '../../shared/wire/service-info.ts';
import { refusalBody } from '../../shared/wire/upgrade-refusal.ts';
import { type HealthSource, infraHealth, unreadiness } from './health.ts';
import type { InstrumentDirectory } from './instrument-directory.ts';

export type HttpAppOptions = {
  readonly server: string;
  readonly log: StreamLog;
  readonly access: AccessRules;
  /** Overrides what the Host header says. */
  readonly advertisedUrl: string | null;
  readonly health: HealthSource;
  readonly instruments: InstrumentDirectory;
  /** What `/ws/info` says, as it is at the moment. */
  readonly service: () => Omit<ServiceFacts, 'server' | 'mode'>;
  /** `/api/settings`, which asks for a token of its own. */
  readonly settings?: Hono;
};

/** The node's HTTP surface. WebSocket upgrades never come here; a plain GET on their paths does. */
export function createHttpApp(options: HttpAppOptions): Hono {
  const { log, access, health, instruments, server, service, advertisedUrl } = options;
  const app = new Hono();

  // Before the rules for readers: the admin token is another one, and no page of another origin has business there.
  if (options.settings !== undefined) app.route('/api/settings', options.settings);

  app.use('*', cors({ origin: origin => originToAllow(access, origin), allowMethods: ['GET'] }));
  app.use('*', async (context, next) => {
    if (context.req.path === '/livez' || context.req.path === '/readyz') return next();
    const refusal = refuseAccess(access, {
      authorization: context.req.header('authorization'),
      queryToken: context.req.query('token') ?? null,
      origin: context.req.header('origin'),
      ownOrigin: null,
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

  app.get('/ws/info', context => {
    const base = advertisedUrl ?? new URL(context.req.url).origin;
    return context.json(describeService(base, { server, mode: health.mode(), ...service() }));
  });
  app.get('/api/ws/infra-health', context => context.json(infraHealth(health)));

  for (const kind of ['snapshot', 'tickers'] as const) {
    app.get(`/api/${kind}`, context => answerState(context, kind, log));
  }
  app.get('/api/instruments', context => {
    const parsed = parseStateQuery(new URL(context.req.url).searchParams);
    if (!parsed.ok) return refuse(context, 400, 'badQuery', parsed.faults.join('; '));
    const { exchanges, symbols } = parsed.query;
    const tag = `"${server}-${instruments.version}"`;
    context.header('ETag', tag);
    context.header('Cache-Control', 'no-cache');
    if (matchesTag(context.req.header('if-none-match') ?? null, tag)) return context.body(null, 304);
    return context.json({
      instruments: instruments
        .all()
        .filter(({ exchange, symbol }) => (exchanges?.has(exchange) ?? true) && (symbols?.has(symbol) ?? true)),
    });
  });

  for (const { path } of service().paths) {
    app.get(path, context => {
      const refusal = refusePath(service().paths, path);
      return refusal === null
        ? context.json(
            { error: { code: 'upgradeRequired', message: 'this is a WebSocket: connect with ws:// or wss://' } },
            426,
          )
        : context.json(refusalBody(refusal), 503);
    });
  }
  app.notFound(context =>
    context.json({ error: { code: 'notFound', message: `there is nothing at ${context.req.path}` } }, 404),
  );
  app.onError((error, context) => context.json({ error: { code: 'internal', message: error.message } }, 500));
  return app;
}

function answerState(context: Context, kind: StateKind, log: StreamLog): Response {
  const { searchParams } = new URL(context.req.url);
  const answer = answerStateQuery(kind, log, searchParams, context.req.header('if-none-match') ?? null);
  if ('code' in answer) return refuse(context, answer.status, answer.code, answer.message);
  context.header('ETag', answer.tag);
  context.header('Cache-Control', 'no-cache');
  if (!('body' in answer)) return context.body(null, 304);
  return context.body(answer.body, 200, { 'Content-Type': 'application/json' });
}

function refuse(context: Context, status: 400 | 503, code: string, message: string): Response {
  return context.json({ error: { code, message } }, status);
}

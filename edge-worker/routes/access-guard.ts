import { cors } from 'hono/cors';
import { createMiddleware } from 'hono/factory';
import { originToAllow, refuseAccess } from '../../shared/wire/access.ts';
import type { Env } from '../env.ts';
import { readSettings } from '../settings.ts';

/** Refuses who may not read; every other route behind it needs not care. */
export const guardAccess = createMiddleware<{ Bindings: Env }>(async (context, next) => {
  const refusal = refuseAccess(readSettings(context.env), {
    authorization: context.req.header('authorization'),
    queryToken: context.req.query('token') ?? null,
    origin: context.req.header('origin'),
    ownOrigin: new URL(context.req.url).origin,
  });
  if (refusal === null) return next();
  return context.json({ error: { code: refusal.code, message: refusal.message } }, refusal.status);
});

/** Lets scripts of allowed pages read the plain routes. */
export const openToPages = cors({
  origin: (origin, context) => originToAllow(readSettings(context.env), origin),
  allowMethods: ['GET'],
  allowHeaders: ['Authorization', 'If-None-Match'],
  exposeHeaders: ['ETag'],
});

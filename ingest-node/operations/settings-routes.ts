/**
 * `/api/settings`: what is carried and what is used, for whoever has the admin token. A GET answers with the document
 * that a PUT takes; its version is the ETag, and a PUT names the one it was made from with `If-Match`.
 */
import { type Context, Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { matchesTag } from '../../shared/stream/state-answer.ts';
import { isSameSecret } from '../../shared/wire/access.ts';
import type { SettingsAdministration, SettingsAnswer, SettingsSubject } from '../settings/settings-administration.ts';

export type SettingsRoutesOptions = {
  /** Without one nobody is let in. */
  readonly adminToken: string | null;
  readonly settings: SettingsAdministration;
};

const MAX_BODY_BYTES = 1024 * 1024;
const MOST_RECORDS = 1_000;
const LONGEST_NAME = 64;

/** Relative to `/api/settings`. */
export function createSettingsRoutes({ adminToken, settings }: SettingsRoutesOptions): Hono {
  const app = new Hono();

  app.use('*', async (context, next) => {
    context.header('Cache-Control', 'no-store');
    if (adminToken === null) {
      return refuse(
        context,
        403,
        'adminDisabled',
        'settings cannot be reached: set ADMIN_TOKEN on this node to allow it',
      );
    }
    const given = context.req.header('authorization')?.replace(/^Bearer +/i, '') ?? '';
    if (!isSameSecret(given, adminToken)) {
      const message =
        given === '' ? 'give the admin token as "Authorization: Bearer …"' : 'that is not the ADMIN_TOKEN of this node';
      return refuse(context, 401, 'adminTokenRequired', message);
    }
    return next();
  });

  const routes: readonly (readonly [path: string, subjectOf: (context: Context) => SettingsSubject])[] = [
    ['/', () => ({ kind: 'settings' })],
    ['/switches', () => ({ kind: 'switches' })],
    ['/exchanges/:exchange', context => ({ kind: 'exchange', exchange: context.req.param('exchange') ?? '' })],
  ];
  const limit = bodyLimit({
    maxSize: MAX_BODY_BYTES,
    onError: context => refuse(context, 413, 'tooLarge', `settings take at most ${MAX_BODY_BYTES} bytes`),
  });
  for (const [path, subjectOf] of routes) {
    app.get(path, context => tell(context, settings.show(subjectOf(context))));
    app.put(path, limit, context => put(context, settings, subjectOf(context)));
  }

  app.get('/audit', context => list(context, limit => settings.audit(limit), 'audit'));
  app.get('/leadership', context => list(context, limit => settings.terms(limit), 'terms'));
  return app;
}

async function put(context: Context, settings: SettingsAdministration, subject: SettingsSubject): Promise<Response> {
  const faults: string[] = [];
  const expectedVersion = readIfMatch(context.req.header('if-match'));
  if (expectedVersion === 'none') {
    const message = 'say which version the change was made from, with If-Match: the ETag of a GET, or * for any';
    return refuse(context, 428, 'ifMatchRequired', message);
  }
  if (expectedVersion === 'wrong') faults.push('If-Match: neither an ETag of these settings, like "3", nor *');
  const who = context.req.header('x-operator') ?? 'admin';
  if (who.length > LONGEST_NAME || who.trim() === '') faults.push(`X-Operator: 1 to ${LONGEST_NAME} characters`);
  const document = parse(await context.req.text());
  if (document === undefined) faults.push('the body is not JSON');
  if (faults.length > 0 || expectedVersion === 'wrong') return tell(context, { kind: 'invalid', faults });
  return tell(context, await settings.change({ subject, document, expectedVersion, who }));
}

function tell(context: Context, answer: SettingsAnswer): Response {
  switch (answer.kind) {
    case 'ok': {
      const tag = `"${answer.version}"`;
      context.header('ETag', tag);
      const isKnown = context.req.method === 'GET' && matchesTag(context.req.header('if-none-match') ?? null, tag);
      return isKnown ? context.body(null, 304) : context.json(answer.document as object);
    }
    case 'unknownSubject':
      return refuse(context, 404, 'notFound', answer.message);
    case 'invalid': {
      const { faults } = answer;
      return context.json({ error: { code: 'badSettings', message: faults.join('; '), faults } }, 400);
    }
    case 'conflict': {
      const { version } = answer;
      context.header('ETag', `"${version}"`);
      return refuse(context, 412, 'changedMeanwhile', `the settings are at version ${version} by now: read them again`);
    }
    case 'unavailable':
      return refuse(context, 503, 'unavailable', `settings cannot be changed now: ${answer.reason}`);
  }
}

async function list(
  context: Context,
  read: (limit: number) => Promise<readonly unknown[]>,
  name: string,
): Promise<Response> {
  const text = context.req.query('limit') ?? '100';
  const limit = /^\d{1,4}$/.test(text) ? Number(text) : 0;
  if (limit < 1 || limit > MOST_RECORDS)
    return tell(context, { kind: 'invalid', faults: [`limit: 1 to ${MOST_RECORDS}`] });
  try {
    return context.json({ [name]: await read(limit) });
  } catch (error) {
    return refuse(context, 503, 'unavailable', `the database cannot be read now: ${String(error)}`);
  }
}

function readIfMatch(header: string | undefined): number | 'any' | 'none' | 'wrong' {
  if (header === undefined) return 'none';
  if (header.trim() === '*') return 'any';
  const version = /^(?:W\/)?"(\d{1,15})"$/.exec(header.trim())?.[1];
  return version === undefined ? 'wrong' : Number(version);
}

/** `undefined` when it is no JSON. */
function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

function refuse(
  context: Context,
  status: 401 | 403 | 404 | 412 | 413 | 428 | 503,
  code: string,
  message: string,
): Response {
  return context.json({ error: { code, message } }, status);
}

import type { Hono } from 'hono';
import { describe, expect, test } from 'vitest';
import type { OpenSettings } from '../settings/open-settings.ts';
import { useSettings } from '../settings/testing/settings-under-test.ts';
import { createSettingsRoutes } from './settings-routes.ts';

const under = useSettings();
const TOKEN = 'let-me-in-0123456789';

type Call = { readonly method?: string; readonly headers?: Record<string, string>; readonly body?: unknown };
type Answer = { readonly status: number; readonly etag: string | null; readonly body: unknown };

class Operator {
  readonly app: Hono;
  readonly settings: OpenSettings;

  constructor(settings: OpenSettings, adminToken: string | null = TOKEN) {
    this.settings = settings;
    this.app = createSettingsRoutes({ adminToken, settings: settings.service });
  }

  /** Text is sent as it is, everything else as JSON. */
  async call(path: string, { method = 'GET', headers = {}, body }: Call = {}): Promise<Answer> {
    const response = await this.app.request(path, {
      method,
      headers: { Authorization: `Bearer ${TOKEN}`, ...headers },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    const answer = text === '' ? null : (JSON.parse(text) as unknown);
    return { status: response.status, etag: response.headers.get('etag'), body: answer };
  }

  put(path: string, body: unknown, headers: Record<string, string> = { 'If-Match': '*' }): Promise<Answer> {
    return this.call(path, { method: 'PUT', headers, body });
  }
}

const operate = async (options: Parameters<typeof under.open>[0] = {}) => new Operator(await under.open(options));
const PATHS = ['/', '/switches', '/exchanges/upbit', '/audit', '/leadership'];

describe('who is let in', () => {
  test.each(PATHS)('%s asks for the admin token, and a wrong one is none', async path => {
    const operator = await operate();
    for (const wrong of [
      '',
      'Bearer',
      'Bearer wrong',
      `Bearer ${TOKEN}x`,
      `Bearer ${TOKEN.slice(1)}`,
      `Basic ${TOKEN}`,
    ]) {
      for (const method of ['GET', 'PUT', 'DELETE']) {
        const answer = await operator.call(path, { method, headers: { Authorization: wrong, 'If-Match': '*' } });
        expect(answer).toMatchObject({ status: 401, body: { error: { code: 'adminTokenRequired' } } });
      }
    }
    expect((await operator.call(path)).status).toBe(200);
    expect((await operator.call(path, { headers: { Authorization: `bearer ${TOKEN}` } })).status).toBe(200);
    expect(operator.settings.service.version).toBe(1);
  });

  test('a node without an admin token lets nobody in and says how to change that', async () => {
    const operator = new Operator(await under.open(), null);
    for (const path of PATHS) {
      for (const Authorization of [`Bearer ${TOKEN}`, 'Bearer ', 'Bearer null']) {
        const { status, body } = await operator.call(path, { headers: { Authorization } });
        expect([status, body]).toMatchObject([403, { error: { code: 'adminDisabled' } }]);
        expect(JSON.stringify(body)).toContain('ADMIN_TOKEN');
      }
    }
    expect(await operator.put('/switches', { redis: false })).toMatchObject({ status: 403 });
    expect(operator.settings.service.switches.redis).toBe(true);
  });
});

describe('reading and changing', () => {
  test('what a GET answers is what a PUT takes', async () => {
    const operator = await operate();
    const { body, etag } = await operator.call('/');
    expect(body).toMatchObject({ exchanges: { upbit: { enabled: true, markets: 'all' } }, switches: { redis: true } });
    expect(etag).toBe('"1"');
    expect(await operator.put('/', body, { 'If-Match': etag! })).toEqual({ status: 200, etag: '"2"', body });
    expect(await operator.call('/', { headers: { 'If-None-Match': '"2"' } })).toEqual({
      status: 304,
      etag: '"2"',
      body: null,
    });
  });

  test('one exchange, or the switches, are changed without touching the rest', async () => {
    const operator = await operate();
    const markets = { except: ['XRP/KRW'] };
    const changed = await operator.put('/exchanges/upbit', { markets, channels: { candle: false } });
    expect(changed).toMatchObject({ status: 200, etag: '"2"', body: { enabled: true, markets } });
    expect(await operator.put('/switches', { kafka: false })).toMatchObject({ body: { kafka: false, redis: true } });
    expect(await operator.put('/exchanges/bithumb', { enabled: false })).toMatchObject({ etag: '"4"' });
    expect((await operator.call('/')).body).toMatchObject({
      exchanges: {
        upbit: { enabled: true, markets, channels: { trade: true, candle: false } },
        bithumb: { enabled: false, markets: 'all' },
        binance: { enabled: true, markets: 'all' },
      },
      switches: { kafka: false, redis: true },
    });
    expect((await operator.call('/exchanges/upbit')).body).toEqual(changed.body);
  });

  test('whoever was slower is told so and has changed nothing', async () => {
    const operator = await operate();
    await operator.put('/switches', { redis: false }, { 'If-Match': '"1"' });
    const late = await operator.put('/switches', { kafka: false }, { 'If-Match': '"1"' });
    expect(late).toMatchObject({ status: 412, etag: '"2"', body: { error: { code: 'changedMeanwhile' } } });
    expect(operator.settings.service.switches).toEqual({ kafka: true, redis: false });
  });

  test('a change by chance is not possible: which version it was made from has to be said', async () => {
    const operator = await operate();
    const answer = await operator.put('/switches', { redis: false }, {});
    expect(answer).toMatchObject({ status: 428, body: { error: { code: 'ifMatchRequired' } } });
    expect(operator.settings.service.version).toBe(1);
  });

  test('the audit tells who changed what, where, when, from what to what', async () => {
    const operator = await operate({ node: 'node-7' });
    const before = Date.now();
    await operator.put('/exchanges/upbit', { enabled: false }, { 'If-Match': '*', 'X-Operator': 'kim@example.com' });
    await operator.put('/switches', { redis: false });
    await operator.put('/switches', { redis: 'off' });
    await operator.put('/', {});
    const { body } = await operator.call('/audit');
    const { audit } = body as { audit: { before: string; after: string; time: number }[] };
    expect(audit).toMatchObject([
      { version: 4, who: 'admin', node: 'node-7', subject: 'settings' },
      { version: 3, who: 'admin', node: 'node-7', subject: 'switches' },
      { version: 2, who: 'kim@example.com', node: 'node-7', subject: 'exchanges/upbit' },
    ]);
    expect(JSON.parse(audit[1]!.before)).toEqual({ kafka: true, redis: true });
    expect(JSON.parse(audit[1]!.after)).toEqual({ kafka: true, redis: false });
    expect(JSON.parse(audit[2]!.after)).toMatchObject({ enabled: false, markets: 'all' });
    for (const { time } of audit) {
      expect(time).toBeGreaterThanOrEqual(before);
      expect(time).toBeLessThanOrEqual(Date.now());
    }
    expect(((await operator.call('/audit?limit=1')).body as typeof body & { audit: unknown[] }).audit).toHaveLength(1);
  });

  test('the leadership history can be read', async () => {
    const operator = await operate();
    operator.settings.records.beginTerm(1_790_000_000);
    const terms = async () => ((await operator.call('/leadership')).body as { terms: unknown[] }).terms;
    // It is written a second later.
    await expect
      .poll(terms, { timeout: 10_000 })
      .toMatchObject([{ epoch: 1_790_000_000, node: 'node-1', until: null }]);
  });
});

describe('what is refused', () => {
  test('a document with faults: each is named with its place, and nothing is changed', async () => {
    const operator = await operate({ listedSymbols: () => new Set(['BTC/KRW']) });
    const { status, body } = await operator.put('/', {
      exchanges: { mtgox: {}, upbit: { enabled: 'no', markets: { only: ['KRW-BTC'] } } },
      switches: { redis: 1 },
    });
    expect(status).toBe(400);
    expect(body).toEqual({
      error: {
        code: 'badSettings',
        message: expect.stringContaining('; exchanges.upbit.enabled: "no" is neither true nor false; '),
        faults: [
          'exchanges: unknown exchange "mtgox"; known are binance, upbit, bithumb, coinone',
          'exchanges.upbit.enabled: "no" is neither true nor false',
          'exchanges.upbit.markets.only[0]: "KRW-BTC" is not a symbol like BTC/KRW',
          'switches.redis: 1 is neither true nor false',
        ],
      },
    });
    const slip = await operator.put('/exchanges/upbit', { markets: { except: ['BTC/KWR', 'BTC/KRW'] } });
    expect(slip).toMatchObject({ status: 400, body: { error: { faults: ['upbit does not list BTC/KWR'] } } });
    expect(operator.settings.service.version).toBe(1);
  });

  test.each(['', 'no json', '{"redis":', 'null', '[]', '3', '"redis"'])('%j is no document', async text => {
    const operator = await operate();
    for (const path of ['/', '/switches', '/exchanges/upbit']) {
      expect(await operator.put(path, text)).toMatchObject({ status: 400, body: { error: { code: 'badSettings' } } });
    }
    expect(operator.settings.service.version).toBe(1);
  });

  test('faults of the headers are told together with that of the body', async () => {
    const operator = await operate();
    const headers = { 'If-Match': 'yesterday', 'X-Operator': 'x'.repeat(65) };
    const { status, body } = await operator.put('/switches', '{', headers);
    expect(status).toBe(400);
    expect((body as { error: { faults: string[] } }).error.faults).toHaveLength(3);
  });

  test('unknown exchanges and paths, bodies beyond a megabyte, limits that are none', async () => {
    const operator = await operate();
    for (const method of ['GET', 'PUT']) {
      const body = method === 'PUT' ? '{}' : undefined;
      const answer = await operator.call('/exchanges/mtgox', { method, headers: { 'If-Match': '*' }, body });
      expect(answer).toMatchObject({ status: 404, body: { error: { code: 'notFound' } } });
    }
    const large = await operator.put('/', { colour: 'x'.repeat(1_100_000) });
    expect(large).toMatchObject({ status: 413, body: { error: { code: 'tooLarge' } } });
    for (const limit of ['0', '1001', '-1', 'all', '1e3']) {
      expect((await operator.call(`/audit?limit=${limit}`)).status).toBe(400);
    }
    expect((await operator.app.request('/nowhere', { headers: { Authorization: `Bearer ${TOKEN}` } })).status).toBe(
      404,
    );
  });
});

test('without the database what is known can be read, a change is answered 503, and so is the history', async () => {
  const operator = await operate({ mysqlUrl: 'mysql://nobody:secret@127.0.0.1:1/nothing' });
  expect(await operator.call('/')).toMatchObject({ status: 200, etag: '"0"' });
  for (const answer of [
    await operator.put('/switches', { redis: false }),
    await operator.call('/audit'),
    await operator.call('/leadership'),
  ]) {
    expect(answer).toMatchObject({ status: 503, body: { error: { code: 'unavailable' } } });
    expect(JSON.stringify(answer)).not.toContain('secret');
  }
});

test('nodes with one database see the same versions, and one may change what the other has shown', async () => {
  const [some, other] = [await operate(), await operate({ node: 'node-2' })];
  await some.put('/switches', { redis: false });
  const { etag } = await some.call('/switches');
  // The other one may not have polled yet: it looks before it answers.
  expect(await other.put('/switches', { kafka: false }, { 'If-Match': etag! })).toMatchObject({
    status: 200,
    etag: '"3"',
    body: { kafka: false, redis: true },
  });
});

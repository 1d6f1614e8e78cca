import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { type IncomingMessage, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type ControlRoutes, ControlServer, controlSocketPath, explainControlFault } from './control-server.ts';

let dataDir: string;
let server: ControlServer;
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'control-'));
});
afterEach(async () => {
  await server.stop();
  await rm(dataDir, { recursive: true });
});

async function serve(routes: ControlRoutes): Promise<void> {
  server = new ControlServer(dataDir, routes);
  await server.listen();
}

function call(method: string, path: string, body = ''): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    request({ socketPath: controlSocketPath(dataDir), method, path }, resolve)
      .on('error', reject)
      .end(body);
  });
}

test('a call reaches its route with query and body; others are told what there is', async () => {
  await serve({
    'POST /echo': async ({ query, body, response }) => {
      response.end(`${query.get('a')} ${await text(body)}`);
    },
  });
  expect(await text(await call('POST', '/echo?a=1', 'hello'))).toBe('1 hello');
  const other = await call('GET', '/echo');
  expect(other.statusCode).toBe(404);
  expect(JSON.parse(await text(other)).error).toEqual({ code: 'notFound', message: 'what there is: POST /echo' });
});

test('a route that fails is answered with why, or breaks off when it had begun; the others go on', async () => {
  await serve({
    'GET /early': () => {
      throw new Error('no');
    },
    'GET /late': async ({ response }) => {
      await new Promise(resolve => response.write('half', resolve));
      throw new Error('no');
    },
  });
  const early = await call('GET', '/early');
  expect([early.statusCode, JSON.parse(await text(early)).error.message]).toEqual([500, 'Error: no']);
  await expect(call('GET', '/late').then(text)).rejects.toThrow('aborted');
  expect((await call('GET', '/early')).statusCode).toBe(500);
});

test('a route hears when its caller has gone', async () => {
  const gone = Promise.withResolvers<void>();
  await serve({
    'GET /long': ({ response, signal }) => {
      signal.addEventListener('abort', () => gone.resolve());
      response.flushHeaders();
    },
  });
  (await call('GET', '/long')).destroy();
  await gone.promise;
});

test('what a person is told when nobody listens', async () => {
  await serve({});
  await server.stop();
  const path = controlSocketPath(dataDir);
  const said = `no node runs with this data folder (nobody listens at ${path}); start one, or set DATA_DIR`;
  const fault = () => call('GET', '/').catch((error: unknown) => explainControlFault(error, path));
  expect(await fault()).toBe(said);
  await writeFile(path, '');
  expect(await fault()).toMatch(/no node runs|ENOTSOCK/);
});

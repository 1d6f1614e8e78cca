/** The gateway as a program of its own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, test } from 'vitest';
import { describeWithService } from '../../infra/local/services/testing/describe-with-service.ts';
import { startRedis } from '../../infra/local/services/testing/redis.ts';
import type { Gateway } from './gateway.ts';
import { upstashClient } from './testing/rest-clients.ts';

const PROGRAM = fileURLToPath(new URL('main.ts', import.meta.url));
const TOKEN = 'open-sesame';
let child: ChildProcess | null = null;

function start(environment: Record<string, string>): ChildProcess {
  child = spawn(process.execPath, [PROGRAM], {
    env: { PATH: process.env['PATH'], ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  return child;
}

/** Its client, when it says that it serves. */
async function serving({ stdout }: ChildProcess): Promise<ReturnType<typeof upstashClient>> {
  for await (const line of createInterface({ input: stdout! })) {
    const { msg, port } = JSON.parse(line) as { msg: string; port?: number };
    if (msg === 'the gateway serves') {
      return upstashClient({ url: `http://127.0.0.1:${port}`, token: TOKEN } as Gateway);
    }
  }
  throw new Error('it ended before it served');
}

async function refused(environment: Record<string, string>): Promise<{ code: unknown; text: string }> {
  const program = start(environment);
  let text = '';
  program.stderr!.on('data', chunk => {
    text += chunk;
  });
  const [code] = await once(program, 'close');
  return { code, text };
}

afterEach(() => {
  child?.kill('SIGKILL');
});

test('it serves its memory and ends on SIGTERM', async () => {
  const program = start({ GATEWAY_PORT: '0', GATEWAY_TOKEN: TOKEN });
  const redis = await serving(program);
  expect(await redis.set('x', 'y')).toBe('OK');
  expect(await redis.get('x')).toBe('y');
  program.kill('SIGTERM');
  expect(await once(program, 'close')).toEqual([0, null]);
});

describeWithService('redis', 'in front of a Redis', () => {
  test('it serves what is there', async () => {
    const server = await startRedis();
    try {
      const program = start({ GATEWAY_PORT: '0', GATEWAY_TOKEN: TOKEN, REDIS_URL: server.url });
      const redis = await serving(program);
      await expect.poll(() => redis.set('x', 'y').catch(String)).toBe('OK');
      await server.restart();
      await expect.poll(() => redis.get('x').catch(String), { timeout: 10_000 }).toBeNull();
    } finally {
      await server.dispose();
    }
  });
});

test('without a token it does not start, and says how to make one', async () => {
  const { code, text } = await refused({ GATEWAY_PORT: '0' });
  expect(code).toBe(2);
  expect(text).toContain('GATEWAY_TOKEN: needed');
});

test('every wrong setting is told at once, no password among it', async () => {
  const { code, text } = await refused({ GATEWAY_PORT: 'x', REDIS_URL: 'http://:secret@here', LOG_LEVEL: 'loud' });
  expect(code).toBe(2);
  for (const name of ['GATEWAY_PORT', 'GATEWAY_TOKEN', 'REDIS_URL', 'LOG_LEVEL']) expect(text).toContain(name);
  expect(text).not.toContain('secret');
});

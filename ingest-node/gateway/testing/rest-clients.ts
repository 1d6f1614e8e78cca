import { Redis, type RedisConfigNodejs } from '@upstash/redis';
import { Redis as PlainRedis } from '@upstash/redis/cloudflare';
import { vi } from 'vitest';
import type { Gateway } from '../gateway.ts';
import type { SubscriptionKind } from '../gateway-store.ts';

/** The client as anybody uses it: base64, JSON read back, automatic pipelines off so that a test says what is sent. */
export function upstashClient({ url, token }: Gateway, options: Partial<RedisConfigNodejs> = {}) {
  return new Redis({ url, token, retry: false, enableAutoPipelining: false, enableTelemetry: false, ...options });
}

/** The client of the Workers runtime as the stream is read with it: texts stay texts. */
export function workerClient({ url, token }: Gateway) {
  return new PlainRedis({ url, token, automaticDeserialization: false, enableTelemetry: false });
}

/** Everything the client hears of a channel or a pattern, from the moment it is confirmed. */
export async function listen(redis: PlainRedis, name: string, kind: SubscriptionKind = 'channel') {
  const messages: string[] = [];
  const subscriber = kind === 'channel' ? redis.subscribe<string>(name) : redis.psubscribe<string>(name);
  subscriber.on(kind === 'channel' ? 'message' : 'pmessage', ({ message }) => messages.push(message));
  await new Promise((resolve, reject) => {
    subscriber.on(kind === 'channel' ? 'subscribe' : 'psubscribe', resolve);
    subscriber.on('error', reject);
  });
  return {
    messages,
    until: (count: number) => vi.waitUntil(() => messages.length >= count, { timeout: 10_000, interval: 5 }),
    leave: () => subscriber.unsubscribe(),
  };
}

/** One plain request; `headers` and `token` may be wrong. */
export async function ask(
  gateway: Gateway,
  path: string,
  init: { method?: string; body?: string; token?: string | null; headers?: Record<string, string> } = {},
): Promise<{ status: number; body: unknown }> {
  const { method = 'POST', body, token = gateway.token, headers = {} } = init;
  const response = await fetch(`${gateway.url}${path}`, {
    method,
    headers: { ...(token === null ? {} : { authorization: `Bearer ${token}` }), ...headers },
    ...(body === undefined ? {} : { body }),
  });
  return { status: response.status, body: await response.json() };
}

import { expect, test } from 'vitest';
import { embeddedRedis } from './embedded-redis.ts';

const GATEWAY_URL = 'http://127.0.0.1:8079';

test('the edge is given the gateway of its node, with a token that nobody else knows', () => {
  for (const redis of [null, { protocol: 'tcp', url: 'redis://127.0.0.1:6379' } as const]) {
    const { gateway, edgeVariables } = embeddedRedis({
      infrastructure: { redis },
      gateway: { port: 8079, token: null },
    });
    expect(gateway).toEqual({ port: 8079, token: expect.stringMatching(/^[\w-]{32}$/) });
    expect(edgeVariables(GATEWAY_URL)).toEqual({
      UPSTASH_REDIS_REST_URL: GATEWAY_URL,
      UPSTASH_REDIS_REST_TOKEN: gateway?.token,
    });
  }
});

test('the token of the operator is used where there is one', () => {
  const embedded = embeddedRedis({ infrastructure: {}, gateway: { port: 1, token: 'mine' } });
  expect(embedded.gateway).toEqual({ port: 1, token: 'mine' });
  expect(embedded.edgeVariables(GATEWAY_URL).UPSTASH_REDIS_REST_TOKEN).toBe('mine');
});

test('with Upstash both use that, and no gateway is opened', () => {
  const redis = { protocol: 'rest', url: 'https://x.upstash.io', token: 'theirs' } as const;
  const { gateway, edgeVariables } = embeddedRedis({ infrastructure: { redis }, gateway: { port: 8079, token: null } });
  expect(gateway).toBeNull();
  expect(edgeVariables(null)).toEqual({
    UPSTASH_REDIS_REST_URL: 'https://x.upstash.io',
    UPSTASH_REDIS_REST_TOKEN: 'theirs',
  });
});

test('without a gateway the edge follows the node', () => {
  const { gateway, edgeVariables } = embeddedRedis({ infrastructure: {}, gateway: null });
  expect([gateway, edgeVariables(null)]).toEqual([null, {}]);
});

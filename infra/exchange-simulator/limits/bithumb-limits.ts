import { json } from '../protocols/exchange-protocol.ts';
import type { Rule } from './ban-record.ts';
import type { LimitRules } from './exchange-limits.ts';

const CONNECTS: Rule = { name: 'maxConnectsInWindow', max: 10, windowMs: 1_000 };
const CALLS: Rule = { name: 'maxCallsPerSecond', max: 150, windowMs: 1_000 };
const BLOCK_MS = 600_000;
const GROUPS = ['candles', 'orderbook', 'ticker', 'trades'];

/**
 * Limits of Bithumb (https://apidocs.bithumb.com/docs/rate-limits): per address ten connects a second and 150 calls a
 * second in each group. 429 first; whoever goes on is blocked for ten minutes. The patience of ten refusals is ours. No
 * limit on messages is documented.
 */
export const bithumbLimits: LimitRules = {
  exchange: 'bithumb',
  connectRule: () => CONNECTS,
  messageRules: [],
  call: path => ({ rule: CALLS, group: GROUPS.find(name => path.startsWith(`/v1/${name}`)) ?? 'other', weight: 1 }),
  escalation: { patience: 10, forgetMs: 60_000, firstBlockMs: BLOCK_MS, growth: 1, longestBlockMs: BLOCK_MS },
  tooMany: () =>
    json('{"error":{"name":"too_many_requests","message":"Too many API requests."}}', 429, {
      'x-ratelimit-remaining': '0',
      'x-ratelimit-burst-capacity': String(CALLS.max),
      'x-ratelimit-replenish-rate': String(CALLS.max),
    }),
  blocked: () => ({
    status: 403,
    headers: { 'content-type': 'text/html' },
    body: '<html><head><title>Access Denied</title></head><body>Access Denied</body></html>',
  }),
  headers: (_, used) => ({
    'x-ratelimit-remaining': String(Math.max(0, CALLS.max - used)),
    'x-ratelimit-burst-capacity': String(CALLS.max),
    'x-ratelimit-replenish-rate': String(CALLS.max),
  }),
};

import { json } from '../protocols/exchange-protocol.ts';
import type { Rule } from './ban-record.ts';
import type { LimitRules } from './exchange-limits.ts';

const CONNECTS: Rule = { name: 'maxConnectsInWindow', max: 5, windowMs: 1_000 };
const CALLS: Rule = { name: 'maxCallsPerSecond', max: 10, windowMs: 1_000 };
/** A browser's `Origin` header makes Upbit stingy. */
const WITH_ORIGIN: Rule = { name: 'maxWithOrigin', max: 1, windowMs: 10_000 };
const DAY_MS = 86_400_000;

/** Groups as the `Remaining-Req` header names them. */
const GROUPS: ReadonlyArray<readonly [path: string, group: string]> = [
  ['/v1/trades', 'crix-trades'],
  ['/v1/candles', 'candles'],
  ['/v1/ticker', 'ticker'],
  ['/v1/orderbook', 'orderbook'],
];

/**
 * Limits of Upbit (https://docs.upbit.com/kr/reference/rate-limits): per address five connects a second and ten calls a
 * second in each group; per connection five messages a second and a hundred a minute. 429 first, then 418 with a block
 * that grows; its first length of a quarter of an hour, doubling, and the patience of ten refusals are ours.
 */
export const upbitLimits: LimitRules = {
  exchange: 'upbit',
  connectRule: hasOrigin => (hasOrigin ? WITH_ORIGIN : CONNECTS),
  messageRules: [
    { name: 'maxMessagesPerSecond', max: 5, windowMs: 1_000 },
    { name: 'maxMessagesPerMinute', max: 100, windowMs: 60_000 },
  ],
  call: (path, _, hasOrigin) => {
    const group = GROUPS.find(([start]) => path.startsWith(start))?.[1] ?? 'market';
    return hasOrigin ? { rule: WITH_ORIGIN, group: 'origin', weight: 1 } : { rule: CALLS, group, weight: 1 };
  },
  escalation: { patience: 10, forgetMs: 60_000, firstBlockMs: 900_000, growth: 2, longestBlockMs: DAY_MS },
  tooMany: () => ({ status: 429, headers: { 'content-type': 'text/plain' }, body: 'Too many API requests.' }),
  blocked: (untilMs, nowMs) =>
    json(
      `{"error":{"name":418,"message":"Too many API requests. Blocked for ${Math.ceil((untilMs - nowMs) / 1000)} seconds."}}`,
      418,
    ),
  headers: ({ rule, group }, used) => ({
    'remaining-req': `group=${group}; min=600; sec=${Math.max(0, rule.max - used)}`,
  }),
};

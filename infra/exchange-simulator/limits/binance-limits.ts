import { json } from '../protocols/exchange-protocol.ts';
import type { Rule } from './ban-record.ts';
import type { LimitRules } from './exchange-limits.ts';

const CONNECTS: Rule = { name: 'maxConnectsInWindow', max: 300, windowMs: 300_000 };
const WEIGHT: Rule = { name: 'maxWeight', max: 6_000, windowMs: 60_000, isCalendar: true };
const DAY_MS = 86_400_000;

/**
 * Limits of Binance spot (https://developers.binance.com/docs/binance-spot-api-docs/rest-api/limits,
 * .../web-socket-streams): per address 300 connects in five minutes and a weight of 6000 per minute; per connection five
 * messages a second, where PING, PONG and JSON all count. Going on after a 429 ends in a ban of two minutes that
 * doubles up to three days; ten refusals of patience are ours, the exchange names no number.
 */
export const binanceLimits: LimitRules = {
  exchange: 'binance',
  connectRule: () => CONNECTS,
  messageRules: [{ name: 'maxMessagesPerSecond', max: 5, windowMs: 1_000 }],
  call: (path, query) => ({ rule: WEIGHT, group: 'weight', weight: weightOf(path, query) }),
  escalation: { patience: 10, forgetMs: 300_000, firstBlockMs: 120_000, growth: 2, longestBlockMs: 3 * DAY_MS },
  tooMany: (rule, retryAfterMs) =>
    json(
      rule === WEIGHT
        ? '{"code":-1003,"msg":"Too much request weight used; current limit is 6000 request weight per 1 MINUTE. Please use WebSocket Streams for live updates to avoid polling the API."}'
        : '{"code":-1003,"msg":"Too many connection attempts; current limit is 300 per 5 MINUTE."}',
      429,
      { 'retry-after': String(Math.ceil(retryAfterMs / 1000)) },
    ),
  blocked: (untilMs, nowMs) =>
    json(
      `{"code":-1003,"msg":"Way too much request weight used; IP banned until ${Math.ceil(untilMs)}. Please use WebSocket Streams for live updates to avoid bans."}`,
      418,
      { 'retry-after': String(Math.ceil((untilMs - nowMs) / 1000)) },
    ),
  headers: (_, used) => ({ 'x-mbx-used-weight': String(used), 'x-mbx-used-weight-1m': String(used) }),
};

/** Weight of a call (https://developers.binance.com/docs/binance-spot-api-docs/rest-api/market-data-endpoints). */
function weightOf(path: string, query: URLSearchParams): number {
  switch (path) {
    case '/api/v3/exchangeInfo':
      return 20;
    case '/api/v3/depth': {
      const limit = Number(query.get('limit') ?? 100);
      return limit <= 100 ? 5 : limit <= 500 ? 25 : limit <= 1_000 ? 50 : 250;
    }
    case '/api/v3/trades':
    case '/api/v3/historicalTrades':
      return 25;
    case '/api/v3/aggTrades':
      return 4;
    case '/api/v3/klines':
      return 2;
    case '/api/v3/ticker/24hr':
      return dayTickerWeight(query);
    default:
      return 1;
  }
}

function dayTickerWeight(query: URLSearchParams): number {
  if (query.has('symbol')) return 2;
  const count = query.get('symbols')?.split(',').length ?? Number.POSITIVE_INFINITY;
  return count <= 20 ? 2 : count <= 100 ? 40 : 80;
}

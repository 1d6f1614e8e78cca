/**
 * How long to stay away after an exchange has refused us by HTTP status, whether at a WebSocket upgrade or a REST call.
 * Going on after a 429 turns it into a block that grows: Binance 2 minutes up to 3 days, Upbit likewise (418), Bithumb
 * 10 minutes.
 * https://github.com/binance/binance-spot-api-docs/blob/master/rest-api.md#limits
 * https://docs.upbit.com/kr/reference/rate-limits
 */
const UNSTATED_PAUSE_MS: Readonly<Record<number, number>> = {
  /** Too many requests. */
  429: 60_000,
  /** Blocked for a time. */
  418: 600_000,
  /** Blocked by a firewall. */
  403: 600_000,
  /** Not offered in this country: trying often does not change it, and routing around it is not for us. */
  451: 3_600_000,
  /** Maintenance: the backoff is patient enough, unless they say when. */
  503: 0,
};

/** A header that asks for more than this is taken for a mistake. */
const LONGEST_PAUSE_MS = 3 * 86_400_000;

/**
 * @param retryAfter the `Retry-After` header: seconds or an HTTP date; `null` where there was none
 * @param bodyMs milliseconds that the body says; `null` where it says none
 * @returns milliseconds to stay away from this exchange; 0 where the ordinary backoff is enough
 */
export function pauseAfterStatus(
  status: number,
  retryAfter: string | null,
  now: number,
  bodyMs: number | null = null,
): number {
  const unstated = UNSTATED_PAUSE_MS[status];
  if (unstated === undefined) return 0;
  const headerMs = parseRetryAfterMs(retryAfter, now);
  if (bodyMs === null) return headerMs ?? unstated;
  return Math.max(headerMs ?? 0, Math.min(bodyMs, LONGEST_PAUSE_MS));
}

/** The only status whose body is read for a time. */
export const BLOCKED = 418;
/** What is read of it: room for a sentence or two in JSON or HTML. */
export const MAX_BLOCK_BODY_BYTES = 4096;

/** Closed for breaking a rule: Binance does so to who sends too much, and bans who does it again and again. */
const POLICY_VIOLATION = 1008;
const POLICY_PAUSE_MS = 5_000;

/**
 * The same for a close code.
 *
 * @param ownCodes what the exchange says with codes of its own: milliseconds by code
 */
export function pauseAfterClose(code: number, ownCodes: Readonly<Record<number, number>> = {}): number {
  return ownCodes[code] ?? (code === POLICY_VIOLATION ? POLICY_PAUSE_MS : 0);
}

/** `null` where the header is absent or says nothing usable. RFC 9110 §10.2.3. */
export function parseRetryAfterMs(header: string | null, now: number): number | null {
  if (header === null) return null;
  const text = header.trim();
  const ms = /^\d{1,9}$/.test(text) ? Number(text) * 1000 : Date.parse(text) - now;
  return Number.isNaN(ms) ? null : Math.min(Math.max(0, ms), LONGEST_PAUSE_MS);
}

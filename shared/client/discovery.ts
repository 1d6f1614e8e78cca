import type { Clock } from '../base/clock.ts';
import { PROTOCOL_VERSION } from '../wire/protocol-version.ts';

/** What we use of `fetch`. */
export type Fetch = (
  url: string,
  init: { signal: AbortSignal; headers: Record<string, string> },
) => Promise<{ readonly ok: boolean; readonly status: number; json(): Promise<unknown> }>;

/** Longer than a healthy answer ever takes, shorter than a viewer's patience: the fallback path is tried after it. */
export const DISCOVERY_TIMEOUT_MS = 3_000;

/** The addresses of one service, made from its base address. */
export type ServiceAddresses = { readonly info: string; readonly fallback: string };

/**
 * @throws TypeError when `baseUrl` is not an absolute `http:`, `https:`, `ws:` or `wss:` address
 * @example
 * addressesOf('https://prices.example/'); // { info: 'https://prices.example/ws/info', fallback: 'wss://prices.example/ws/exchange' }
 */
export function addressesOf(baseUrl: string): ServiceAddresses {
  let url: URL;
  try {
    url = new URL(baseUrl);
  } catch {
    throw new TypeError(`baseUrl "${baseUrl}" is not an absolute address such as https://prices.example`);
  }
  const security = /^(?:http|ws)(s?):$/.exec(url.protocol)?.[1];
  if (security === undefined) throw new TypeError(`baseUrl "${baseUrl}" is neither http(s) nor ws(s)`);
  const place = `${url.host}${url.pathname.replace(/\/+$/, '')}`;
  return { info: `http${security}://${place}/ws/info`, fallback: `ws${security}://${place}/ws/exchange` };
}

/**
 * Asks a service for its stream addresses: the best one, then the other available ones in its order, each once.
 * Rejects when it does not answer in time or not sensibly: the caller has the fallback path.
 */
export async function discover(info: string, fetch: Fetch, clock: Clock, signal: AbortSignal): Promise<string[]> {
  const abort = new AbortController();
  const stop = () => abort.abort(signal.reason);
  signal.addEventListener('abort', stop);
  const cancelTimer = clock.setTimer(DISCOVERY_TIMEOUT_MS, () => {
    abort.abort(new Error(`${info} did not answer within ${DISCOVERY_TIMEOUT_MS} ms`));
  });
  try {
    const response = await fetch(info, { signal: abort.signal, headers: { accept: 'application/json' } });
    if (!response.ok) throw new Error(`${info} answered ${response.status}`);
    return endpointsOf(await response.json(), info.startsWith('https:'));
  } finally {
    cancelTimer();
    signal.removeEventListener('abort', stop);
  }
}

/**
 * The usable addresses in an answer of `/ws/info`. What is not understood is passed over; an answer without any usable
 * address is an error. From a secure service plain `ws:` is not taken: browsers refuse it, and nobody should step down.
 */
export function endpointsOf(answer: unknown, isSecure: boolean): string[] {
  const info = isRecord(answer) ? answer : {};
  const { protocol, endpoint, endpoints } = info;
  if (typeof protocol === 'number' && protocol > PROTOCOL_VERSION) {
    throw new Error(
      `the service speaks protocol ${protocol}, this client ${PROTOCOL_VERSION}: a newer client is needed`,
    );
  }
  const listed = Array.isArray(endpoints) ? endpoints.filter(isRecord) : [];
  const unavailable = new Set(listed.filter(entry => entry['available'] !== true).map(entry => entry['url']));
  const urls = [endpoint, ...listed.map(entry => entry['url'])].filter(
    (url): url is string => isStreamUrl(url, isSecure) && !unavailable.has(url),
  );
  if (urls.length === 0) throw new Error('the service names no usable endpoint');
  return [...new Set(urls)];
}

function isStreamUrl(url: unknown, isSecure: boolean): url is string {
  return (
    typeof url === 'string' &&
    URL.canParse(url) &&
    /^wss?:$/.test(new URL(url).protocol) &&
    !(isSecure && url.startsWith('ws:'))
  );
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

import type { ExchangeAdapter } from '../exchanges/exchange-adapter.ts';

export type Endpoints = { readonly webSocketUrl: string; readonly restUrl: string };

/**
 * Where an exchange is: at its own addresses, or at a simulator, which serves the real paths below the exchange's name:
 * `wss://api.upbit.com/websocket/v1` becomes `ws://127.0.0.1:9500/upbit/websocket/v1`.
 *
 * @param simulatorUrl the simulator's `http:` or `https:` address, or `null` for the real exchange
 */
export function endpointsOf(
  adapter: Pick<ExchangeAdapter, 'exchange' | 'webSocketUrl' | 'restUrl'>,
  simulatorUrl: string | null,
): Endpoints {
  if (simulatorUrl === null) return { webSocketUrl: adapter.webSocketUrl, restUrl: withoutSlash(adapter.restUrl) };
  const base = `${withoutSlash(simulatorUrl)}/${adapter.exchange}`;
  return {
    webSocketUrl: (base + pathOf(adapter.webSocketUrl)).replace(/^http/i, 'ws'),
    restUrl: withoutSlash(base + pathOf(adapter.restUrl)),
  };
}

/** Path and query, as they stand after the origin. */
function pathOf(url: string): string {
  const { pathname, search } = new URL(url);
  return withoutSlash(pathname) + search;
}

function withoutSlash(text: string): string {
  return text.endsWith('/') ? text.slice(0, -1) : text;
}

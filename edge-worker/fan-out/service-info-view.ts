import { PROTOCOL_VERSION } from '../../shared/wire/protocol-version.ts';
import type { Endpoint, ServiceInfo, StreamPath } from '../../shared/wire/service-info.ts';
import { EDGE_MODE } from './health-view.ts';

/** The paths a stream can be read on, best first, and why one cannot be used. */
const STREAM_PATHS: readonly { readonly path: StreamPath; readonly reason: string | null }[] = [
  { path: '/ws/exchange', reason: null },
  { path: '/ws/redis', reason: 'Redis is not enabled; use /ws/exchange' },
  { path: '/ws/kafka', reason: 'Kafka is not enabled; use /ws/exchange' },
];

/** `GET /ws/info`; addresses are made from where the request came to, so they are right behind any name. */
export function viewServiceInfo(requestUrl: string, hub: string, sessions: number): ServiceInfo {
  const base = new URL(requestUrl).origin.replace(/^http/, 'ws');
  const endpoints: Endpoint[] = STREAM_PATHS.map(({ path, reason }) => ({
    url: `${base}${path}`,
    path,
    available: reason === null,
    reason,
  }));
  return {
    service: 'exchange-service',
    protocol: PROTOCOL_VERSION,
    server: `edge-${hub}`,
    endpoint: endpoints.find(({ available }) => available)!.url,
    endpoints,
    mode: EDGE_MODE,
    sessions,
  };
}

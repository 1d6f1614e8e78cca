import type { EpochMillis } from '../model/time.ts';
import { PROTOCOL_VERSION } from './protocol-version.ts';

/** Which infrastructure carries the stream. */
export type Mode = 'kafka+redis' | 'kafka' | 'redis' | 'websocket';

export type StreamPath = '/ws/exchange' | '/ws/kafka' | '/ws/redis';

export type Endpoint = {
  /** Absolute `ws:` or `wss:` address. */
  readonly url: string;
  readonly path: StreamPath;
  readonly available: boolean;
  /** Why not, when it is not; otherwise `null`. */
  readonly reason: string | null;
};

/** `GET /ws/info`: where to connect. */
export type ServiceInfo = {
  readonly service: 'exchange-service';
  readonly protocol: number;
  readonly server: string;
  /** The best path, as an absolute address. */
  readonly endpoint: string;
  /** In order of preference. */
  readonly endpoints: readonly Endpoint[];
  readonly mode: { readonly configured: Mode; readonly active: Mode };
  /** Sessions of this server at the moment. */
  readonly sessions: number;
};

/** The paths a stream can be read on, best first, and why one cannot be used. */
export const STREAM_PATHS: readonly { readonly path: StreamPath; readonly reason: string | null }[] = [
  { path: '/ws/exchange', reason: null },
  { path: '/ws/redis', reason: 'Redis is not enabled; use /ws/exchange' },
  { path: '/ws/kafka', reason: 'Kafka is not enabled; use /ws/exchange' },
];

/** The answer of a server that is reached at `base`, such as `https://prices.example`: `wss` behind `https`. */
export function describeService(base: string, facts: Pick<ServiceInfo, 'server' | 'mode' | 'sessions'>): ServiceInfo {
  const endpoints: Endpoint[] = STREAM_PATHS.map(({ path, reason }) => ({
    url: `${base.replace(/^http/, 'ws')}${path}`,
    path,
    available: reason === null,
    reason,
  }));
  return {
    service: 'exchange-service',
    protocol: PROTOCOL_VERSION,
    server: facts.server,
    endpoint: endpoints.find(({ available }) => available)!.url,
    endpoints,
    mode: facts.mode,
    sessions: facts.sessions,
  };
}

export type ComponentState = 'up' | 'down' | 'degraded' | 'disabled';

export type ComponentHealth = {
  readonly name: string;
  readonly enabled: boolean;
  readonly state: ComponentState;
  readonly since: EpochMillis;
  /** Round trip of the last check; `null` where there is nothing to ask. */
  readonly latencyMs: number | null;
  readonly lastError: string | null;
};

export type FeedHealth = {
  readonly exchange: string;
  readonly key: string;
  readonly state: string;
  readonly since: EpochMillis;
  readonly reason: string | null;
  /** How many it carries; `null` where that is not known, because the stream does not say. */
  readonly instruments: number | null;
};

/** `GET /api/ws/infra-health`. */
export type InfraHealth = {
  readonly server: string;
  readonly role: 'leader' | 'follower' | 'edge' | 'starting';
  /** Who leads, as far as this server knows. */
  readonly leader: string | null;
  readonly epoch: number;
  readonly offset: number;
  readonly mode: { readonly configured: Mode; readonly active: Mode };
  readonly components: readonly ComponentHealth[];
  readonly feeds: readonly FeedHealth[];
};

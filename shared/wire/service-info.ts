import type { EpochMillis } from '../model/time.ts';

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
  readonly instruments: number;
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

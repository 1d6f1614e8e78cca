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

/** How the trades of one exchange were kept whole since the start; all only grow, but for the gauges `waiting` and `unanchored`. */
export type TradeBackfillHealth = {
  readonly exchange: string;
  /** Interruptions of one instrument that had to be looked into, or jumps of its ids. */
  readonly suspected: number;
  /** Pages of past trades asked for; and of those, how many brought none. */
  readonly requests: number;
  readonly failedRequests: number;
  readonly backfilledTrades: number;
  readonly declaredGaps: number;
  readonly waiting: number;
  /** Instruments that a feed carries and of which no trade is known yet: what one of them loses cannot be seen. */
  readonly unanchored: number;
};

/** The books of one exchange that are built from their changes. */
export type DeltaBookHealth = {
  readonly exchange: string;
  /** Books that are up to date. */
  readonly live: number;
  /** Books in line for a snapshot, and how long the first of them has been: what is shown of it is that old. */
  readonly waiting: number;
  readonly longestWaitMs: number;
  /** Times that changes were missing, and that a book came out crossed; since the start. */
  readonly gaps: number;
  readonly crossed: number;
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
  /** Only where exchange frames are converted: on the leader. */
  readonly tradeBackfill?: readonly TradeBackfillHealth[];
  readonly deltaBooks?: readonly DeltaBookHealth[];
};

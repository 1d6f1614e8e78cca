import type { EpochMillis } from '../model/time.ts';
import { PROTOCOL_VERSION } from './protocol-version.ts';
import type { UpgradeRefusal } from './upgrade-refusal.ts';

/** What carries the stream, best first: `kafka+redis`, `kafka`, `redis`, and `websocket` when nothing stores it. */
export type Mode = string;

/** @param names of what stores the stream, best first */
export function modeOf(names: readonly string[]): Mode {
  return names.length === 0 ? 'websocket' : names.join('+');
}

/** `/ws/exchange`, or the name of an infrastructure, such as `/ws/redis`. */
export type StreamPath = `/ws/${string}`;

export type Endpoint = {
  /** Absolute `ws:` or `wss:` address. */
  readonly url: string;
  readonly path: StreamPath;
  readonly available: boolean;
  /** Why not, when it is not; otherwise `null`. */
  readonly reason: string | null;
  /** Who serves it, and how many sessions it has at the moment, as far as the answering server knows. */
  readonly server: string;
  readonly sessions: number;
};

/** `GET /ws/info`: where to connect. */
export type ServiceInfo = {
  readonly service: 'exchange-service';
  readonly protocol: number;
  readonly server: string;
  /** The best path, as an absolute address. */
  readonly endpoint: string;
  /** In order of preference and load: every node's stream before the paths that stop with their infrastructure. */
  readonly endpoints: readonly Endpoint[];
  readonly mode: ActiveMode;
  /** Sessions of this server at the moment. */
  readonly sessions: number;
};

export type ActiveMode = { readonly configured: Mode; readonly active: Mode };

/** One way to read the stream at a server, and what is told whoever asks for it in vain; `null`: the stream is there. */
export type StreamPathState = { readonly path: StreamPath; readonly refusal: UpgradeRefusal | null };

/** Another server of the same service. */
export type Neighbour = {
  readonly server: string;
  /** Its `/ws/exchange`, absolute. */
  readonly url: string;
  readonly sessions: number;
  /** Why nobody should connect there; `null`: somebody may. */
  readonly reason: string | null;
};

export type ServiceFacts = Pick<ServiceInfo, 'server' | 'mode' | 'sessions'> & {
  /** Best first; the stream itself, `/ws/exchange`, before all others. */
  readonly paths: readonly StreamPathState[];
  readonly neighbours?: readonly Neighbour[];
  /** Why nobody should connect to this server, such as that it is about to stop; `null`: somebody may. */
  readonly reason?: string | null;
};

/** Whoever asks is sent elsewhere only if that saves more than this: sessions, and a share of them. */
const WORTH_A_MOVE = { sessions: 10, share: 1.2 };

/** The answer of a server that is reached at `base`, such as `https://prices.example`: `wss` behind `https`. */
export function describeService(base: string, facts: ServiceFacts): ServiceInfo {
  const { server, mode, sessions, paths, neighbours = [], reason: selfReason = null } = facts;
  const own = paths.map(({ path, refusal }) =>
    endpointOf(`${base.replace(/^http/, 'ws')}${path}`, path, server, sessions, selfReason ?? refusal?.message ?? null),
  );
  const others = neighbours.map(({ url, reason, ...other }) =>
    endpointOf(url, '/ws/exchange', other.server, other.sessions, reason),
  );
  const [stream, ...special] = own;
  const endpoints = [...byLoad(stream!, others), ...special];
  return {
    service: 'exchange-service',
    protocol: PROTOCOL_VERSION,
    server,
    endpoint: (endpoints.find(({ available }) => available) ?? stream!).url,
    endpoints,
    mode,
    sessions,
  };
}

function endpointOf(url: string, path: StreamPath, server: string, sessions: number, reason: string | null): Endpoint {
  return { url, path, available: reason === null, reason, server, sessions };
}

/** Least loaded first; the one that was asked before others that are hardly better; those that cannot be used last. */
function byLoad(self: Endpoint, others: readonly Endpoint[]): Endpoint[] {
  const weight = ({ sessions }: Endpoint) => WORTH_A_MOVE.sessions + WORTH_A_MOVE.share * sessions;
  const loadOf = (endpoint: Endpoint) => {
    if (!endpoint.available) return Number.POSITIVE_INFINITY;
    return endpoint === self ? endpoint.sessions : weight(endpoint);
  };
  return [self, ...others].sort((one, other) => Math.sign(loadOf(one) - loadOf(other)) || 0);
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

/** The minute candles of one exchange that an outage swallowed, since the start; all only grow, but for the gauge `waiting`. */
export type CandleBackfillHealth = {
  readonly exchange: string;
  /** Pages of past candles asked for; and of those, how many brought none. */
  readonly requests: number;
  readonly failedRequests: number;
  readonly backfilledCandles: number;
  /** Minutes of an instrument that could not be had; whether anything was traded in them is not known. */
  readonly leftOutMinutes: number;
  /** Instruments in line. */
  readonly waiting: number;
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
  readonly mode: ActiveMode;
  readonly components: readonly ComponentHealth[];
  readonly feeds: readonly FeedHealth[];
  /** Only where exchange frames are converted: on the leader. */
  readonly tradeBackfill?: readonly TradeBackfillHealth[];
  readonly candleBackfill?: readonly CandleBackfillHealth[];
  readonly deltaBooks?: readonly DeltaBookHealth[];
};

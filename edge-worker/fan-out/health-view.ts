import type { MarketEvent } from '../../shared/model/market-event.ts';
import { feedHealthOf } from '../../shared/stream/feed-health.ts';
import type { Position } from '../../shared/wire/position.ts';
import type { ActiveMode, ComponentHealth, InfraHealth } from '../../shared/wire/service-info.ts';
import type { CheckResult } from './checkup.ts';
import type { ShardReport } from './relay-frame.ts';
import type { UpstreamView } from './upstream.ts';

/** A way to the stream that is configured, and whether what is behind it answers. */
export type PathFacts = {
  /** Names of its sources. */
  readonly sources: readonly string[];
  readonly check: CheckResult;
};

export type HealthFacts = {
  readonly hub: string;
  readonly upstream: UpstreamView;
  /** `null`: not configured. */
  readonly redis: PathFacts | null;
  /** The nodes' WebSockets. */
  readonly ingest: PathFacts | null;
  readonly position: Position;
  readonly events: readonly MarketEvent[];
  readonly shards: readonly ShardReport[];
};

/** `GET /api/ws/infra-health` as a hub sees the world. */
export function viewHealth(facts: HealthFacts): InfraHealth {
  const { hub, upstream, redis, ingest, position, events, shards } = facts;
  return {
    server: `edge-${hub}`,
    role: 'edge',
    leader: null,
    epoch: position.epoch,
    offset: position.offset,
    mode: edgeMode(upstream, redis),
    components: [
      pathHealth('redis', redis, upstream),
      pathHealth('ingest', ingest, upstream),
      shardsHealth(shards, upstream.since),
      slowBrowsersHealth(shards, upstream.since),
    ],
    feeds: feedHealthOf(events),
  };
}

/** Which path carries the stream: the one that is read, and for a hub that sleeps the one it would read. */
export function edgeMode({ isFollowing, source }: UpstreamView, redis: PathFacts | null): ActiveMode {
  if (redis === null) return { configured: 'websocket', active: 'websocket' };
  const isActive = isFollowing && source !== '' ? redis.sources.includes(source) : redis.check.isUp;
  return { configured: 'redis', active: isActive ? 'redis' : 'websocket' };
}

/** Whether anybody should come to `/ws/redis`: it answers, or the stream is read from it whatever else is answered. */
export function redisForReaders(
  { state, source }: UpstreamView,
  redis: PathFacts | null,
): Pick<ComponentHealth, 'state' | 'lastError'> {
  if (redis === null) return { state: 'disabled', lastError: null };
  const { isUp, lastError } = redis.check;
  return { state: isUp || (state === 'live' && redis.sources.includes(source)) ? 'up' : 'down', lastError };
}

/** The stream itself says most about the path that it comes by; of the others it is known whether they answer. */
function pathHealth(name: 'redis' | 'ingest', path: PathFacts | null, upstream: UpstreamView): ComponentHealth {
  if (path === null) {
    return { name, enabled: false, state: 'disabled', since: upstream.since, latencyMs: null, lastError: null };
  }
  const { isUp, since, latencyMs, lastError } = path.check;
  const health = { name, enabled: true, latencyMs } as const;
  if (!path.sources.includes(upstream.source)) return { ...health, state: isUp ? 'up' : 'down', since, lastError };
  if (upstream.state === 'live') return { ...health, state: 'up', since: upstream.since, lastError };
  // Its own reason is the better one: a path that answers and carries no stream is down for us.
  return { ...health, state: 'down', since: upstream.since, lastError: upstream.lastError ?? lastError };
}

function shardsHealth(shards: readonly ShardReport[], since: number): ComponentHealth {
  const refused = shards.reduce((sum, shard) => sum + shard.refused, 0);
  const lastError = refused === 0 ? null : `${refused} client messages were refused: only "ping" may be sent`;
  return { name: 'shards', enabled: true, state: 'up', since, latencyMs: null, lastError };
}

/** Whether slow browsers can be noticed depends on the runtime's version. */
function slowBrowsersHealth(shards: readonly ShardReport[], since: number): ComponentHealth {
  const isBlind = shards.some(shard => shard.seesBacklog === false);
  return {
    name: 'slow-browser-guard',
    enabled: !isBlind,
    state: isBlind ? 'disabled' : 'up',
    since,
    latencyMs: null,
    lastError: isBlind ? 'this runtime does not say how much a socket has queued (no bufferedAmount)' : null,
  };
}

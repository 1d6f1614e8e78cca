import type { MarketEvent } from '../../shared/model/market-event.ts';
import { feedHealthOf } from '../../shared/stream/feed-health.ts';
import type { Position } from '../../shared/wire/position.ts';
import type { ComponentHealth, InfraHealth } from '../../shared/wire/service-info.ts';
import type { ShardReport } from './relay-frame.ts';
import type { UpstreamView } from './upstream.ts';

export type HealthFacts = {
  readonly hub: string;
  readonly upstream: UpstreamView;
  readonly position: Position;
  readonly events: readonly MarketEvent[];
  readonly shards: readonly ShardReport[];
  /** Round trip of a small request to the node in use; `null` when it did not answer. */
  readonly latencyMs: number | null;
};

/** Until Redis and Kafka carry the stream to the edge, a node's WebSocket is the one way. */
export const EDGE_MODE = { configured: 'websocket', active: 'websocket' } as const;

/** `GET /api/ws/infra-health` as a hub sees the world. */
export function viewHealth({ hub, upstream, position, events, shards, latencyMs }: HealthFacts): InfraHealth {
  const { since, lastError } = upstream;
  return {
    server: `edge-${hub}`,
    role: 'edge',
    leader: null,
    epoch: position.epoch,
    offset: position.offset,
    mode: EDGE_MODE,
    components: [
      {
        name: 'ingest',
        enabled: true,
        state: upstream.state === 'live' ? 'up' : 'down',
        since,
        latencyMs,
        lastError,
      },
      shardsHealth(shards, since),
      slowBrowsersHealth(shards, since),
    ],
    feeds: feedHealthOf(events),
  };
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

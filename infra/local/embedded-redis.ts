import type { Config } from '../../ingest-node/config/config.ts';
import type { GatewaySettings } from '../../ingest-node/config/services.ts';
import { createGatewayToken } from '../../ingest-node/gateway/gateway.ts';
import type { EdgeVariables } from './edge-dev-server.ts';

export type EmbeddedRedis = {
  /** The gateway of the node, over its memory or its Redis; `null`: none is needed. */
  readonly gateway: GatewaySettings | null;
  /** The Redis of an edge in the same process, given where the gateway is. */
  edgeVariables(gatewayUrl: string | null): Pick<EdgeVariables, 'UPSTASH_REDIS_REST_URL' | 'UPSTASH_REDIS_REST_TOKEN'>;
};

/**
 * How node and edge in one process share a Redis: the edge reads it as on Cloudflare, so there is a gateway unless the node
 * itself uses Upstash. Its token never leaves this process, if it is not the operator's own.
 */
export function embeddedRedis({ infrastructure, gateway }: Pick<Config, 'infrastructure' | 'gateway'>): EmbeddedRedis {
  const { redis } = infrastructure;
  const variables = (url: string, token: string) => ({ UPSTASH_REDIS_REST_URL: url, UPSTASH_REDIS_REST_TOKEN: token });
  if (redis?.protocol === 'rest') return { gateway: null, edgeVariables: () => variables(redis.url, redis.token) };
  if (gateway === null) return { gateway: null, edgeVariables: () => ({}) };
  const token = gateway.token ?? createGatewayToken();
  return {
    gateway: { port: gateway.port, token },
    edgeVariables: url => (url === null ? {} : variables(url, token)),
  };
}

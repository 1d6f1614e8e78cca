import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { FakeIngestNode } from '../../../edge-worker/testing/fake-ingest-node.ts';
import { createGatewayToken, startGateway } from '../../../ingest-node/gateway/gateway.ts';
import { MemoryRedisConnection } from '../../../ingest-node/gateway/memory-redis-connection.ts';
import { MemoryStore } from '../../../ingest-node/gateway/memory-store.ts';
import { STREAM_SCRIPTS } from '../../../ingest-node/gateway/stream-scripts.ts';
import { openRedisStore } from '../../../ingest-node/gateway/testing/open-redis-store.ts';
import { RedisService } from '../../../ingest-node/infrastructure/redis-service.ts';
import { TcpRedisConnection } from '../../../ingest-node/infrastructure/tcp-redis-connection.ts';
import { silentLogger } from '../../../ingest-node/operations/logger.ts';
import { systemClock } from '../../../shared/base/clock.ts';
import type { RedisConnection } from '../../../shared/stream/redis/redis-connection.ts';
import { HEARTBEAT_INTERVAL_MS } from '../../../shared/wire/messages.ts';
import { TcpProxy } from '../../chaos/tcp-proxy.ts';
import { type RunningEdge, startEdge } from '../edge-dev-server.ts';
import { startRedis } from '../services/testing/redis.ts';

/** What stands behind the edge's Upstash address. */
export type Backend = {
  readonly port: number;
  /** How the leader reaches it. */
  readonly connection: RedisConnection;
  /** Event streams that are read now. */
  subscribers(): number;
  /** Ever made to the gateway. */
  requests(): number;
  kill(): Promise<void>;
  revive(): Promise<void>;
  /** It takes no more data; or does again. */
  fill(): Promise<unknown>;
  drain(): Promise<unknown>;
  stop(): Promise<void>;
};

const TOKEN = createGatewayToken();

/** Much more than a test writes. */
const MEMORY_BYTES = 32 * 1024 * 1024;

export async function inMemory(): Promise<Backend> {
  const store = new MemoryStore({ clock: systemClock, scripts: STREAM_SCRIPTS, maxBytes: MEMORY_BYTES });
  const open = (port: number) => startGateway({ store, port, token: TOKEN, host: '127.0.0.1', logger: silentLogger });
  let gateway = await open(0);
  const { port } = gateway;
  return {
    port,
    connection: new MemoryRedisConnection(store),
    subscribers: () => gateway.counts.subscribers,
    requests: () => gateway.counts.requests,
    // An event stream that ends so says nothing to its reader: the client of Upstash drops the end.
    kill: () => gateway.stop(),
    revive: async () => {
      gateway = await open(port);
    },
    fill: async () => store.execute(['SET', 'something else', 'x'.repeat(MEMORY_BYTES + 1)]),
    drain: async () => store.execute(['DEL', 'something else']),
    stop: async () => {
      await gateway.stop();
      await store.close();
    },
  };
}

export async function overRedis(): Promise<Backend> {
  const redis = await startRedis({ keepsData: true });
  const store = await openRedisStore(redis.url);
  const admin = new Redis(redis.url, { retryStrategy: () => 20 });
  admin.on('error', () => {});
  const gateway = await startGateway({ store, port: 0, token: TOKEN, host: '127.0.0.1', logger: silentLogger });
  return {
    port: gateway.port,
    connection: new TcpRedisConnection({ url: redis.url }),
    subscribers: () => gateway.counts.subscribers,
    requests: () => gateway.counts.requests,
    kill: async () => void (await redis.kill()),
    revive: () => redis.start(),
    fill: () => admin.config('SET', 'maxmemory', '1'),
    drain: () => admin.config('SET', 'maxmemory', '0'),
    stop: async () => {
      await gateway.stop();
      await store.close();
      admin.disconnect();
      await redis.dispose();
    },
  };
}

/** An edge with a Redis behind a network that can be hurt, and a node, whose stream goes both ways. */
export class EdgeOverRedis {
  readonly backend: Backend;
  readonly network: TcpProxy;
  readonly node: FakeIngestNode;
  readonly edge: RunningEdge;
  readonly #leader: RedisService;
  readonly #beating: NodeJS.Timeout;
  readonly #dashboardDir: string;

  private constructor(
    { backend, network, node, edge }: Pick<EdgeOverRedis, 'backend' | 'network' | 'node' | 'edge'>,
    leader: RedisService,
    dashboardDir: string,
  ) {
    this.backend = backend;
    this.network = network;
    this.node = node;
    this.edge = edge;
    this.#leader = leader;
    this.#beating = setInterval(() => leader.heartbeat(), HEARTBEAT_INTERVAL_MS);
    this.#dashboardDir = dashboardDir;
  }

  /** @param knowsNode whether the edge has another way than Redis */
  static async start(backend: Backend, { knowsNode = true } = {}): Promise<EdgeOverRedis> {
    const node = await new FakeIngestNode().start();
    node.stream.seal(40);
    const { log } = node.stream;
    const leader = new RedisService({ connection: backend.connection, clock: systemClock, paceMs: 10 });
    leader.start();
    const onFenced = (higher: number) => {
      throw new Error(`fenced by ${higher}`);
    };
    leader.publish({ epoch: log.position.epoch, log, onFenced });
    const network = new TcpProxy({ host: '127.0.0.1', port: backend.port });
    const vars = {
      UPSTASH_REDIS_REST_URL: `http://127.0.0.1:${await network.listen()}`,
      UPSTASH_REDIS_REST_TOKEN: TOKEN,
    };
    const dashboardDir = await mkdtemp(join(tmpdir(), 'edge-redis-'));
    const edge = await startEdge({
      port: 0,
      ingestUrls: knowsNode ? [node.url] : [],
      vars,
      dashboardDir,
      log: () => {},
    });
    await leader.flush(5_000);
    return new EdgeOverRedis({ backend, network, node, edge }, leader, dashboardDir);
  }

  async stop(): Promise<void> {
    await this.edge.stop();
    await this.network.stop();
    clearInterval(this.#beating);
    await this.#leader.stop();
    await this.backend.stop();
    await this.node.stop();
    await rm(this.#dashboardDir, { recursive: true });
  }
}

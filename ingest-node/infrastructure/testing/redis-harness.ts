import { Redis } from 'ioredis';
import { vi } from 'vitest';
import { TcpProxy } from '../../../infra/chaos/tcp-proxy.ts';
import type { TestRedis } from '../../../infra/local/services/testing/redis.ts';
import { systemClock } from '../../../shared/base/clock.ts';
import type { RedisConnection } from '../../../shared/stream/redis/redis-connection.ts';
import { entryId, HISTORY_KEY, SNAPSHOT_KEY } from '../../../shared/stream/redis/redis-layout.ts';
import { RedisSource } from '../../../shared/stream/redis/redis-source.ts';
import type { OpenStream, SourceSink, StreamRequest, StreamSource } from '../../../shared/stream/source.ts';
import { type StreamHarness, untilInRealTime } from '../../../shared/stream/stream.suite.ts';
import { StreamLog } from '../../../shared/stream/stream-log.ts';
import { Publisher } from '../../../shared/stream/testing/publisher.ts';
import { startGateway } from '../../gateway/gateway.ts';
import { openRedisStore } from '../../gateway/testing/open-redis-store.ts';
import { silentLogger } from '../../operations/logger.ts';
import type { InfrastructureService } from '../infrastructure-service.ts';
import { RedisService } from '../redis-service.ts';
import { RestRedisConnection } from '../rest-redis-connection.ts';
import { TcpRedisConnection } from '../tcp-redis-connection.ts';

/** How the harness reaches the Redis under test. */
export type RedisWay = {
  /** One more node's. */
  connect(): RedisConnection;
  /** A reader's, over a network that can be cut. */
  connectReader(): RedisConnection;
  /** Ends every subscription as a failing network would. */
  cut(): unknown;
  /** Subscriptions that exist on the serving side. */
  subscriptions(): number | Promise<number>;
  stop(): Promise<void>;
};

/** Straight to it, as a node does. */
export function overTcp(redis: TestRedis, admin: Redis): RedisWay {
  return {
    connect: () => new TcpRedisConnection({ url: redis.url }),
    connectReader: () => new TcpRedisConnection({ url: redis.url }),
    cut: () => admin.client('KILL', 'TYPE', 'PUBSUB'),
    subscriptions: async () => {
      const clients = String(await admin.client('LIST', 'TYPE', 'PUBSUB'));
      return clients.split('\n').filter(line => line !== '').length;
    },
    stop: async () => {},
  };
}

/** Over the REST protocol of a gateway, with a network in between for the readers. */
export async function overRest(redis: TestRedis): Promise<RedisWay> {
  const store = await openRedisStore(redis.url);
  const gateway = await startGateway({ store, port: 0, token: null, clock: systemClock, logger: silentLogger });
  const network = new TcpProxy({ host: '127.0.0.1', port: gateway.port });
  const port = await network.listen();
  const { token } = gateway;
  return {
    connect: () => new RestRedisConnection({ url: gateway.url, token }),
    connectReader: () => new RestRedisConnection({ url: `http://127.0.0.1:${port}`, token }),
    cut: () => network.cut(),
    subscriptions: () => gateway.counts.subscribers,
    stop: async () => {
      await network.stop();
      await gateway.stop();
      await store.close();
    },
  };
}

/** How often the server is asked who is subscribed. */
const COUNT_INTERVAL_MS = 20;

/** A leader that publishes into a real Redis, and readers of that Redis, for the suite of all stream sources. */
export async function startRedisHarness(
  redis: TestRedis,
  open: (redis: TestRedis, admin: Redis) => RedisWay | Promise<RedisWay>,
): Promise<StreamHarness> {
  const admin = new Redis(redis.url);
  await admin.flushall();
  const way = await open(redis, admin);
  const reading = way.connectReader();
  // A snapshot with every write, so that a newcomer gets one at the newest position as from a node.
  const service = new RedisService({ connection: way.connect(), clock: systemClock, paceMs: 5, snapshotIntervalMs: 0 });
  const publisher = new LeadingPublisher(service);
  let settled: Promise<unknown> = Promise.resolve();
  const isLevel = async () => {
    const { position, ring } = publisher.log;
    const shown = await admin.hmget(SNAPSHOT_KEY, 'epoch', 'offset');
    const [last] = await admin.xrevrange(HISTORY_KEY, '+', '-', 'COUNT', 1);
    const kept = ring.at(ring.end - 1)?.batch;
    const isKept = kept === undefined || last?.[0] === entryId({ epoch: kept.epoch, offset: kept.next - 1 });
    return shown.join('-') === entryId(position) && isKept;
  };
  const source = new LevelSource(new RedisSource({ connection: reading, clock: systemClock }), async () => {
    await settled;
    await vi.waitUntil(isLevel, { timeout: 8_000, interval: 2 });
  });
  let subscribed = 0;
  const count = async () => {
    subscribed = await way.subscriptions();
  };
  const counter = setInterval(() => void count().catch(() => {}), COUNT_INTERVAL_MS);
  return {
    publisher,
    source,
    clock: systemClock,
    heartbeat: () => service.heartbeat(),
    cut: () => {
      source.cut();
      settled = settled.then(() => way.cut());
    },
    stall: isStalled => (isStalled ? redis.freeze() : redis.thaw()),
    forget: () => {
      const { position, writer, lineage, latest } = publisher.log;
      publisher.log.reset(position, writer, lineage, latest.events());
      settled = settled.then(async () => {
        await service.flush(5_000);
        await admin.del(HISTORY_KEY);
        service.heartbeat();
      });
    },
    until: untilInRealTime,
    connections: () => subscribed,
    stop: async () => {
      clearInterval(counter);
      await Promise.all([service.stop(), reading.stop()]);
      await vi.waitUntil(async () => (await way.subscriptions()) === 0, { timeout: 8_000, interval: 4 });
      subscribed = 0;
      await way.stop();
      admin.disconnect();
    },
  };
}

export class LeadingPublisher extends Publisher {
  readonly #service: Pick<InfrastructureService, 'publish'>;

  constructor(service: Pick<InfrastructureService, 'publish'>) {
    super(new StreamLog(), () => systemClock.monotonic());
    this.#service = service;
  }

  override beginEpoch(...[epoch, lineage]: Parameters<Publisher['beginEpoch']>): void {
    super.beginEpoch(epoch, lineage);
    const onFenced = (higher: number) => {
      throw new Error(`fenced by ${higher}`);
    };
    this.#service.publish({ epoch, log: this.log, onFenced });
  }
}

/**
 * Opens when the path holds what the log held: the suite asks at once for what a path of its own needs some milliseconds to
 * carry. A cut is felt at once, as between a reader and a node.
 */
export class LevelSource implements StreamSource {
  readonly name: string;
  readonly #source: StreamSource;
  readonly #settled: () => Promise<unknown>;
  readonly #open = new Set<{ isCut: boolean }>();

  constructor(source: StreamSource, settled: () => Promise<unknown>) {
    this.name = source.name;
    this.#source = source;
    this.#settled = settled;
  }

  cut(): void {
    for (const stream of this.#open) stream.isCut = true;
  }

  open(request: StreamRequest, sink: SourceSink): OpenStream {
    const state = { isCut: false };
    let inner: OpenStream | null = null;
    let isClosed = false;
    const end: SourceSink['closed'] = (reason, verdict) => {
      isClosed = true;
      this.#open.delete(state);
      sink.closed(reason, verdict);
    };
    void this.#settled()
      .catch(() => {})
      .then(() => {
        if (isClosed) return;
        this.#open.add(state);
        inner = this.#source.open(request, {
          message: message => {
            if (!state.isCut) sink.message(message);
          },
          closed: end,
        });
      });
    return {
      close: () => {
        if (inner !== null) inner.close();
        else if (!isClosed) end('closed by us', 'reconnect');
      },
    };
  }
}

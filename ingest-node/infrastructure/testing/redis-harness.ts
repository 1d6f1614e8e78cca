import { Redis } from 'ioredis';
import type { TestRedis } from '../../../infra/local/services/testing/redis.ts';
import { systemClock } from '../../../shared/base/clock.ts';
import type { OpenStream, SourceSink, StreamRequest, StreamSource } from '../../../shared/stream/source.ts';
import { type StreamHarness, untilInRealTime } from '../../../shared/stream/stream.suite.ts';
import { StreamLog } from '../../../shared/stream/stream-log.ts';
import { Publisher } from '../../../shared/stream/testing/publisher.ts';
import type { RedisConnection } from '../redis-connection.ts';
import { HISTORY_KEY } from '../redis-layout.ts';
import { RedisService } from '../redis-service.ts';

/** How often the server is asked who is subscribed. */
const COUNT_INTERVAL_MS = 20;

/** A leader that publishes into a real Redis, and readers of that Redis, for the suite of all stream sources. */
export async function startRedisHarness(redis: TestRedis, connection: RedisConnection): Promise<StreamHarness> {
  const admin = new Redis(redis.url);
  await admin.flushall();
  // A snapshot with every write, so that a newcomer gets one at the newest position as from a node.
  const service = new RedisService({ connection, clock: systemClock, paceMs: 5, snapshotIntervalMs: 0 });
  const publisher = new LeadingPublisher(service);
  let settled: Promise<unknown> = Promise.resolve();
  const source = new LevelSource(service, () => settled);
  let subscribed = 0;
  const count = async () => {
    const clients = String(await admin.client('LIST', 'TYPE', 'PUBSUB'));
    subscribed = clients.split('\n').filter(line => line !== '').length;
  };
  const counter = setInterval(() => void count().catch(() => {}), COUNT_INTERVAL_MS);
  return {
    publisher,
    source,
    clock: systemClock,
    heartbeat: () => service.heartbeat(),
    cut: () => {
      source.cut();
      settled = settled.then(() => admin.client('KILL', 'TYPE', 'PUBSUB'));
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
      await service.stop();
      do await count();
      while (subscribed > 0);
      admin.disconnect();
    },
  };
}

class LeadingPublisher extends Publisher {
  readonly #service: RedisService;

  constructor(service: RedisService) {
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
 * Opens when Redis holds what the log held: the suite asks at once for what a path of its own needs some milliseconds to
 * carry. A cut is felt at once, as between a reader and a node.
 */
class LevelSource implements StreamSource {
  readonly name: string;
  readonly #service: RedisService;
  readonly #settled: () => Promise<unknown>;
  readonly #open = new Set<{ isCut: boolean }>();

  constructor(service: RedisService, settled: () => Promise<unknown>) {
    this.name = service.source.name;
    this.#service = service;
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
      .then(() => this.#service.flush(4_000))
      .then(() => {
        if (isClosed) return;
        this.#open.add(state);
        inner = this.#service.source.open(request, {
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

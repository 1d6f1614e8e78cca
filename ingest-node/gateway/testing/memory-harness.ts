import { systemClock } from '../../../shared/base/clock.ts';
import type { RedisConnection } from '../../../shared/stream/redis/redis-connection.ts';
import { HISTORY_KEY, SNAPSHOT_KEY } from '../../../shared/stream/redis/redis-layout.ts';
import { type StreamHarness, untilInRealTime } from '../../../shared/stream/stream.suite.ts';
import { RedisService } from '../../infrastructure/redis-service.ts';
import { LeadingPublisher, LevelSource } from '../../infrastructure/testing/redis-harness.ts';
import type { MemoryStore } from '../memory-store.ts';

/** A leader that publishes into a memory store over `connection`, and its readers, for the suite of all stream sources. */
export async function startMemoryHarness(store: MemoryStore, connection: RedisConnection): Promise<StreamHarness> {
  // A snapshot with every write, so that a newcomer gets one at the newest position as from a node.
  const service = new RedisService({ connection, clock: systemClock, paceMs: 5, snapshotIntervalMs: 0 });
  const publisher = new LeadingPublisher(service);
  const isLevel = () => {
    const { epoch, offset } = publisher.log.position;
    return String(store.execute(['HMGET', SNAPSHOT_KEY, 'epoch', 'offset'])) === `${epoch},${offset}`;
  };
  const source = new LevelSource(service.source, () => untilInRealTime(isLevel));
  return {
    publisher,
    source,
    clock: systemClock,
    heartbeat: () => service.heartbeat(),
    cut: () => {
      source.cut();
      void store.close();
    },
    forget: () => {
      const { position, writer, lineage, latest } = publisher.log;
      publisher.log.reset(position, writer, lineage, latest.events());
      // At once, as it is asked: what is sealed from now on must not be lost with it.
      store.execute(['DEL', HISTORY_KEY]);
      service.heartbeat();
    },
    until: untilInRealTime,
    connections: () => store.subscribers,
    stop: async () => {
      await service.stop();
      await untilInRealTime(() => store.subscribers === 0);
    },
  };
}

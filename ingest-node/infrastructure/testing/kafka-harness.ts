import { vi } from 'vitest';
import type { TestKafka } from '../../../infra/local/services/testing/kafka.ts';
import { systemClock } from '../../../shared/base/clock.ts';
import { type StreamHarness, untilInRealTime } from '../../../shared/stream/stream.suite.ts';
import { comparePositions } from '../../../shared/wire/position.ts';
import { KafkaConnection } from '../kafka-connection.ts';
import { STREAM_TOPIC } from '../kafka-layout.ts';
import { KafkaService } from '../kafka-service.ts';
import { readNewestSnapshot } from '../kafka-snapshots.ts';
import { KafkaSource } from '../kafka-source.ts';
import { findPlace, readTail } from '../kafka-tail.ts';
import { KafkaAdmin } from './kafka-admin.ts';
import { LeadingPublisher, LevelSource } from './redis-harness.ts';

/** A leader that publishes into a real Kafka, and readers of that Kafka, for the suite of all stream sources. */
export async function startKafkaHarness(kafka: TestKafka): Promise<StreamHarness> {
  const brokers = [kafka.brokers];
  const clock = systemClock;
  const admin = new KafkaAdmin(kafka.brokers);
  await admin.clean();
  // A snapshot with every write, so that a newcomer gets one at the newest position as from a node.
  const service = new KafkaService({ brokers, clock, paceMs: 5, snapshotIntervalMs: 0 });
  const publisher = new LeadingPublisher(service);
  const looking = new KafkaConnection({ brokers, clock });
  const readers = new Set<KafkaConnection>();
  const connect = () => {
    const connection = new KafkaConnection({ brokers, clock });
    readers.add(connection);
    return connection;
  };
  let settled: Promise<unknown> = Promise.resolve();
  const isLevel = async () => {
    const { position, ring } = publisher.log;
    const kept = ring.at(ring.end - 1)?.batch;
    const [shown, tail] = await Promise.all([readNewestSnapshot(looking, () => {}), service.tail()]).catch(() => [
      null,
      null,
    ]);
    const isShown = shown !== null && comparePositions(shown.position, position) === 0;
    const last = kept === undefined ? null : { epoch: kept.epoch, offset: kept.next - 1 };
    const isKept = last === null || (tail?.position != null && comparePositions(tail.position, last) === 0);
    return isShown && isKept;
  };
  const source = new LevelSource(new KafkaSource({ name: looking.name, connect, clock }), async () => {
    await settled;
    await vi.waitUntil(isLevel, { timeout: 8_000, interval: 2 });
  });
  const sockets = () => [...readers].reduce((sum, reader) => sum + reader.sockets, 0);
  return {
    publisher,
    source,
    clock,
    heartbeat: () => service.heartbeat(),
    cut: () => {
      source.cut();
      for (const reader of readers) reader.drop('cut');
    },
    stall: isStalled => (isStalled ? kafka.freeze() : kafka.thaw()),
    forget: () => {
      const { position, writer, lineage, latest } = publisher.log;
      publisher.log.reset(position, writer, lineage, latest.events());
      settled = settled.then(async () => {
        await service.flush(5_000);
        const tail = await readTail(looking, () => {});
        // What is sealed from now on is not forgotten.
        const place = await findPlace(looking, position, tail);
        await admin.forget(STREAM_TOPIC, place?.offset ?? tail.end);
        service.heartbeat();
      });
    },
    until: untilInRealTime,
    connections: sockets,
    stop: async () => {
      looking.close();
      await service.stop();
      await vi.waitUntil(() => sockets() === 0, { timeout: 8_000, interval: 4 });
      await admin.stop();
    },
  };
}

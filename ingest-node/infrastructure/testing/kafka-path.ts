import { readdirSync, readFileSync } from 'node:fs';
import type { TestKafka } from '../../../infra/local/services/testing/kafka.ts';
import { systemClock } from '../../../shared/base/clock.ts';

import { KafkaConnection } from '../kafka-connection.ts';
import { ONLY, SNAPSHOT_TOPIC, STREAM_TOPIC } from '../kafka-layout.ts';
import { KafkaService, type KafkaServiceOptions } from '../kafka-service.ts';
import { KafkaAdmin } from './kafka-admin.ts';
import type { PathUnderTest } from './suite-world.ts';

/** A real Kafka for the suite of all infrastructures. */
export async function startKafkaPath(
  kafka: TestKafka,
  options: Pick<KafkaServiceOptions, 'snapshotIntervalMs'> = {},
): Promise<PathUnderTest> {
  const brokers = [kafka.brokers];
  const admin = new KafkaAdmin(kafka.brokers);
  // As it was before whatever the test before did to it.
  if (!kafka.isRunning) await kafka.start();
  kafka.thaw();
  await admin.clean();
  const services: KafkaService[] = [];
  return {
    open: () => {
      const service = new KafkaService({ brokers, clock: systemClock, paceMs: 10, ...options });
      services.push(service);
      service.start();
      return service;
    },
    kill: () => kafka.kill(),
    revive: () => kafka.start(),
    freeze: () => {
      kafka.freeze();
      awaitStandstill(kafka.pid);
    },
    thaw: () => kafka.thaw(),
    wipe: () => admin.wipe(),
    tellsWipes: true,
    fill: () => admin.refuseWrites(true),
    drain: () => admin.refuseWrites(false),
    spoil: async () => {
      const connection = new KafkaConnection({ brokers, clock: systemClock });
      const numbers = { writer: '1', epoch: '1', first: '1', next: '2', start: '0', lineage: '[]' };
      const garbage = [
        { key: null, value: 'none of ours', headers: {} },
        { key: null, value: 'none of ours', headers: { ...numbers, type: 'none of ours' } },
        { key: null, value: null, headers: { ...numbers, type: 'batch', writer: '9007199254740990' } },
      ];
      await connection.append(STREAM_TOPIC, ONLY, garbage);
      await connection.append(
        SNAPSHOT_TOPIC,
        ONLY,
        garbage.map((record, index) => ({ ...record, key: `${index}` })),
      );
      connection.close();
    },
    stop: async () => {
      await Promise.all(services.map(service => service.stop()));
      await admin.stop();
    },
  };
}

/** The signal is on its way for a moment, in which a thread may still answer. */
function awaitStandstill(pid: number): void {
  if (process.platform !== 'linux') return;
  const isMoving = (task: string) => !/\) [Tt] /.test(readFileSync(`/proc/${pid}/task/${task}/stat`, 'utf8'));
  while (readdirSync(`/proc/${pid}/task`).some(isMoving));
}

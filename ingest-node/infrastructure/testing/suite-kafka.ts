import { afterAll, beforeAll, beforeEach, onTestFinished } from 'vitest';
import { startKafka, type TestKafka } from '../../../infra/local/services/testing/kafka.ts';
import { systemClock } from '../../../shared/base/clock.ts';
import { KafkaConnection } from '../kafka-connection.ts';
import { KafkaAdmin } from './kafka-admin.ts';

/** The one broker of all tests in a block, and its operator; there while they run. */
export type SuiteKafka = {
  readonly kafka: TestKafka;
  readonly admin: KafkaAdmin;
  /** One that is closed when the test is over. */
  connect(): KafkaConnection;
};

/** To be called in the block itself. Each test begins without a topic of ours. */
export function useKafka(): SuiteKafka {
  let kafka: TestKafka;
  let admin: KafkaAdmin;
  beforeAll(async () => {
    kafka = await startKafka();
    admin = new KafkaAdmin(kafka.brokers);
  });
  afterAll(async () => {
    await admin?.stop();
    await kafka?.dispose();
  });
  beforeEach(() => admin.clean());
  return {
    get kafka() {
      return kafka;
    },
    get admin() {
      return admin;
    },
    connect: () => {
      const connection = new KafkaConnection({ brokers: [kafka.brokers], clock: systemClock });
      onTestFinished(() => connection.close());
      return connection;
    },
  };
}

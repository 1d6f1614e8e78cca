import { afterAll, beforeAll } from 'vitest';
import { describeWithService } from '../../infra/local/services/testing/describe-with-service.ts';
import { startKafka, type TestKafka } from '../../infra/local/services/testing/kafka.ts';
import { infrastructureSuite } from './infrastructure.suite.ts';
import { startKafkaPath } from './testing/kafka-path.ts';

describeWithService('kafka', 'the Kafka service', () => {
  let kafka: TestKafka;
  beforeAll(async () => {
    kafka = await startKafka();
  });
  afterAll(() => kafka?.dispose());

  infrastructureSuite('Kafka', () => startKafkaPath(kafka));
});

import { afterAll, beforeAll } from 'vitest';
import { describeWithService } from '../../infra/local/services/testing/describe-with-service.ts';
import { startKafka, type TestKafka } from '../../infra/local/services/testing/kafka.ts';
import { streamSuite } from '../../shared/stream/stream.suite.ts';
import { startKafkaHarness } from './testing/kafka-harness.ts';

describeWithService('kafka', 'the stream out of a Kafka', () => {
  let kafka: TestKafka;
  beforeAll(async () => {
    kafka = await startKafka();
  });
  afterAll(() => kafka?.dispose());

  const means = { stalls: true, loses: false, tellsCuts: true, keepsBeginnings: false };
  streamSuite('Kafka', () => startKafkaHarness(kafka), means);
});

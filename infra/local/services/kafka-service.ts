import { join } from 'node:path';
import { downloadKafka, missingForKafka, missingForKafkaDownload } from './kafka-jars.ts';
import { askKafka } from './kafka-round-trip.ts';
import { kafkaBrokers, prepareKafka } from './kafka-server.ts';
import type { ManagedService, ServicePlan } from './managed-service.ts';

/** Kafka, one broker that is its own controller. Its ports: for clients, for the controller. */
export const kafkaService: ManagedService = {
  name: 'kafka',
  variable: 'KAFKA_BROKERS',
  firstPort: 19_092,
  portCount: 2,
  servers: ['kafka'],
  packages: ['default-jre-headless', 'maven'],
  missing: missingForKafka,
  download: { missing: missingForKafkaDownload, run: downloadKafka },
  prepare: async (dataFolder, plan) => {
    const [port = 0, controllerPort = 0] = plan.ports;
    return [await prepareKafka({ directory: join(dataFolder, 'kafka'), port, controllerPort })];
  },
  address: plan => kafkaBrokers({ port: portOf(plan) }),
  composeVariables: plan => ({ KAFKA_PORT: String(portOf(plan)) }),
  ask: (address, timeoutMs) => askKafka(address, timeoutMs),
};

function portOf(plan: ServicePlan): number {
  return plan.ports[0] ?? kafkaService.firstPort;
}

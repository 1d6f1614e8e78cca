import { askKafka } from '../kafka-round-trip.ts';
import { type KafkaPlan, kafkaBrokers, prepareKafka } from '../kafka-server.ts';
import { freePorts } from '../ports.ts';
import type { ServerCommand } from '../server-command.ts';
import { startOnFreePorts, TestServer, temporaryFolder } from './test-server.ts';

/** A private Kafka of one test file. What was acknowledged survives stopping, killing and restarting. */
export class TestKafka extends TestServer {
  /** `127.0.0.1:port` */
  readonly brokers: string;
  readonly port: number;

  constructor(command: ServerCommand, plan: KafkaPlan) {
    const brokers = kafkaBrokers(plan);
    super(command, timeoutMs => askKafka(brokers, timeoutMs));
    this.brokers = brokers;
    this.port = plan.port;
  }
}

/** Starts a broker without topics on a free port, in about five seconds. Topics are not created by using them. */
export function startKafka(): Promise<TestKafka> {
  return startOnFreePorts(async () => {
    const [port = 0, controllerPort = 0] = await freePorts(2);
    const plan = { directory: await temporaryFolder('kafka'), port, controllerPort };
    return new TestKafka(await prepareKafka(plan), plan);
  });
}

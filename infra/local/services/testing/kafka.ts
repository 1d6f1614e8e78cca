import type { KafkaDoor, KafkaLock } from '../kafka-listeners.ts';
import { askKafka } from '../kafka-round-trip.ts';
import { type KafkaPlan, kafkaBrokers, prepareKafka } from '../kafka-server.ts';
import { LOOPBACK } from '../ports.ts';
import type { ServerCommand } from '../server-command.ts';
import { freePorts } from './free-ports.ts';
import { startOnFreePorts, TestServer, temporaryFolder } from './test-server.ts';

/** How long a broker may take to start where nothing else does: five seconds on a quiet machine. */
const READY_WITHIN_MS = 45_000;

/** A private Kafka of one test file. What was acknowledged survives stopping, killing and restarting. */
export class TestKafka extends TestServer {
  /** `127.0.0.1:port` */
  readonly brokers: string;
  readonly port: number;
  readonly doors: readonly KafkaDoor[];

  constructor(command: ServerCommand, plan: KafkaPlan) {
    const brokers = kafkaBrokers(plan);
    const readyWithinMs = READY_WITHIN_MS * (plan.membership?.controllerPorts.length ?? 1);
    super(command, timeoutMs => askKafka(brokers, timeoutMs), readyWithinMs);
    this.brokers = brokers;
    this.port = plan.port;
    this.doors = plan.doors ?? [];
  }
}

export type KafkaOptions = {
  /** How many further ways in it has. */
  readonly doors?: number;
  /** By which address clients come to the port of such a way. */
  readonly addressOf?: (port: number) => Promise<string>;
  /** What each of them asks of whoever comes by it. */
  readonly lock?: KafkaLock;
};

/** Starts a broker without topics on a free port, in about five seconds. Topics are not created by using them. */
export function startKafka({
  doors: count = 0,
  addressOf = async port => `${LOOPBACK}:${port}`,
  lock = {},
}: KafkaOptions = {}): Promise<TestKafka> {
  return startOnFreePorts(async () => {
    const [port = 0, controllerPort = 0, ...others] = await freePorts(2 + count);
    const doors = await Promise.all(others.map(async door => ({ port: door, address: await addressOf(door), lock })));
    const plan = { directory: await temporaryFolder('kafka'), port, controllerPort, doors };
    return new TestKafka(await prepareKafka(plan), plan);
  });
}

import { askKafka } from '../kafka-round-trip.ts';
import { newClusterId, prepareKafka } from '../kafka-server.ts';
import { messageOf, waitUntil } from '../wait-until.ts';
import { freePorts } from './free-ports.ts';
import { TestKafka } from './kafka.ts';
import { startOnFreePorts, temporaryFolder } from './test-server.ts';

/** How long brokers may take until all of them know each other. A quiet machine needs a second. */
const TOGETHER_WITHIN_MS = 45_000;

/**
 * A private Kafka of several brokers, each a controller too: with three of them any one may be away. A topic that is
 * made here should lie on three; Kafka's own do.
 */
export class TestKafkaCluster {
  /** By their ids, from 1. */
  readonly members: readonly TestKafka[];
  /** `127.0.0.1:port,127.0.0.1:port,127.0.0.1:port` */
  readonly brokers: string;

  constructor(members: readonly TestKafka[]) {
    this.members = members;
    this.brokers = members.map(member => member.brokers).join(',');
  }

  /** @param nodeId as Kafka tells it, from 1 */
  member(nodeId: number): TestKafka {
    const member = this.members[nodeId - 1];
    if (member === undefined) throw new Error(`there is no broker ${nodeId}`);
    return member;
  }

  /** Starts every broker that does not run, and waits until each knows all. */
  async start(): Promise<void> {
    const stopped = this.members.filter(member => !member.isRunning);
    // Everyone's start is over before the first failure is told: whoever hears of it may remove the folders.
    const started = await Promise.allSettled(stopped.map(member => member.start()));
    const failed = started.find(result => result.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
    await this.#together();
  }

  async #together(): Promise<void> {
    const goal = `Kafka: ${this.members.length} brokers`;
    try {
      await waitUntil(async withinMs => {
        for (const { brokers } of this.members) {
          const told = await askKafka(brokers, withinMs);
          if (told !== goal) throw new Error(told);
        }
      }, TOGETHER_WITHIN_MS);
    } catch (cause) {
      throw new Error([messageOf(cause), ...this.members.map(member => member.log)].join('\n'), { cause });
    }
  }

  /** Lets frozen brokers go on, and starts those that do not run. */
  async heal(): Promise<void> {
    for (const member of this.members) if (member.isRunning) member.thaw();
    await this.start();
  }

  /** Ends all of them and removes their folders. */
  async dispose(): Promise<void> {
    await Promise.all(this.members.map(member => member.dispose()));
  }
}

/** Starts brokers without topics on free ports. */
export function startKafkaCluster(size = 3): Promise<TestKafkaCluster> {
  return startOnFreePorts(async () => {
    const ports = await freePorts(size * 2);
    const controllerPorts = ports.slice(size);
    const clusterId = newClusterId();
    const members: TestKafka[] = [];
    for (const [index, controllerPort] of controllerPorts.entries()) {
      const directory = await temporaryFolder(`kafka-${index + 1}`);
      const formattedAs = members[0]?.command.directory;
      const first = { nodeId: index + 1, clusterId, controllerPorts };
      const membership = formattedAs === undefined ? first : { ...first, formattedAs };
      const plan = { directory, port: ports[index]!, controllerPort, membership };
      members.push(new TestKafka(await prepareKafka(plan), plan));
    }
    return new TestKafkaCluster(members);
  });
}

import { type Admin, ConfigResourceTypes, ConfigSource, type ITopicMetadata, Kafka, logLevel } from 'kafkajs';
import { EVENTS_TOPIC, SNAPSHOT_TOPIC, STREAM_TOPIC } from '../kafka-layout.ts';

/** What an operator does to a Kafka, well or not, through the client's own administration. */
export class KafkaAdmin {
  readonly #admin: Admin;
  readonly #connected: Promise<void>;

  /** @param brokers `host:port`, one or some of them */
  constructor(brokers: string) {
    const kafka = new Kafka({ brokers: brokers.split(','), logLevel: logLevel.NOTHING, clientId: 'operator' });
    this.#admin = kafka.admin({ retry: { retries: 3, initialRetryTime: 50, maxRetryTime: 200 } });
    this.#connected = this.#admin.connect();
    this.#connected.catch(() => {});
  }

  /** Deletes every topic of ours. */
  async wipe(): Promise<void> {
    await this.#connected;
    const topics = await this.#ours();
    if (topics.length > 0) await this.#admin.deleteTopics({ topics });
  }

  /** Deletes every topic of ours until there is none: somebody who has just ended may have been creating one. */
  async clean(): Promise<void> {
    do {
      // Somebody may have been faster, or the list a moment old.
      await this.wipe().catch(() => {});
      const until = performance.now() + 1_000;
      while (performance.now() < until && (await this.#ours()).length > 0) await pause(5);
    } while ((await this.#ours()).length > 0);
  }

  async #ours(): Promise<string[]> {
    const ours = [STREAM_TOPIC, SNAPSHOT_TOPIC, EVENTS_TOPIC];
    return (await this.#admin.listTopics()).filter(topic => ours.includes(topic));
  }

  /** Throws away the records of a topic's only partition before an offset. */
  async forget(topic: string, before: number): Promise<void> {
    await this.#connected;
    const partitions = [{ partition: 0, offset: `${before}` }];
    // Its client knows the topic that was there before under the same name.
    await retried(() => this.#admin.deleteTopicRecords({ topic, partitions }));
  }

  /** The broker answers and takes no data. */
  refuseWrites(isRefusing: boolean): Promise<void> {
    return this.limit(STREAM_TOPIC, isRefusing ? 1 : 16_777_216);
  }

  /** A topic takes record batches of at most so many bytes. */
  limit(topic: string, bytes: number): Promise<void> {
    return this.set(topic, 'max.message.bytes', `${bytes}`);
  }

  /** Gives a topic another value of one setting. */
  async set(topic: string, name: string, value: string): Promise<void> {
    await this.#connected;
    const resource = { type: ConfigResourceTypes.TOPIC, name: topic };
    const { resources } = await this.#admin.describeConfigs({ includeSynonyms: false, resources: [resource] });
    // What is not named falls back to the broker's own.
    const own = resources[0]!.configEntries.filter(({ configSource }) => configSource === ConfigSource.TOPIC_CONFIG);
    const kept = own.map(({ configName, configValue }) => ({ name: configName, value: configValue }));
    const configEntries = [...kept.filter(entry => entry.name !== name), { name, value }];
    await this.#admin.alterConfigs({ validateOnly: false, resources: [{ ...resource, configEntries }] });
  }

  async settings(topic: string): Promise<Readonly<Record<string, string>>> {
    await this.#connected;
    const { resources } = await this.#admin.describeConfigs({
      includeSynonyms: false,
      resources: [{ type: ConfigResourceTypes.TOPIC, name: topic }],
    });
    return Object.fromEntries(
      resources[0]!.configEntries.map(({ configName, configValue }) => [configName, configValue]),
    );
  }

  /** Where the partitions of a topic lie: on which brokers, by their ids, and who leads. */
  async layout(topic: string): Promise<ITopicMetadata['partitions']> {
    await this.#connected;
    const { topics } = await this.#admin.fetchTopicMetadata({ topics: [topic] });
    return topics[0]!.partitions;
  }

  async stop(): Promise<void> {
    await this.#admin.disconnect();
  }
}

async function retried(action: () => Promise<unknown>): Promise<void> {
  for (let left = 20; ; left--) {
    try {
      await action();
      return;
    } catch (error) {
      if (left === 0) throw error;
      await pause(50);
    }
  }
}

function pause(ms: number): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, ms));
}

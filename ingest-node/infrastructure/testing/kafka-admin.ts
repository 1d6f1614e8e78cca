import { type Admin, ConfigResourceTypes, Kafka, logLevel } from 'kafkajs';
import { EVENTS_TOPIC, SNAPSHOT_TOPIC, STREAM_TOPIC } from '../kafka-layout.ts';

/** What an operator does to a Kafka, well or not, through the client's own administration. */
export class KafkaAdmin {
  readonly #admin: Admin;
  readonly #connected: Promise<void>;

  constructor(brokers: string) {
    const kafka = new Kafka({ brokers: [brokers], logLevel: logLevel.NOTHING, clientId: 'operator' });
    this.#admin = kafka.admin({ retry: { retries: 10, initialRetryTime: 50, maxRetryTime: 500 } });
    this.#connected = this.#admin.connect();
    this.#connected.catch(() => {});
  }

  /** Deletes every topic of ours. */
  async wipe(): Promise<void> {
    await this.#connected;
    const ours = [STREAM_TOPIC, SNAPSHOT_TOPIC, EVENTS_TOPIC];
    const topics = (await this.#admin.listTopics()).filter(topic => ours.includes(topic));
    if (topics.length > 0) await this.#admin.deleteTopics({ topics });
  }

  /** Throws away the records of a topic's only partition before an offset. */
  async forget(topic: string, before: number): Promise<void> {
    await this.#connected;
    await this.#admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: `${before}` }] });
  }

  /** The broker answers and takes no data. */
  async refuseWrites(isRefusing: boolean): Promise<void> {
    await this.#connected;
    await this.#admin.alterConfigs({
      validateOnly: false,
      resources: [
        {
          type: ConfigResourceTypes.TOPIC,
          name: STREAM_TOPIC,
          configEntries: [{ name: 'max.message.bytes', value: isRefusing ? '1' : '16777216' }],
        },
      ],
    });
  }

  async stop(): Promise<void> {
    await this.#admin.disconnect();
  }
}

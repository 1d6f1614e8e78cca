import { Kafka, type KafkaMessage, logLevel } from 'kafkajs';
import { comparePositions, type Position } from '../../../../shared/wire/position.ts';
import { waitUntil } from '../../../local/services/wait-until.ts';
import type { EventsRecord } from '../../events-checker.ts';

/** All records of the topic, read when everything up to `until` had to be there. */
export type EventsTopic = { readonly until: Position; readonly records: readonly EventsRecord[] };

const TOPIC = 'exchange.events';
const THERE_WITHIN_MS = 30_000;

/**
 * Reads `exchange.events` as another service does, with the client's own consumer: from its beginning to where a record
 * says that everything up to a position lies before it.
 */
export async function readEventsTopic(brokers: string, until: Position): Promise<EventsRecord[]> {
  const kafka = new Kafka({ brokers: [brokers], clientId: 'another-service', logLevel: logLevel.NOTHING });
  const consumer = kafka.consumer({ groupId: `judge-${process.pid}-${Date.now()}` });
  const admin = kafka.admin();
  const records: EventsRecord[] = [];
  const next = new Map<number, number>();
  let since: Position = { epoch: 0, offset: 0 };
  try {
    await Promise.all([consumer.connect(), admin.connect()]);
    await consumer.subscribe({ topic: TOPIC, fromBeginning: true });
    await consumer.run({
      autoCommit: false,
      eachBatch: async ({ batch }) => {
        for (const message of batch.messages) {
          records.push(readRecord(batch.partition, message));
          const [epoch = 0, offset = 0] = text(message, 'since').split('-').map(Number);
          if (comparePositions({ epoch, offset }, since) > 0) since = { epoch, offset };
        }
        next.set(batch.partition, Number(batch.lastOffset()) + 1);
      },
    });
    await waitUntil(async () => {
      if (comparePositions(since, until) < 0) {
        throw new Error(
          `exchange.events says it is whole up to ${JSON.stringify(since)}, not ${JSON.stringify(until)}`,
        );
      }
    }, THERE_WITHIN_MS);
    const ends = await admin.fetchTopicOffsets(TOPIC);
    await waitUntil(async () => {
      const unread = ends.filter(({ partition, low, high }) => Number(high) > (next.get(partition) ?? Number(low)));
      if (unread.length > 0) throw new Error(`${unread.length} partitions are not read to their ends`);
    }, THERE_WITHIN_MS);
    return records;
  } finally {
    await Promise.all([consumer.disconnect(), admin.disconnect()]);
  }
}

function readRecord(partition: number, message: KafkaMessage): EventsRecord {
  return {
    partition,
    key: message.key?.toString() ?? null,
    type: text(message, 'type'),
    position: { epoch: Number(text(message, 'epoch')), offset: Number(text(message, 'offset')) },
    isState: text(message, 'state') !== '',
    value: message.value?.toString() ?? '',
  };
}

function text({ headers = {} }: KafkaMessage, name: string): string {
  return headers[name]?.toString() ?? '';
}

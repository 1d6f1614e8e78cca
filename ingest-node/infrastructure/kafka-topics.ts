import { type KafkaConnection, KafkaRefusal, type TopicPlan } from './kafka-connection.ts';

const MISSING = 'UNKNOWN_TOPIC_OR_PARTITION';
/** A topic that was just created has no leader for some milliseconds. */
const SETTLING = new Set([MISSING, 'LEADER_NOT_AVAILABLE']);
const SETTLE_ATTEMPTS = 40;
const SETTLE_MS = 25;

/** Creates the topics that are missing, and leaves those alone that somebody has laid out otherwise. */
export async function ensureTopics(connection: KafkaConnection, plans: readonly TopicPlan[]): Promise<void> {
  for (const plan of plans) {
    if (!(await isMissing(connection, plan.topic))) continue;
    await connection.createTopics([plan]).catch((error: unknown) => {
      if (!(error instanceof KafkaRefusal && error.type === 'TOPIC_ALREADY_EXISTS')) throw error;
    });
    for (let attempt = 0; attempt < SETTLE_ATTEMPTS && (await isMissing(connection, plan.topic)); attempt++) {
      await new Promise(resolve => setTimeout(resolve, SETTLE_MS));
    }
  }
}

async function isMissing(connection: KafkaConnection, topic: string): Promise<boolean> {
  try {
    return (await connection.partitions(topic)) === 0;
  } catch (error) {
    if (error instanceof KafkaRefusal && SETTLING.has(error.type)) return true;
    throw error;
  }
}

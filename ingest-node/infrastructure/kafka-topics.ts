import type { KafkaConnection, TopicPlan } from './kafka-connection.ts';
import { KafkaRefusal, TOPIC_ALREADY_EXISTS } from './kafka-refusal.ts';

/** A topic that was just created has no leader for some milliseconds, and then one that does not know it yet. */
const NOT_THERE = new Set(['UNKNOWN_TOPIC_OR_PARTITION', 'LEADER_NOT_AVAILABLE', 'NOT_LEADER_FOR_PARTITION']);
const SETTLE_ATTEMPTS = 40;
const SETTLE_MS = 25;

/** Creates the topics that are missing, and leaves those alone that somebody has laid out otherwise. */
export async function ensureTopics(connection: KafkaConnection, plans: readonly TopicPlan[]): Promise<void> {
  const missing = await missingOf(connection, plans);
  if (missing.length === 0) return;
  await connection.createTopics(missing).catch((error: unknown) => {
    if (!(error instanceof KafkaRefusal && error.type === TOPIC_ALREADY_EXISTS)) throw error;
  });
  for (let attempt = 0; attempt < SETTLE_ATTEMPTS; attempt++) {
    const served = await Promise.all(missing.map(plan => isServed(connection, plan)));
    if (!served.includes(false)) return;
    await new Promise(resolve => setTimeout(resolve, SETTLE_MS));
  }
}

async function missingOf(connection: KafkaConnection, plans: readonly TopicPlan[]): Promise<TopicPlan[]> {
  const looks = plans.map(async plan => {
    const count = await answered(connection.partitions(plan.topic));
    return count === null || count === 0 ? [plan] : [];
  });
  return (await Promise.all(looks)).flat();
}

async function isServed(connection: KafkaConnection, { topic, partitions }: TopicPlan): Promise<boolean> {
  const ends = Array.from({ length: partitions }, (_, partition) => answered(connection.end(topic, partition)));
  return !(await Promise.all(ends)).includes(null);
}

/** `null` where the broker does not have it yet. */
async function answered<Answer>(answer: Promise<Answer>): Promise<Answer | null> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof KafkaRefusal && NOT_THERE.has(error.type)) return null;
    throw error;
  }
}

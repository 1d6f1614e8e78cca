import type { TopicPlan } from './kafka-connection.ts';

const ENOUGH = 3;

/**
 * On how many brokers a topic is to lie: three, or as many as there are. What was acknowledged lies on two of the three, so
 * the loss of any one loses nothing, and stops nothing.
 */
export function replicated(plan: TopicPlan, brokers: number): TopicPlan & { readonly replicas: number } {
  const replicas = Math.max(1, Math.min(ENOUGH, brokers));
  const settings = replicas === ENOUGH ? { 'min.insync.replicas': '2', ...plan.settings } : plan.settings;
  return { ...plan, replicas, settings };
}

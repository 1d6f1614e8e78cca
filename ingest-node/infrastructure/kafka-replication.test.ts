import { expect, test } from 'vitest';
import { STREAM_PLAN } from './kafka-layout.ts';
import { replicated } from './kafka-replication.ts';

test('a topic lies on three brokers, or on as many as there are', () => {
  const plans = [0, 1, 2, 3, 9].map(brokers => replicated(STREAM_PLAN, brokers));
  expect(plans.map(({ replicas }) => replicas)).toEqual([1, 1, 2, 3, 3]);
  // Two of two would stop with either of them.
  const atLeast = plans.map(({ settings }) => settings['min.insync.replicas']);
  expect(atLeast).toEqual([undefined, undefined, undefined, '2', '2']);
});

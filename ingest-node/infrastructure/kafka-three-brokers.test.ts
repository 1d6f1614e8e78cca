import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { describeWithService } from '../../infra/local/services/testing/describe-with-service.ts';
import { ELECTED_WITHIN_MS, ThreeBrokers, TOLD_WITHIN_MS, TOPICS } from './testing/three-brokers.ts';

// What else can happen to them, and the figures: kafka-brokers.long.test.ts.
describeWithService('kafka', 'a Kafka of three brokers', () => {
  let world: ThreeBrokers;

  beforeAll(async () => {
    world = await ThreeBrokers.start();
  }, 150_000);
  afterAll(() => world?.dispose());
  beforeEach(() => world.begin());
  afterEach(() => world.end());

  test('the leader of the stream dies: told in time with its name, another one serves, nothing is lost or doubled', {
    timeout: 60_000,
  }, async () => {
    for (const topic of TOPICS) {
      for (const { replicas } of await world.admin.layout(topic)) expect([...replicas].sort()).toEqual([1, 2, 3]);
      expect(await world.admin.settings(topic)).toMatchObject({ 'min.insync.replicas': '2' });
    }
    const { leading } = await world.streamLies();
    const watch = world.watch();
    await leading.kill();
    await vi.waitUntil(() => watch.downAfterMs !== null, { timeout: TOLD_WITHIN_MS, interval: 5 });
    expect(world.leader.service.health().lastError).toMatch(/exchange\.stream at 127\.0\.0\.1:\d+: /);
    const isUp = () => world.leader.service.health().state === 'up';
    await vi.waitUntil(isUp, { timeout: ELECTED_WITHIN_MS, interval: 5 });
    await world.expectWhole();
    watch.stop();
  });
});

import { connect, createServer, type Server, type Socket } from 'node:net';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { describeWithService } from '../../infra/local/services/testing/describe-with-service.ts';
import { startKafka, type TestKafka } from '../../infra/local/services/testing/kafka.ts';
import { systemClock } from '../../shared/base/clock.ts';
import { ticker } from '../../shared/model/testing/market-events.ts';
import { KafkaBrokers } from './kafka-brokers.ts';
import { KafkaLockout } from './kafka-lockout.ts';
import { KafkaService } from './kafka-service.ts';
import { KafkaAdmin } from './testing/kafka-admin.ts';
import { EPOCH, HEALED_WITHIN_MS, Leader } from './testing/suite-world.ts';

const addresses = (brokers: KafkaBrokers) => brokers.candidates.map(({ port }) => port);

test('who failed is asked last, whoever says it how often', () => {
  const brokers = new KafkaBrokers(['a:1', '[::1]:2']);
  expect(addresses(brokers)).toEqual([1, 2]);
  const { first } = brokers;
  brokers.failed(first);
  brokers.failed(first);
  expect(addresses(brokers)).toEqual([2, 1]);
  brokers.learn([
    { host: 'a', port: 1 },
    { host: 'c', port: 3 },
  ]);
  expect(addresses(brokers)).toEqual([2, 3, 1]);
  brokers.failed({ host: '::1', port: 2 });
  expect(addresses(brokers)).toEqual([3, 1, 2]);
});

test('who does not take us as we come is tried again after five seconds, by one', () => {
  const brokers = new KafkaBrokers(['a:1', 'b:2']);
  const { first } = brokers;
  const reason = new KafkaLockout('a wrong password');
  expect(brokers.lockout(first, 0)).toBeNull();
  brokers.lockedOut(first, reason, 0);
  expect([0, 4_999].map(now => brokers.lockout(first, now))).toEqual([reason, reason]);
  expect(brokers.lockout(brokers.candidates[1]!, 0)).toBeNull();
  expect([5_000, 5_001, 9_999].map(now => brokers.lockout(first, now))).toEqual([null, reason, reason]);
  brokers.admitted(first);
  expect(brokers.lockout(first, 6_000)).toBeNull();
});

describeWithService('kafka', 'a Kafka of which the first broker is gone', () => {
  let kafka: TestKafka;
  let mute: Server;
  const taken: Socket[] = [];
  const port = () => (mute.address() as { port: number }).port;

  beforeAll(async () => {
    kafka = await startKafka();
    mute = createServer(socket => void taken.push(socket));
    await new Promise<void>(resolve => void mute.listen(0, '127.0.0.1', resolve));
  });
  afterAll(async () => {
    for (const socket of taken) socket.destroy();
    mute?.close();
    await kafka?.dispose();
  });

  async function writeAndRead(first: string): Promise<void> {
    const brokers = [first, kafka.brokers];
    const writer = new KafkaService({ brokers, clock: systemClock, paceMs: 10 });
    const reader = new KafkaService({ brokers, clock: systemClock });
    try {
      const leader = new Leader(writer);
      leader.lead(EPOCH);
      leader.seal(ticker('A/KRW', { last: '1' }));
      await leader.flushed();
      // The first reading of all: no other has found out for it who is gone.
      const told: string[] = [];
      const sink = {
        message: ({ type }: { type: string }) => void told.push(type),
        closed: (why: string) => void told.push(why),
      };
      const reading = reader.source.open({ position: null, cut: 'full' }, sink);
      await vi.waitUntil(() => told.length > 0, { timeout: HEALED_WITHIN_MS, interval: 10 });
      reading.close();
      expect(told[0]).toBe('hello');
      reader.start();
      await vi.waitUntil(() => reader.health().state === 'up', { timeout: HEALED_WITHIN_MS, interval: 10 });
    } finally {
      await Promise.all([writer.stop(), reader.stop()]);
      const admin = new KafkaAdmin(kafka.brokers);
      await admin.clean();
      await admin.stop();
    }
  }

  test('frozen: it is written and read through another', async () => {
    await writeAndRead(`127.0.0.1:${port()}`);
    // The mute one was asked, and waited for.
    expect(taken.length).toBeGreaterThan(0);
  });

  test('dead: it is written and read through another', async () => {
    const dead = await freePort();
    await writeAndRead(`127.0.0.1:${dead}`);
  });

  test('a topic that is not there for long is no stream to read: down, in words', async () => {
    let ahead = 0;
    const clock = { ...systemClock, now: () => systemClock.now() + ahead };
    const service = new KafkaService({ brokers: [kafka.brokers], clock });
    service.start();
    await vi.waitUntil(() => service.health().state === 'up', { timeout: HEALED_WITHIN_MS, interval: 10 });
    ahead = 11_000;
    expect(service.health()).toMatchObject({
      state: 'down',
      lastError: expect.stringMatching(/^exchange\.stream at 127\.0\.0\.1:\d+: UNKNOWN_TOPIC_OR_PARTITION/),
    });
    await service.stop();
  });
});

/** Nobody listens there any more. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>(resolve => void server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise(resolve => void server.close(resolve));
  const probe = connect({ port, host: '127.0.0.1' });
  await new Promise(resolve => void probe.once('error', resolve));
  return port;
}

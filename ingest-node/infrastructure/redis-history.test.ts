import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { describeWithService } from '../../infra/local/services/testing/describe-with-service.ts';
import { startRedis, type TestRedis } from '../../infra/local/services/testing/redis.ts';
import { ManualClock } from '../../shared/base/testing/manual-clock.ts';
import { trade } from '../../shared/model/testing/market-events.ts';
import {
  FENCE_KEY,
  HISTORY_KEY,
  positionOfEntry,
  readEntry,
  SNAPSHOT_KEY,
} from '../../shared/stream/redis/redis-layout.ts';
import { StreamLog } from '../../shared/stream/stream-log.ts';
import { Publisher } from '../../shared/stream/testing/publisher.ts';
import { PathPublisher, type PathSnapshot } from './path-publisher.ts';
import { RedisWriter } from './redis-writer.ts';
import { TcpRedisConnection } from './tcp-redis-connection.ts';

const EPOCH = 1_785_397_200;

/** A Redis that takes everything but a snapshot, as one does for which that is too large. */
class RefusingWriter extends RedisWriter {
  refusesSnapshots = false;

  override writeSnapshot(snapshot: PathSnapshot): Promise<void> {
    return this.refusesSnapshots ? Promise.reject(new Error('refused')) : super.writeSnapshot(snapshot);
  }
}

/** What stands in the keys, by a clock that the test moves. */
describeWithService('redis', 'the history in a Redis', () => {
  let redis: TestRedis;
  let admin: Redis;
  let connection: TcpRedisConnection;
  let clock: ManualClock;
  let leader: Publisher;
  let writer: RefusingWriter;
  let publisher: PathPublisher;
  let faults: string[];

  beforeAll(async () => {
    redis = await startRedis();
    admin = new Redis(redis.url);
    connection = new TcpRedisConnection({ url: redis.url });
  });
  afterAll(async () => {
    admin?.disconnect();
    await connection?.stop();
    await redis?.dispose();
  });

  beforeEach(async () => {
    await admin.flushall();
    lead(60_000);
  });
  afterEach(() => publisher.end());

  /** A leader whose log remembers that much. */
  function lead(maxAgeMs: number): void {
    publisher?.end();
    clock = new ManualClock();
    leader = new Publisher(new StreamLog({ maxAgeMs, maxBytes: 64 * 1024 * 1024 }), () => clock.monotonic());
    leader.beginEpoch(EPOCH);
    faults = [];
    writer = new RefusingWriter(connection, fault => faults.push(fault));
    publisher = new PathPublisher({ writer, clock, paceMs: 0, snapshotIntervalMs: 20_000, random: () => 0 });
    publisher.begin({ epoch: EPOCH, log: leader.log, onFenced: () => {} });
  }

  const until = (condition: () => Promise<boolean>) => vi.waitUntil(condition, { timeout: 5_000, interval: 2 });

  /** First and last offset of every entry. */
  async function history(): Promise<[first: number, last: number][]> {
    const entries = await admin.xrange(HISTORY_KEY, '-', '+');
    return entries.map(entry => {
      const { batches } = readEntry(entry);
      return [batches![0]!.first, batches!.at(-1)!.next - 1];
    });
  }

  const shownAt = async () => Number(await admin.hget(SNAPSHOT_KEY, 'offset'));

  /** Seals an event and waits until it has arrived, with a snapshot when that is due. */
  async function publish(): Promise<void> {
    leader.seal(trade());
    const { offset } = leader.log.position;
    await until(
      async () =>
        positionOfEntry((await admin.xrevrange(HISTORY_KEY, '+', '-', 'COUNT', 1))[0]?.[0])?.offset === offset,
    );
  }

  test('[SNP1] covers a minute, and always all that follows the snapshot', async () => {
    for (let second = 0; second <= 150; second++) {
      await publish();
      // The first snapshot is the epoch's beginning.
      if (second % 20 === 0) await until(async () => (await shownAt()) === (second === 0 ? 0 : second + 1));
      const entries = await history();
      const [oldest] = entries[0]!;
      expect(entries.every(([first], index) => index === 0 || first === entries[index - 1]![1] + 1)).toBe(true);
      expect(oldest).toBeLessThanOrEqual((await shownAt()) + 1);
      expect(oldest).toBeLessThanOrEqual(Math.max(1, second - 59));
      // Forgotten with the next write at the latest.
      expect(oldest).toBeGreaterThanOrEqual(second - 61);
      clock.advance(1_000);
    }
  });

  test('[SNP1] reaches back to a snapshot that cannot be renewed for a while, and not for ever', async () => {
    lead(10_000);
    await publish();
    await until(async () => (await shownAt()) === 0);
    writer.refusesSnapshots = true;
    for (let second = 1; second <= 58; second++) {
      clock.advance(1_000);
      await publish();
    }
    expect((await history())[0]).toEqual([1, 1]);
    for (let second = 59; second <= 65; second++) {
      clock.advance(1_000);
      await publish();
    }
    expect((await history())[0]![0]).toBeGreaterThan(50);
    expect(publisher.fault?.reason).toBe('refused');
  });

  test('[SNP1] a snapshot that is lost is written again with the next beat', async () => {
    await publish();
    await until(async () => (await shownAt()) === 0);
    await admin.del(SNAPSHOT_KEY);
    publisher.heartbeat();
    await until(async () => (await shownAt()) === 1);
    await admin.hset(SNAPSHOT_KEY, 'offset', 'none of ours');
    publisher.heartbeat();
    await until(async () => (await shownAt()) === 1);
  });

  test('a quiet stream costs no snapshots', async () => {
    await publish();
    clock.advance(20_000);
    publisher.heartbeat();
    await until(async () => (await shownAt()) === 1);
    clock.advance(60_000);
    const calls = async () => /cmdstat_hset:calls=(\d+)/.exec(await admin.info('commandstats'))?.[1];
    const before = await calls();
    for (let count = 0; count < 5; count++) publisher.heartbeat();
    expect(await publisher.flush(1_000)).toBe(true);
    expect(await calls()).toBe(before);
  });

  test('[EPO2] a fence beyond what any epoch can be is none', async () => {
    await publish();
    await admin.set(FENCE_KEY, '9007199254740990');
    await publish();
    expect(await admin.get(FENCE_KEY)).toBe(`${EPOCH}`);
    expect(faults).toEqual(['exchange.epoch held no number; replaced']);
  });

  test('an entry of somebody else at the end is thrown away with what it hides, which comes back from the log', async () => {
    await publish();
    await publish();
    await admin.xadd(HISTORY_KEY, '*', 'none', 'of ours');
    await publish();
    expect((await history()).flat()).toEqual(expect.arrayContaining([1, 3]));
    expect(faults).toEqual(['exchange.history held no batch; replaced']);
    expect(leader.log.position.offset).toBe(3);
  });
});

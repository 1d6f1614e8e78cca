import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { describeWithService } from '../../infra/local/services/testing/describe-with-service.ts';
import { startRedis, type TestRedis } from '../../infra/local/services/testing/redis.ts';
import { systemClock } from '../../shared/base/clock.ts';
import { printedRandom } from '../../shared/client/testing/random.ts';
import type { MarketEvent } from '../../shared/model/market-event.ts';
import { ticker, trade } from '../../shared/model/testing/market-events.ts';
import { FollowedLog, type FollowedLogOptions } from '../../shared/stream/followed-log.ts';
import { HISTORY_KEY, positionOfEntry } from '../../shared/stream/redis/redis-layout.ts';
import type { StreamSource } from '../../shared/stream/source.ts';
import { StreamLog } from '../../shared/stream/stream-log.ts';
import { Publisher } from '../../shared/stream/testing/publisher.ts';
import type { Batch } from '../../shared/wire/messages.ts';
import { comparePositions, type Position } from '../../shared/wire/position.ts';
import { RedisService } from '../infrastructure/redis-service.ts';
import { TcpRedisConnection } from '../infrastructure/tcp-redis-connection.ts';
import { JoinedStream } from './joined-stream.ts';
import { takeOver } from './takeover.ts';

const LIVES = Number(process.env['ROUNDS'] ?? 12);
const STEPS = 150;
const MOST_FOLLOWERS = 3;
const FIRST_EPOCH = 1_785_397_200;
const clock = systemClock;

/** A node as far as it follows the stream in a real Redis, remembers its trades, and may come to write it. */
class Node {
  readonly log: StreamLog;
  readonly service: RedisService;
  /** Trades of the stream, without a hole as it believes. */
  readonly heard = new Set<string>();
  readonly #joined: JoinedStream;
  readonly #follower: FollowedLog;
  readonly #reader: Pick<FollowedLogOptions, 'onBatch' | 'onReset'>;

  constructor(url: string, maxBytes: number) {
    this.log = new StreamLog({ maxAgeMs: 60_000, maxBytes });
    const connection = new TcpRedisConnection({ url });
    // The state is written seldom, so that it may lie many epochs back.
    this.service = new RedisService({ connection, clock, paceMs: 1, snapshotIntervalMs: 60_000 });
    const sources = [this.service.source!];
    this.#joined = new JoinedStream({ sources, clock, hear: ({ events }) => this.hear(events) });
    this.#reader = {
      onBatch: batch => this.#joined.batch(batch),
      onReset: ({ position, lineage, reason }) => {
        if (reason === 'lost') this.heard.clear();
        this.#joined.begin(position, lineage);
      },
    };
    this.#follower = new FollowedLog({ log: this.log, sources, clock, ...this.#reader });
  }

  hear(events: readonly MarketEvent[]): void {
    for (const event of events) if (event.type === 'trade') this.heard.add(event.id);
  }

  follow(): void {
    this.#follower.start();
  }

  settle(): Promise<void> {
    return this.#joined.settle(5_000);
  }

  async lead(epoch: number): Promise<void> {
    await this.settle();
    this.#follower.stop();
    const fence = async () => {
      const tail = await this.service.fence(epoch);
      return { tails: [{ name: 'redis', tail, source: this.service.source! }], failures: [], higher: null } as const;
    };
    const { lineage } = await takeOver({ epoch, log: this.log, clock, end: null, fence, ...this.#reader });
    await this.settle();
    this.log.beginEpoch(epoch, lineage);
    this.service.publish({ epoch, log: this.log, onFenced: () => {} });
  }

  /** Ends as a killed process does: what was not written is gone. */
  async die(): Promise<void> {
    this.#follower.stop();
    await this.service.stop();
  }
}

/** A path that holds so many batches of one event each. */
function pathOf(count: number): StreamSource {
  const batches = Array.from({ length: count }, (_, index): Batch => {
    const place = { writer: FIRST_EPOCH, epoch: FIRST_EPOCH, first: index + 1, next: index + 2 };
    return { type: 'batch', ...place, events: [{ ...trade(), offset: index + 1 }] };
  });
  return {
    name: 'memory',
    open: () => expect.unreachable('its history is asked for'),
    history: async after => (after === null ? batches : []),
  };
}

describe('a long past', () => {
  const PAST = 40;
  const offsets = (first: number, count: number) => Array.from({ length: count }, (_, index) => first + index);
  const next = (first: number) => ({ first, events: [{ ...trade(), offset: first }] });

  function join(onHeard: () => void, path = pathOf(PAST)) {
    const heard: number[] = [];
    const joined = new JoinedStream({
      sources: [path],
      clock,
      hear: ({ events }) => {
        heard.push(...events.map(({ offset }) => offset));
        onHeard();
      },
    });
    joined.begin({ epoch: FIRST_EPOCH, offset: PAST }, []);
    return { heard, joined };
  }

  test('is heard a little at a time: others have their turn, and what comes meanwhile is heard after it', async () => {
    let inTurn = 0;
    let most = 0;
    const { heard, joined } = join(() => {
      most = Math.max(most, ++inTurn);
      const until = performance.now() + 1;
      while (performance.now() < until);
    });
    for (let come = PAST + 1; !joined.isSettled; come++) {
      joined.batch(next(come));
      inTurn = 0;
      await new Promise(resolve => setImmediate(resolve));
    }
    const last = heard.length + 1;
    joined.batch(next(last));
    expect(heard).toEqual(offsets(1, last));
    expect(last).toBeGreaterThan(PAST + 1);
    expect(most).toBeLessThan(PAST / 4);
  });

  test('is heard at once by whoever is about to lead', async () => {
    const { heard, joined } = join(() => {});
    joined.batch(next(PAST + 1));
    await joined.settle(5_000);
    expect([heard, joined.isSettled]).toEqual([offsets(1, PAST + 1), true]);
  });

  test('that is not there in time is done without', async () => {
    const mute: StreamSource = { ...pathOf(PAST), history: () => new Promise(() => {}) };
    const { heard, joined } = join(() => {}, mute);
    joined.batch(next(PAST + 1));
    expect([heard, joined.isSettled]).toEqual([[], false]);
    await joined.settle(0);
    joined.batch(next(PAST + 2));
    expect(heard).toEqual([PAST + 1, PAST + 2]);
  });
});

describeWithService('redis', 'a node that joins a stream', () => {
  let redis: TestRedis;
  let admin: Redis;
  beforeAll(async () => {
    redis = await startRedis();
    admin = new Redis(redis.url);
  });
  afterAll(async () => {
    admin?.disconnect();
    await redis?.dispose();
  });

  async function oldestInRedis(): Promise<Position> {
    const [entry] = await admin.xrange(HISTORY_KEY, '-', '+', 'COUNT', 1);
    return positionOfEntry(entry?.[0])!;
  }

  /** Leaders end, nodes join and leave, and history is forgotten, while somebody writes all the time. */
  async function live(below: (limit: number) => number): Promise<void> {
    await admin.flushall();
    const maxBytes = 5_000 + below(150_000);
    let epoch = FIRST_EPOCH;
    let ids = 0;
    let stream: Batch[] = [];
    const join = () => {
      const node = new Node(redis.url, maxBytes);
      node.follow();
      return node;
    };
    let leader = join();
    await leader.lead(epoch);
    let followers: Node[] = [];
    const seal = () => {
      const events = Array.from({ length: 1 + below(below(8) === 0 ? 60 : 6) }, () =>
        below(3) === 0 ? ticker() : trade('BTC/KRW', { id: String(++ids), price: '9'.repeat(1 + below(400)) }),
      );
      const batch = new Publisher(leader.log, () => clock.monotonic()).seal(...events);
      leader.hear(batch.events);
      stream.push(batch);
    };
    const takeLead = async () => {
      const heirs = followers.filter(({ log }) => log.position.epoch > 0);
      if (heirs.length === 0) return;
      if (below(2) === 0) await leader.service.flush(1_000);
      await leader.die();
      leader = heirs[below(heirs.length)]!;
      followers = followers.filter(node => node !== leader);
      epoch += 1 + below(5);
      await leader.lead(epoch);
      // What no successor knows does not count.
      stream = stream.filter(batch =>
        leader.log.lineage.some(ended => ended.epoch === batch.epoch && batch.next - 1 <= ended.end),
      );
    };
    for (let step = 0; step < STEPS; step++) {
      seal();
      const chance = below(40);
      if (chance < 12) await sleep(below(4));
      else if (chance < 14) {
        followers.push(join());
        if (followers.length > MOST_FOLLOWERS) await followers.shift()!.die();
      } else if (chance < 15) await takeLead();
    }
    seal();
    await leader.service.flush(5_000);
    const oldest = await oldestInRedis();
    const { position } = leader.log;
    const isLevel = ({ log }: Node) => comparePositions(log.position, position) === 0;
    await vi.waitUntil(() => followers.every(isLevel), { timeout: 8_000, interval: 2 });
    await Promise.all(followers.map(node => node.settle()));
    const idsOf = (batches: readonly Batch[]) =>
      batches.flatMap(({ events }) => events.flatMap(event => (event.type === 'trade' ? [event.id] : [])));
    const all = idsOf(stream);
    const held = idsOf(
      stream.filter(batch => comparePositions({ epoch: batch.epoch, offset: batch.first }, oldest) > 0),
    );
    for (const { heard } of [leader, ...followers]) {
      const since = all.findIndex(id => heard.has(id));
      const holes = since < 0 ? [] : all.slice(since).filter(id => !heard.has(id));
      const unread = held.filter(id => !heard.has(id));
      expect({ holes, unread }).toEqual({ holes: [], unread: [] });
    }
    await Promise.all([leader, ...followers].map(node => node.die()));
  }

  test('[TRD1] knows every trade that history still holds, without a hole, whenever it joins', async () => {
    const random = printedRandom('joined streams', Number(process.env['SEED'] ?? Date.now() % 2 ** 31));
    for (let life = 0; life < LIVES; life++) await live(limit => Math.floor(random() * limit));
  }, 60_000);
});

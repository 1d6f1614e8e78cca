import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { describeWithService } from '../../infra/local/services/testing/describe-with-service.ts';
import { startKafka, type TestKafka } from '../../infra/local/services/testing/kafka.ts';
import { systemClock } from '../../shared/base/clock.ts';
import { feed, orderBook, ticker, trade } from '../../shared/model/testing/market-events.ts';
import type { InfrastructureService } from './infrastructure-service.ts';
import { KafkaConnection } from './kafka-connection.ts';
import { GAP_TYPE } from './kafka-event-records.ts';
import { KafkaEvents } from './kafka-events.ts';
import type { KafkaService } from './kafka-service.ts';
import { EventsReader, type ReadEvent } from './testing/events-reader.ts';
import { startKafkaPath } from './testing/kafka-path.ts';
import { EPOCH, HEALED_WITHIN_MS, LATER, Leader, type PathUnderTest } from './testing/suite-world.ts';

const SYMBOLS = ['BTC/KRW', 'ETH/KRW', 'XRP/KRW', 'DOGE/KRW', 'SOL/KRW'];

describeWithService('kafka', 'the events of a Kafka', () => {
  let kafka: TestKafka;
  let path: PathUnderTest;
  let leader: Leader;
  let reader: EventsReader;
  const services: InfrastructureService[] = [];

  beforeAll(async () => {
    kafka = await startKafka();
  });
  afterAll(() => kafka?.dispose());

  beforeEach(async () => {
    path = await startKafkaPath(kafka);
    reader = new EventsReader(kafka.brokers);
    leader = new Leader(open());
  });
  afterEach(async () => {
    reader.close();
    await path.stop();
    services.length = 0;
  });

  function open(): InfrastructureService {
    const service = path.open();
    services.push(service);
    return service;
  }

  const ids = (events: readonly ReadEvent[]) =>
    events.filter(({ headers }) => headers['type'] === 'trade').map(({ value }) => value.id);
  const tradesOf = ({ published }: Leader) =>
    published.flatMap(batch => batch.events).flatMap(event => (event.type === 'trade' ? [event.id] : []));

  let serial = 0;
  const tradeOf = (symbol: string) => trade(symbol, { id: `${serial++}` });
  const sealRound = (by: Leader) => by.seal(...SYMBOLS.map(tradeOf), ticker('A/KRW', { last: `${serial}` }));

  /** Waits until everything of a leader is there, and every trade once. */
  async function untilComplete(by: Leader): Promise<ReadEvent[]> {
    let read: ReadEvent[] = [];
    await vi.waitUntil(
      async () => {
        // First whether all was written, then the reading: what is written in between may not be in it.
        if ((by.service as KafkaService).events.position?.offset !== by.log.position.offset) return false;
        read = await reader.onceEach().catch(() => []);
        return ids(read).length >= tradesOf(by).length;
      },
      { timeout: HEALED_WITHIN_MS, interval: 20 },
    );
    expect(ids(read).sort()).toEqual(tradesOf(by).sort());
    return read;
  }

  test('carries each event with its key and headers, an instrument in order in one partition', async () => {
    leader.lead(EPOCH);
    for (let round = 0; round < 20; round++) sealRound(leader);
    leader.seal(feed(), orderBook());
    const read = await untilComplete(leader);
    expect(await reader.partitions()).toBe(12);
    for (const symbol of SYMBOLS) {
      const its = read.filter(({ key }) => key === `upbit:${symbol}`);
      expect(new Set(its.map(({ partition }) => partition)).size).toBe(1);
      const offsets = its.map(({ position }) => position.offset);
      expect(offsets).toEqual([...offsets].sort((a, b) => a - b));
      expect(its[0]?.headers).toMatchObject({ type: 'trade', epoch: `${EPOCH}`, exchange: 'upbit', symbol });
      expect(its.every(({ value, position }) => value.offset === position.offset)).toBe(true);
    }
    expect(read.filter(({ headers }) => headers['type'] === 'feed').map(({ key }) => key)).toEqual(['upbit']);
  });

  test('[EPO1] a successor goes on where its predecessor stopped, whatever of that had arrived', async () => {
    leader.lead(EPOCH);
    const successor = new Leader(open());
    for (let round = 0; round < 30; round++) {
      sealRound(leader);
      await new Promise(resolve => setTimeout(resolve, 7));
    }
    // In the middle of its writes: what it has sealed, its successor knows.
    successor.learn(leader.published);
    await services[0]!.stop();
    successor.lead(LATER);
    for (let round = 0; round < 10; round++) sealRound(successor);
    await untilComplete(successor);
  });

  test('[HND1] a new leader asks nothing for them before the stream has something of its term', async () => {
    const clock = systemClock;
    const [own, other] = [1, 2].map(() => new KafkaConnection({ brokers: [kafka.brokers], clock }));
    const events = new KafkaEvents({ connection: own!, clock, partitions: 12, paceMs: 0, random: Math.random });
    const { log } = leader;
    leader.beginEpoch(EPOCH);
    sealRound(leader);
    leader.beginEpoch(LATER);
    events.begin({ epoch: LATER, log });
    events.arrived({ epoch: EPOCH, offset: 6 });
    // In the time that it takes somebody else to dial and be answered nobody is dialled.
    await expect(other!.partitions('none')).rejects.toMatchObject({ type: 'UNKNOWN_TOPIC_OR_PARTITION' });
    expect(own!.sockets).toBe(0);
    sealRound(leader);
    events.arrived(log.position);
    await vi.waitUntil(() => events.position?.epoch === LATER, { timeout: HEALED_WITHIN_MS });
    events.end();
    for (const connection of [own!, other!]) connection.close();
  });

  // The broker's own restart takes most of it.
  test('frozen, killed and wiped: every trade is there, once each', { timeout: 60_000 }, async () => {
    leader.lead(EPOCH);
    const during = async (rounds: number) => {
      for (let round = 0; round < rounds; round++) {
        sealRound(leader);
        await new Promise(resolve => setTimeout(resolve, 20));
      }
    };
    await during(10);
    path.freeze();
    await during(75);
    path.thaw();
    await during(10);
    await untilComplete(leader);
    await path.kill();
    await during(10);
    await path.revive();
    await during(10);
    await untilComplete(leader);
    await path.wipe();
    await during(10);
    await untilComplete(leader);
  });

  test('[GAP1] what the log has forgotten is declared in every partition, and what it knew last follows', async () => {
    leader = new Leader(leader.service, { maxAgeMs: 60_000, maxBytes: 64 * 1024 });
    leader.lead(EPOCH);
    leader.seal(ticker('A/KRW', { last: '1' }), tradeOf('BTC/KRW'));
    await untilComplete(leader);
    path.freeze();
    leader.seal(ticker('A/KRW', { last: '2' }));
    for (let count = 0; count < 1_000; count++) leader.seal(orderBook(), trade());
    path.thaw();
    await leader.flushed();
    const last = tradeOf('BTC/KRW');
    leader.seal(last);
    await vi.waitUntil(
      async () => (await reader.onceEach()).some(({ value }) => value.id === (last as { id: string }).id),
      { timeout: HEALED_WITHIN_MS, interval: 20 },
    );
    const all = await reader.everything();
    const gaps = all.filter(({ headers }) => headers['type'] === GAP_TYPE);
    expect(gaps.map(({ partition }) => partition)).toEqual(Array.from({ length: 12 }, (_, index) => index));
    expect(gaps[0]!.value).toMatchObject({ from: { epoch: EPOCH, offset: 2 }, to: { epoch: EPOCH } });
    const states = all.filter(({ headers }) => headers['state'] === 'true');
    expect(states.map(({ value }) => [value.type, value.last])).toEqual([['ticker', '2']]);
    // From the end of the gap on nothing is missing.
    const { offset } = gaps[0]!.position;
    const after = leader.published.flatMap(({ events }) => events).filter(event => event.offset > offset);
    const read = (await reader.onceEach()).filter(({ position }) => position.offset > offset);
    expect(ids(read).sort()).toEqual(after.flatMap(event => (event.type === 'trade' ? [event.id] : [])).sort());
  });

  test('[GAP1] a topic that has lost everything is told what it has missed since', async () => {
    leader = new Leader(leader.service, { maxAgeMs: 60_000, maxBytes: 64 * 1024 });
    leader.lead(EPOCH);
    leader.seal(tradeOf('BTC/KRW'));
    await untilComplete(leader);
    await path.wipe();
    for (let count = 0; count < 1_000; count++) leader.seal(orderBook(), trade());
    await vi.waitUntil(
      async () => (await reader.everything().catch(() => [])).some(({ headers }) => headers['type'] === GAP_TYPE),
      { timeout: HEALED_WITHIN_MS, interval: 20 },
    );
    const gap = (await reader.everything()).find(({ headers }) => headers['type'] === GAP_TYPE);
    expect(gap!.value).toMatchObject({ from: { epoch: EPOCH, offset: 1 }, to: { epoch: EPOCH } });
  });
});

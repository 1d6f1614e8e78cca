import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { describeWithService } from '../../infra/local/services/testing/describe-with-service.ts';
import { systemClock } from '../../shared/base/clock.ts';
import { ticker, trade } from '../../shared/model/testing/market-events.ts';
import { connect } from '../../shared/stream/testing/suite-consumers.ts';
import { encodeMessage } from '../../shared/wire/json-codec.ts';
import type { KafkaConnection } from './kafka-connection.ts';
import { EVENTS_TOPIC, eventsPlan, SNAPSHOT_PLAN, SNAPSHOT_TOPIC, STREAM_PLAN, STREAM_TOPIC } from './kafka-layout.ts';
import type { KafkaService } from './kafka-service.ts';
import { KafkaSource } from './kafka-source.ts';
import { ensureTopics } from './kafka-topics.ts';
import { KafkaWriter } from './kafka-writer.ts';
import type { PathUnit } from './path-publisher.ts';
import { EventsReader } from './testing/events-reader.ts';
import { startKafkaPath } from './testing/kafka-path.ts';
import { useKafka } from './testing/suite-kafka.ts';
import {
  at,
  EPOCH,
  HEALED_WITHIN_MS,
  isAt,
  LATER,
  NOISE_MS,
  SuiteWorld,
  TOLD_WITHIN_MS,
  until,
} from './testing/suite-world.ts';

const SMALL = 2_048;
/** A broker's own default, where somebody else has laid out the topics. */
const BROKERS_DEFAULT = 1_048_588;
const TOPICS = [STREAM_TOPIC, SNAPSHOT_TOPIC, EVENTS_TOPIC] as const;

/** Topics whose `max.message.bytes` is less than what we write at once. */
describeWithService('kafka', 'the small topics of a Kafka', () => {
  const suite = useKafka();

  describe('a node that leads', () => {
    const world = new SuiteWorld(() => startKafkaPath(suite.kafka, { snapshotIntervalMs: 200 }));
    let reader: EventsReader;

    beforeEach(async () => {
      reader = new EventsReader(suite.kafka.brokers);
      await ensureTopics(suite.connect(), [STREAM_PLAN, SNAPSHOT_PLAN, eventsPlan(2)]);
    });
    afterEach(() => reader.close());

    const allow = async (bytes: number) => {
      for (const topic of TOPICS) await suite.admin.limit(topic, bytes);
    };

    test.each([
      { bytes: SMALL, bursts: 6, of: 60 },
      { bytes: BROKERS_DEFAULT, bursts: 2, of: 5_000 },
    ])('writes bursts in pieces of $bytes bytes, each event once and in order', async ({ bytes, bursts, of }) => {
      await allow(bytes);
      const { leader } = world;
      const beating = setInterval(() => leader.service.heartbeat(), 300);
      onTestFinished(() => clearInterval(beating));
      leader.lead(EPOCH);
      leader.seal(...Array.from({ length: of }, (_, index) => ticker(`S${index}/KRW`)));
      await leader.flushed();
      const live = world.follow(at(EPOCH, 0));
      for (let burst = 0; burst < bursts; burst++) {
        leader.seal(...Array.from({ length: of }, () => trade()));
        leader.seal(trade());
        await new Promise(resolve => setTimeout(resolve, 30));
      }
      await leader.flushed();
      await until(() => isAt(live.position, leader));
      expect(live.events).toEqual(leader.eventsAfter(at(EPOCH, 0)));
      expect([live.counters, live.snapshots]).toMatchObject([{ holes: 0, lost: 0 }, []]);
      expect((await world.readAll(at(EPOCH, of))).events).toEqual(leader.eventsAfter(at(EPOCH, of)));
      const newcomer = world.follow(null);
      await until(() => isAt(newcomer.position, leader));
      expect(newcomer.snapshots[0]!.events.filter(({ type }) => type === 'ticker').length).toBe(of);
      expect(newcomer.events).toEqual(leader.eventsAfter(newcomer.snapshots[0]!.position));
      expect(leader.service.health().lastError ?? '').not.toMatch(/larger than/);
      const written = leader.eventsAfter(at(EPOCH, 0)).map(({ offset }) => offset);
      const { events } = leader.service as KafkaService;
      await until(() => events.position?.offset === leader.log.position.offset);
      const read = (await reader.onceEach()).map(({ position }) => position.offset);
      expect(read.sort((a, b) => a - b)).toEqual(written);
    });

    test('says topic, size and limit of an event that is too large alone, and goes on when it is allowed', async () => {
      await allow(SMALL);
      const { leader } = world;
      leader.lead(EPOCH);
      leader.seal(trade());
      await leader.flushed();
      const reading = world.follow(at(EPOCH, 0));
      leader.seal(trade(), trade('BTC/KRW', { id: '9'.repeat(3_000) }), trade());
      await until(() => leader.service.health().state === 'down', TOLD_WITHIN_MS + NOISE_MS);
      expect(leader.service.health().lastError).toMatch(
        /^exchange\.stream: a record of 3\d{3} bytes is larger than max\.message\.bytes of 2048$/,
      );
      await allow(4_096);
      await until(() => leader.service.health().state === 'up');
      await until(() => isAt(reading.position, leader));
      expect(reading.events).toEqual(leader.eventsAfter(at(EPOCH, 0)));
    });

    test('other services’ topic alone is too small for an event: told beside, and the stream goes on', async () => {
      await suite.admin.limit(EVENTS_TOPIC, SMALL);
      const { leader } = world;
      leader.lead(EPOCH);
      leader.seal(trade('BTC/KRW', { id: '9'.repeat(3_000) }));
      await leader.flushed();
      const told = /^exchange\.events: a record of 3\d{3} bytes is larger than max\.message\.bytes of 2048$/;
      await until(() => told.test(leader.service.health().lastError ?? ''));
      expect(leader.service.health().state).toBe('up');
      await suite.admin.limit(EVENTS_TOPIC, 4_096);
      await vi.waitUntil(async () => (await reader.onceEach()).length === 1, HEALED_WITHIN_MS);
    });
  });

  describe('between two pieces', () => {
    const EVENTS = 30;

    beforeEach(async () => {
      await ensureTopics(suite.connect(), [STREAM_PLAN, SNAPSHOT_PLAN]);
      await suite.admin.limit(STREAM_TOPIC, SMALL);
    });

    function unit(writer: number, epoch: number, first: number, count: number, of = 'A/KRW'): PathUnit {
      const events = Array.from({ length: count }, (_, index) => ({ ...trade(of), offset: first + index }));
      const batch = { type: 'batch' as const, writer, epoch, first, next: first + count, events };
      const position = at(epoch, first + count - 1);
      return {
        writer,
        after: null,
        position,
        messages: [encodeMessage(batch)],
        forget: position,
        forgetsSnapshot: false,
        replaces: false,
        isRepeated: false,
      };
    }

    function writerOn(on: KafkaConnection) {
      const faults: string[] = [];
      return Object.assign(new KafkaWriter({ connection: on, onFault: fault => faults.push(fault) }), { faults });
    }

    const eventsOf = ({ messages }: PathUnit) => messages.flatMap(message => JSON.parse(message).events);

    /** What happens after so many pieces of whatever is written next have been acknowledged. */
    function behind(pieces: number, on: KafkaConnection, act: () => Promise<void>): void {
      const { append } = on;
      let left = pieces;
      vi.spyOn(on, 'append').mockImplementation(async (...request) => {
        if (left === 0) await act();
        const base = await append.apply(on, request);
        left--;
        return base;
      });
    }

    function readers() {
      const source = new KafkaSource({ name: 'kafka', connect: suite.connect, clock: systemClock });
      const open = (offset: number) => {
        const reading = connect(source, { position: at(EPOCH, offset), cut: 'full' });
        onTestFinished(() => reading.close());
        return reading;
      };
      return open;
    }

    test('[FEN1] [EPO1] another writer’s fence: the batch is nowhere, and the end is before it', async () => {
      const open = readers();
      const oldConnection = suite.connect();
      const [old, successor] = [writerOn(oldConnection), writerOn(suite.connect())];
      await old.fence(EPOCH);
      const before = unit(EPOCH, EPOCH, 1, EVENTS);
      await old.append(before);
      const live = open(0);
      await until(() => live.position?.offset === EVENTS);
      let tail: unknown;
      let during: ReturnType<typeof open> | undefined;
      behind(2, oldConnection, async () => {
        during = open(0);
        await until(() => during?.position?.offset === EVENTS);
        tail = await successor.fence(LATER);
      });
      const lost = old.append(unit(EPOCH, EPOCH, EVENTS + 1, EVENTS));
      await expect(lost).rejects.toMatchObject({ name: 'FencedError', higher: LATER });
      expect(tail).toMatchObject({ writer: LATER, position: at(EPOCH, EVENTS) });
      // The successor has the same stretch, though not the same of it, and then goes on.
      const again = unit(LATER, EPOCH, EVENTS + 1, EVENTS, 'B/KRW');
      const next = unit(LATER, EPOCH, 2 * EVENTS + 1, EVENTS);
      for (const each of [again, next]) expect(await successor.append(each)).toMatchObject({ hasMoved: false });
      await expect(old.fence(EPOCH)).rejects.toMatchObject({ name: 'FencedError', higher: LATER });
      const whole = [before, again, next].flatMap(eventsOf);
      const readings = [live, during!, ...[0, 10, EVENTS, EVENTS + 3, 2 * EVENTS].map(open)];
      await until(() => readings.every(({ position }) => position?.offset === 3 * EVENTS));
      for (const { events, holes, snapshots, closings } of readings) {
        expect([events, holes, snapshots, closings]).toEqual([whole.slice(-events.length), 0, [], []]);
      }
      expect(readings.map(({ events }) => events.length)).toEqual([90, 90, 90, 80, 60, 57, 30]);
      expect([old.faults, successor.faults]).toEqual([[], []]);
    });

    test('the line breaks: the same writer looks again, and writes the batch in other parts', async () => {
      const open = readers();
      const on = suite.connect();
      const writer = writerOn(on);
      await writer.fence(EPOCH);
      await writer.append(unit(EPOCH, EPOCH, 1, 1));
      const live = open(1);
      await until(() => live.messages.length > 0);
      const batch = unit(EPOCH, EPOCH, 2, EVENTS);
      behind(3, on, async () => {
        on.drop('the line broke');
        throw new Error('the line broke');
      });
      await expect(writer.append(batch)).rejects.toThrow('the line broke');
      vi.restoreAllMocks();
      expect(await writer.fence(EPOCH)).toMatchObject({ position: at(EPOCH, 1) });
      await suite.admin.limit(STREAM_TOPIC, 1_500);
      // The limit that it knows is no longer the right one: it learns that, and begins again.
      const attempts = [];
      for (let attempt = 0; attempt < 3; attempt++) {
        const outcome = await writer.append(batch).then(
          ({ hasMoved }) => (hasMoved ? 'moved' : 'written'),
          () => 'refused',
        );
        attempts.push(outcome);
        if (outcome === 'written') break;
        await writer.fence(EPOCH);
      }
      expect(attempts.at(-1)).toBe('written');
      const readings = [live, open(1), open(12)];
      await until(() => readings.every(({ position }) => position?.offset === EVENTS + 1));
      expect(readings.map(({ events, holes }) => [events, holes])).toEqual([
        [eventsOf(batch), 0],
        [eventsOf(batch), 0],
        [eventsOf(batch).slice(11), 0],
      ]);
    });

    test('[HB1] a batch in very many parts does not look like silence', async () => {
      const open = readers();
      const on = suite.connect();
      const writer = writerOn(on);
      await writer.fence(EPOCH);
      await writer.append(unit(EPOCH, EPOCH, 1, 1));
      const live = open(1);
      await until(() => live.messages.length > 0);
      behind(2, on, async () => {
        await vi.waitUntil(() => live.heartbeats.length > 0, HEALED_WITHIN_MS);
      });
      await new Promise(resolve => setTimeout(resolve, 500));
      await writer.append(unit(EPOCH, EPOCH, 2, EVENTS));
      await until(() => live.position?.offset === EVENTS + 1);
      expect(live.heartbeats).toEqual([at(EPOCH, 1)]);
    });
  });
});

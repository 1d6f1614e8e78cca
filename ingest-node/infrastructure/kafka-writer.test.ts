import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { describeWithService } from '../../infra/local/services/testing/describe-with-service.ts';
import { systemClock } from '../../shared/base/clock.ts';
import { trade } from '../../shared/model/testing/market-events.ts';
import { catchUp } from '../../shared/stream/catch-up.ts';
import { connect } from '../../shared/stream/testing/suite-consumers.ts';
import { encodeMessage, heartbeatAt } from '../../shared/wire/json-codec.ts';
import type { Lineage } from '../../shared/wire/position.ts';
import type { KafkaConnection } from './kafka-connection.ts';
import { EVENTS_TOPIC, ONLY, SNAPSHOT_TOPIC, STREAM_TOPIC, writeStreamRecord } from './kafka-layout.ts';
import { KafkaRefusal } from './kafka-refusal.ts';
import { KafkaService } from './kafka-service.ts';
import { KafkaSource } from './kafka-source.ts';
import { KafkaWriter } from './kafka-writer.ts';
import type { PathUnit } from './path-publisher.ts';
import { useKafka } from './testing/suite-kafka.ts';
import { at, EPOCH, isAt, LATER, Leader, until } from './testing/suite-world.ts';

/** Two writers at one broker, step by step. */
describeWithService('kafka', 'the writers of a Kafka', () => {
  const suite = useKafka();
  const writerOn = (on: KafkaConnection) => {
    const faults: string[] = [];
    return Object.assign(new KafkaWriter({ connection: on, onFault: fault => faults.push(fault) }), { faults });
  };

  function unit(writer: number, epoch: number, offset: number, lineage?: Lineage): PathUnit {
    const event = { ...trade(), offset };
    const known = lineage === undefined ? {} : { lineage };
    const batch = { type: 'batch' as const, writer, epoch, first: offset, next: offset + 1, ...known, events: [event] };
    const position = at(epoch, offset);
    return {
      writer,
      after: offset === 1 ? null : at(epoch, offset - 1),
      position,
      messages: [encodeMessage(batch)],
      forget: position,
      forgetsSnapshot: false,
      replaces: false,
      isRepeated: false,
    };
  }

  async function typesFrom(on: KafkaConnection, offset: number): Promise<(string | undefined)[]> {
    const { records } = await on.fetch(STREAM_TOPIC, ONLY, offset, { waitMs: 0, maxBytes: 1e6 });
    return records.map(({ headers }) => headers['type']);
  }

  test('topics that cannot be looked at while the stream can do not end the node', async () => {
    await writerOn(suite.connect()).fence(EPOCH);
    const unhandled: unknown[] = [];
    const note = (reason: unknown) => void unhandled.push(reason);
    process.on('unhandledRejection', note);
    onTestFinished(() => void process.off('unhandledRejection', note));
    // A leader is being elected for one of the topics, which is said before the name was given out.
    const electing = suite.connect();
    electing.partitions = topic => Promise.reject(new KafkaRefusal('LEADER_NOT_AVAILABLE', topic));
    electing.createTopics = () => Promise.reject(new KafkaRefusal('LEADER_NOT_AVAILABLE', STREAM_TOPIC));
    await expect(writerOn(electing).fence(EPOCH + 1)).resolves.toMatchObject({ writer: EPOCH + 1 });
    await new Promise(resolve => setImmediate(resolve));
    expect(unhandled).toEqual([]);
  });

  test('[FEN1] what was on its way when the fence was raised is before the end that it says, or nowhere', async () => {
    const [old, successor] = [writerOn(suite.connect()), writerOn(suite.connect())];
    await old.fence(EPOCH);
    let sealed = 0;
    for (let turn = 0; turn < 8; turn++) {
      if (turn > 0) await old.fence(EPOCH + 2 * turn);
      const writer = EPOCH + 2 * turn;
      await old.append(unit(writer, EPOCH, ++sealed));
      suite.kafka.freeze();
      // Both lie in the broker's sockets until it wakes.
      const onItsWay = old.append(unit(writer, EPOCH, ++sealed)).then(
        () => 'written',
        () => 'refused',
      );
      const fencing = successor.fence(writer + 1);
      await new Promise(resolve => setTimeout(resolve, 20));
      suite.kafka.thaw();
      const tail = await fencing;
      const fate = await onItsWay;
      const end = (await successor.tail()).position!;
      expect(tail.position).toEqual(end);
      expect(end.offset).toBe(fate === 'written' ? sealed : sealed - 1);
      sealed = end.offset;
      const again = await old.append(unit(writer, EPOCH, sealed + 1)).then(
        answer => answer.hasMoved,
        (error: Error) => error.name,
      );
      expect([true, 'FencedError']).toContain(again);
      await expect(old.fence(writer)).rejects.toMatchObject({ name: 'FencedError', higher: writer + 1 });
    }
  });

  test('[GAP1] a fence that says less than the record before it hides nothing from a reader that comes again', async () => {
    const writing = suite.connect();
    const writer = writerOn(writing);
    await writer.fence(EPOCH);
    for (const offset of [1, 2]) await writer.append(unit(EPOCH, EPOCH, offset));
    // As when the second write is acknowledged only after the fence was raised: it says first what was seen, then what is.
    const numbers = { writer: EPOCH, epoch: EPOCH, part: 1, parts: 1, start: 1, lineage: [] };
    const fence = (next: number) => writeStreamRecord({ ...numbers, type: 'fence', first: next, next }, null);
    const [message] = unit(EPOCH, EPOCH, 3).messages;
    const third = writeStreamRecord({ ...numbers, type: 'batch', first: 3, next: 4 }, message!);
    await writing.append(STREAM_TOPIC, ONLY, [fence(2), fence(3), third]);
    const source = new KafkaSource({ name: 'kafka', connect: suite.connect, clock: systemClock });
    const reading = connect(source, { position: at(EPOCH, 1), cut: 'full' });
    await until(() => reading.position?.offset === 3);
    expect(reading.events.map(({ offset }) => offset)).toEqual([2, 3]);
    expect(reading.snapshots).toEqual([]);
    reading.close();
  });

  test('[HND1] [FEN1] where everybody else has said their last the fence is in the first write, and holds from there on', async () => {
    const on = suite.connect();
    const [old, successor] = [writerOn(suite.connect()), writerOn(on)];
    await old.fence(EPOCH);
    for (const offset of [1, 2]) await old.append(unit(EPOCH, EPOCH, offset));
    const before = await on.end(STREAM_TOPIC, ONLY);
    const writing = vi.spyOn(on, 'append');
    expect(await successor.fence(LATER, true)).toMatchObject({ writer: LATER, position: at(EPOCH, 2) });
    expect(await on.end(STREAM_TOPIC, ONLY)).toBe(before);
    const beginning = unit(LATER, LATER, 1, [{ epoch: EPOCH, end: 2 }]);
    const answered = await successor.append({ ...beginning, after: at(EPOCH, 2) });
    expect(answered).toEqual({ hasMoved: false, lacksSnapshot: false });
    expect(writing).toHaveBeenCalledTimes(1);
    await successor.append({ ...unit(LATER, LATER, 2), after: at(LATER, 1) });
    expect(await typesFrom(on, before)).toEqual(['fence', 'batch', 'batch']);
    await expect(old.append(unit(EPOCH, EPOCH, 3))).rejects.toMatchObject({ name: 'FencedError', higher: LATER });
    await expect(old.fence(EPOCH, true)).rejects.toMatchObject({ name: 'FencedError', higher: LATER });
    const source = new KafkaSource({ name: 'kafka', connect: suite.connect, clock: systemClock });
    const reading = connect(source, { position: at(EPOCH, 1), cut: 'full' });
    await until(() => reading.position?.epoch === LATER && reading.position.offset === 2);
    expect(reading.events.map(({ offset }) => offset)).toEqual([2, 1, 2]);
    reading.close();
  });

  test('[FEN1] [EPO1] who writes after having said their last is found by the first write behind it', async () => {
    const on = suite.connect();
    const [old, successor] = [writerOn(suite.connect()), writerOn(on)];
    await old.fence(EPOCH);
    await old.append(unit(EPOCH, EPOCH, 1));
    // Under a name of its own, as where the broker has forgotten the common one.
    expect((await successor.fence(LATER, true)).position).toEqual(at(EPOCH, 1));
    const [message] = unit(EPOCH, EPOCH, 2).messages;
    const numbers = { writer: EPOCH, epoch: EPOCH, part: 1, parts: 1, start: 1, lineage: [], first: 2, next: 3 };
    await suite.connect().append(STREAM_TOPIC, ONLY, [writeStreamRecord({ ...numbers, type: 'batch' }, message!)]);
    const beat = encodeMessage(heartbeatAt(LATER, LATER, 0));
    expect(await successor.beat(LATER, at(EPOCH, 1), beat)).toMatchObject({ hasMoved: true });
    expect(successor.faults).toHaveLength(1);
    // What came in between lies before the fence, which says what it found: nothing of it.
    expect((await successor.fence(LATER)).position).toEqual(at(EPOCH, 1));
    await expect(old.append(unit(EPOCH, EPOCH, 3))).rejects.toMatchObject({ name: 'FencedError', higher: LATER });
  });

  test('a writer that asks twice for its fence, the first having taken too long, does not shut itself out', async () => {
    const writer = writerOn(suite.connect());
    const tails = await Promise.all([writer.fence(EPOCH), writer.fence(EPOCH)]);
    expect(tails[1]).toEqual(tails[0]);
    for (const offset of [1, 2]) {
      expect(await writer.append(unit(EPOCH, EPOCH, offset))).toEqual({ hasMoved: false, lacksSnapshot: false });
    }
    expect(writer.faults).toEqual([]);
  });

  test('[ORD2] [EPO2] though the broker has forgotten the name, a lower writer is told, and no reader hears it', async () => {
    const oldConnection = suite.connect();
    const [old, successor] = [writerOn(oldConnection), writerOn(suite.connect())];
    await old.fence(EPOCH);
    await old.append(unit(EPOCH, EPOCH, 1));
    await old.append(unit(EPOCH, EPOCH, 2));
    // Under a name of its own, as after the broker has forgotten the common one.
    const forgotten = vi.spyOn(oldConnection, 'append').mockImplementation((topic, partition, records) => {
      forgotten.mockRestore();
      return oldConnection.append(topic, partition, records);
    });
    await successor.fence(LATER);
    const source = new KafkaSource({ name: 'kafka', connect: suite.connect, clock: systemClock });
    const reading = connect(source, { position: at(EPOCH, 1), cut: 'full' });
    await until(() => reading.position?.offset === 2);
    await expect(old.append(unit(EPOCH, EPOCH, 3))).rejects.toMatchObject({ name: 'FencedError', higher: LATER });
    await expect(old.fence(EPOCH)).rejects.toMatchObject({ name: 'FencedError', higher: LATER });
    expect((await successor.tail()).position).toEqual(at(EPOCH, 2));
    await successor.append({ ...unit(LATER, LATER, 1), after: at(EPOCH, 2) });
    await successor.beat(LATER, null, encodeMessage(heartbeatAt(LATER, LATER, 1)));
    const late = connect(source, { position: at(EPOCH, 1), cut: 'full' });
    await until(() => late.messages.length >= 3 && reading.messages.length >= 3);
    for (const { messages } of [reading, late]) {
      expect(messages.flatMap(message => (message.type === 'batch' ? [[message.epoch, message.first]] : []))).toEqual(
        expect.not.arrayContaining([[EPOCH, 3]]),
      );
    }
    reading.close();
    late.close();
  });

  test('[SNP1] topics are laid out as written, and left alone when somebody has laid them out otherwise', async () => {
    const on = suite.connect();
    await on.createTopics([{ topic: EVENTS_TOPIC, partitions: 3, settings: {} }]);
    const service = new KafkaService({ brokers: [suite.kafka.brokers], clock: systemClock });
    const leader = new Leader(service);
    leader.lead(EPOCH);
    leader.seal(trade());
    await leader.flushed();
    await until(() => service.events.position?.offset === 1);
    const counts = [STREAM_TOPIC, SNAPSHOT_TOPIC, EVENTS_TOPIC].map(topic => on.partitions(topic));
    expect(await Promise.all(counts)).toEqual([1, 1, 3]);
    expect(await suite.admin.settings(STREAM_TOPIC)).toMatchObject({
      'cleanup.policy': 'delete',
      'retention.ms': '3600000',
    });
    expect(await suite.admin.settings(SNAPSHOT_TOPIC)).toMatchObject({
      'cleanup.policy': 'compact',
      'min.compaction.lag.ms': '3600000',
    });
    await service.stop();
  });

  describe('an hour of it', () => {
    test('[EPO1] a follower that is a moment behind reads up to the fence in a fraction of a second', async () => {
      const service = new KafkaService({ brokers: [suite.kafka.brokers], clock: systemClock, paceMs: 0 });
      const leader = new Leader(service);
      leader.lead(EPOCH);
      leader.seal(trade());
      await leader.flushed();
      await fill(suite.connect(), 20_000);
      const behind = leader.log.position;
      for (let count = 0; count < 20; count++) leader.seal(trade());
      await leader.flushed();
      const successor = new KafkaService({ brokers: [suite.kafka.brokers], clock: systemClock });
      const times: number[] = [];
      const said: string[] = [];
      for (let turn = 0; turn < 5; turn++) {
        const began = performance.now();
        const { position } = await successor.fence(LATER + turn);
        const fenced = performance.now();
        const { source } = successor;
        const caught = await catchUp({ source, from: behind, to: position!, withinMs: 3_000, clock: systemClock });
        times.push(performance.now() - began);
        expect(caught).toMatchObject({ outcome: 'reached', snapshot: null });
        expect(isAt(position, leader)).toBe(true);
        said.push(`${(fenced - began).toFixed(0)} + ${(performance.now() - fenced).toFixed(0)} ms`);
      }
      console.log(`fence + read up to it, with 20,000 records on the path: ${said.join(', ')}`);
      // 300 ms is the rule where machines are quiet.
      expect(Math.min(...times)).toBeLessThan(300);
      await Promise.all([service.stop(), successor.stop()]);
    });

    /** Records that bring nothing, as an hour of heartbeats does. */
    async function fill(on: KafkaConnection, count: number): Promise<void> {
      const { records } = await on.fetch(STREAM_TOPIC, ONLY, 1, { waitMs: 0, maxBytes: 1e6 });
      const headers = { ...records.at(-1)!.headers, type: 'heartbeat' };
      const value = encodeMessage(heartbeatAt(EPOCH, EPOCH, 1));
      const few = Array.from({ length: 10 }, () => ({ key: null, value, headers }));
      for (let left = count; left > 0; left -= 500) {
        await Promise.all(Array.from({ length: 50 }, () => on.append(STREAM_TOPIC, ONLY, few)));
      }
    }
  });
});

import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest';
import { describeWithService } from '../../infra/local/services/testing/describe-with-service.ts';
import { startKafka, type TestKafka } from '../../infra/local/services/testing/kafka.ts';
import { systemClock } from '../../shared/base/clock.ts';
import { KafkaConnection } from './kafka-connection.ts';
import { TOPIC_ALREADY_EXISTS } from './kafka-refusal.ts';
import { ensureTopics } from './kafka-topics.ts';

const record = (value: string) => ({ key: null, value, headers: { writer: '1' } });
const READ = { waitMs: 100, maxBytes: 1_000 };

describeWithService('kafka', 'a connection to a Kafka', () => {
  let kafka: TestKafka;
  let connection: KafkaConnection;

  beforeAll(async () => {
    kafka = await startKafka();
    connection = new KafkaConnection({ brokers: [kafka.brokers], clock: systemClock });
    await connection.createTopics([{ topic: 'one', partitions: 1, settings: { 'retention.ms': '3600000' } }]);
  });
  afterAll(async () => {
    connection?.close();
    await kafka?.dispose();
  });

  const other = () => new KafkaConnection({ brokers: [kafka.brokers], clock: systemClock });

  test('appends, and reads from anywhere', async () => {
    await expect(connection.partitions('none')).rejects.toMatchObject({ type: 'UNKNOWN_TOPIC_OR_PARTITION' });
    expect(await connection.partitions('one')).toBe(1);
    expect(await connection.append('one', 0, [record('a'), record('b')])).toBe(0);
    expect(await connection.append('one', 0, [record('c')])).toBe(2);
    const { records, start, end } = await connection.fetch('one', 0, 1, READ);
    expect(records.map(({ offset, value, headers }) => [offset, value, headers])).toEqual([
      [1, 'b', { writer: '1' }],
      [2, 'c', { writer: '1' }],
    ]);
    expect([start, end, await connection.end('one', 0), await connection.start('one', 0)]).toEqual([0, 3, 3, 0]);
    await expect(connection.fetch('one', 0, 9, READ)).rejects.toMatchObject({ type: 'OFFSET_OUT_OF_RANGE' });
  });

  test('whoever waits for news lies still meanwhile', async () => {
    const end = await connection.end('one', 0);
    const timers = vi.spyOn(globalThis, 'setTimeout');
    onTestFinished(() => timers.mockRestore());
    expect((await connection.fetch('one', 0, end, { ...READ, waitMs: 300 })).records).toEqual([]);
    // The deadline, and nothing every millisecond.
    expect(timers.mock.calls.length).toBeLessThan(10);
  });

  test('[FEN1] a writer is refused from the first record on that its successor has written', async () => {
    const before = await connection.nextIdentity('pen');
    const end = await connection.end('one', 0);
    expect(await connection.append('one', 0, [record('1')], { identity: before, sequence: 0 })).toBe(end);
    const successor = other();
    const after = await successor.nextIdentity('pen');
    expect(await connection.append('one', 0, [record('2')], { identity: before, sequence: 1 })).toBe(end + 1);
    expect(await successor.append('one', 0, [record('3')], { identity: after, sequence: 0 })).toBe(end + 2);
    await expect(connection.append('one', 0, [record('4')], { identity: before, sequence: 2 })).rejects.toMatchObject({
      type: 'INVALID_PRODUCER_EPOCH',
    });
    expect(await successor.end('one', 0)).toBe(end + 3);
    successor.close();
  });

  test('a write that is made again under its number is one write', async () => {
    const identity = await connection.nextIdentity('numbered');
    const end = await connection.end('one', 0);
    const write = (sequence: number) => connection.append('one', 0, [record('x')], { identity, sequence });
    expect([await write(0), await write(0), await write(1), await write(1)]).toEqual([end, end, end + 1, end + 1]);
    expect(await connection.end('one', 0)).toBe(end + 2);
  });

  test('of several topics those are created that are missing, and the others are named', async () => {
    const plan = (topic: string) => ({ topic, partitions: 1, settings: {} });
    await expect(connection.createTopics([plan('one'), plan('two')])).rejects.toMatchObject({
      type: TOPIC_ALREADY_EXISTS,
    });
    await expect(connection.createTopics([plan('one'), plan('no such name!')])).rejects.toMatchObject({
      type: 'INVALID_TOPIC_EXCEPTION',
    });
    await ensureTopics(connection, [plan('two'), plan('three')]);
    expect(await Promise.all([connection.partitions('two'), connection.partitions('three')])).toEqual([1, 1]);
  });

  test('a frozen broker costs a deadline; then it is dialled anew', async () => {
    kafka.freeze();
    // The last thread of it may stop a moment after the signal.
    const silence = () =>
      connection.end('one', 0).then(
        () => false,
        (error: Error) => error.message.includes(`one at ${kafka.brokers}: no answer within`),
      );
    await vi.waitUntil(silence, { timeout: 5_000, interval: 1 });
    expect(connection.sockets).toBe(0);
    kafka.thaw();
    expect(await connection.end('one', 0)).toBeGreaterThan(0);
  });
});

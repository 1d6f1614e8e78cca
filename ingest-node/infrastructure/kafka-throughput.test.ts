import { Kafka, logLevel, Partitioners, type Producer } from 'kafkajs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { describeWithService } from '../../infra/local/services/testing/describe-with-service.ts';
import { startKafka, type TestKafka } from '../../infra/local/services/testing/kafka.ts';
import { systemClock } from '../../shared/base/clock.ts';
import { trade } from '../../shared/model/testing/market-events.ts';
import { StreamLog } from '../../shared/stream/stream-log.ts';
import { Publisher } from '../../shared/stream/testing/publisher.ts';
import { encodeMessage } from '../../shared/wire/json-codec.ts';
import { KafkaConnection } from './kafka-connection.ts';
import { writeEvent } from './kafka-event-records.ts';
import { KafkaEvents } from './kafka-events.ts';
import { eventsPlan, STREAM_PLAN } from './kafka-layout.ts';
import { KafkaWriter } from './kafka-writer.ts';
import { PathPublisher } from './path-publisher.ts';
import { EPOCH } from './testing/suite-world.ts';

const BARE_TOPIC = 'bare';
const BARE_EVENTS_TOPIC = 'bare-events';
const PARTITIONS = 12;
const WARM_UP = 100;
const BATCHES = 800;
const EVENTS = 100;
const MARKETS = 60;
/** What we promise: fencing, places and acknowledgements cost no more than a fifth. */
const LEAST_RATIO = 0.8;

describeWithService('kafka', 'the throughput to a Kafka', () => {
  let kafka: TestKafka;
  let connection: KafkaConnection;
  let bare: Producer;

  beforeAll(async () => {
    kafka = await startKafka();
    const brokers = [kafka.brokers];
    connection = new KafkaConnection({ brokers, clock: systemClock });
    await connection.createTopics([{ ...STREAM_PLAN, topic: BARE_TOPIC }]);
    await connection.createTopics([{ ...eventsPlan(PARTITIONS), topic: BARE_EVENTS_TOPIC }]);
    bare = new Kafka({ brokers, logLevel: logLevel.NOTHING }).producer({
      createPartitioner: Partitioners.DefaultPartitioner,
      maxInFlightRequests: 1,
    });
    await bare.connect();
  });
  afterAll(async () => {
    await bare?.disconnect();
    connection?.close();
    await kafka?.dispose();
  });

  test('of the stream is at least four fifths of the bare client’s with the same batches, one under way at a time', async () => {
    const log = new StreamLog();
    const pen = new Publisher(log, () => systemClock.monotonic());
    const writer = new KafkaWriter({ connection, onFault: fault => expect.unreachable(fault) });
    const publisher = new PathPublisher({
      writer,
      clock: systemClock,
      paceMs: 0,
      snapshotIntervalMs: 60_000,
      random: () => 0,
    });
    pen.beginEpoch(EPOCH);
    publisher.begin({ epoch: EPOCH, log, onFenced: higher => expect.unreachable(`fenced by ${higher}`) });
    const events = Array.from({ length: EVENTS }, (_, index) => trade('BTC/KRW', { id: `${index}` }));

    const other = new Publisher();
    other.beginEpoch(EPOCH);
    let value = '';
    const ours = {
      prepare: () => void pen.seal(...events),
      publish: async () => expect(await publisher.flush(5_000)).toBe(true),
    };
    const theirs = {
      prepare: () => {
        value = encodeMessage(other.seal(...events));
      },
      publish: () => bare.send({ topic: BARE_TOPIC, acks: -1, messages: [{ value }] }),
    };
    await compare('exchange.stream', ours, theirs);
    publisher.end();
  });

  test('of single events is at least four fifths of the bare client’s with the same records', async () => {
    const log = new StreamLog();
    const pen = new Publisher(log, () => systemClock.monotonic());
    const kafkaEvents = new KafkaEvents({
      connection,
      clock: systemClock,
      partitions: PARTITIONS,
      paceMs: 0,
      random: () => 0,
    });
    pen.beginEpoch(EPOCH);
    kafkaEvents.begin({ epoch: EPOCH, log });
    const events = Array.from({ length: EVENTS }, (_, index) => trade(`S${index % MARKETS}/KRW`, { id: `${index}` }));
    const other = new Publisher();
    other.beginEpoch(EPOCH);
    const isLevel = async () => {
      while (kafkaEvents.position?.offset !== log.position.offset) {
        if (kafkaEvents.fault !== null) throw new Error(kafkaEvents.fault.reason);
        await new Promise(setImmediate);
      }
    };
    const ours = {
      prepare: () => void pen.seal(...events),
      publish: async () => {
        kafkaEvents.arrived(log.position);
        await isLevel();
      },
    };
    let since = other.log.position;
    const theirs = {
      prepare: () => {
        since = other.log.position;
        other.seal(...events);
      },
      publish: () => {
        const sealed = other.published.at(-1)!.events;
        const messages = sealed.map(event => writeEvent(event, EPOCH, { writer: EPOCH, since }));
        return bare.send({ topic: BARE_EVENTS_TOPIC, acks: -1, messages });
      },
    };
    await compare('exchange.events', ours, theirs);
    kafkaEvents.end();
  });
});

/** Makes a batch on nobody's time, since it is sealed and encoded once for all paths, and publishes it. */
type Contestant = { readonly prepare: () => void; readonly publish: () => Promise<unknown> };

/** By turns, so that a noisy machine disturbs both alike. */
async function compare(topic: string, ours: Contestant, theirs: Contestant): Promise<void> {
  const time = async ({ prepare, publish }: Contestant) => {
    prepare();
    const began = performance.now();
    await publish();
    return performance.now() - began;
  };
  const times: { readonly ours: number[]; readonly theirs: number[] } = { ours: [], theirs: [] };
  for (let turn = -WARM_UP; turn < BATCHES; turn++) {
    const turnTimes = { ours: await time(ours), theirs: await time(theirs) };
    if (turn < 0) continue;
    times.ours.push(turnTimes.ours);
    times.theirs.push(turnTimes.theirs);
  }
  const perSecond = { ours: 1_000 / median(times.ours), theirs: 1_000 / median(times.theirs) };
  const ratio = perSecond.ours / perSecond.theirs;
  console.log(
    `throughput to ${topic}, ${EVENTS} events a batch: ${perSecond.ours.toFixed(0)} batches/s,` +
      ` the bare client ${perSecond.theirs.toFixed(0)}, ratio ${ratio.toFixed(2)}`,
  );
  expect(ratio).toBeGreaterThan(LEAST_RATIO);
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!;
}

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { KAFKA_VERSION } from './kafka-jars.ts';
import { askKafka } from './kafka-round-trip.ts';
import { kafkaService } from './kafka-service.ts';
import { isAlive, signal } from './process-mark.ts';
import { redisService } from './redis-service.ts';
import { describeWithService } from './testing/describe-with-service.ts';
import { startKafka } from './testing/kafka.ts';
import { listenOnce } from './testing/listen-once.ts';
import { ServicesWorld } from './testing/services-world.ts';
import { waitUntil } from './wait-until.ts';

const SOON_MS = 10_000;

// A broker takes five seconds to start when nothing else runs.
vi.setConfig({ testTimeout: 120_000 });

/** How long to listen to a server that shall not answer. */
const SILENCE_MS = 300;

describeWithService('kafka', 'Kafka', () => {
  test('as a service: up, killed, up again with the same cluster, down', async () => {
    const world = await ServicesWorld.create([kafkaService]);
    onTestFinished(() => world.dispose());
    const cluster = (): string => readFileSync(join(world.dataFolder, 'kafka/data/meta.properties'), 'utf8');
    const up = await world.run('up');
    expect(up.stderr).toMatch(/started kafka in .*Kafka: 1 broker/);
    expect(up.stdout).toBe(`KAFKA_BROKERS=127.0.0.1:${world.firstPorts.get(kafkaService)}\n`);
    const [first, before] = [world.process('kafka'), cluster()];
    signal(first, 'SIGKILL');
    await waitUntil(async () => expect(isAlive(first)).toBe(false), SOON_MS);
    expect((await world.run('status')).stderr).toMatch(/kafka +crashed/);
    expect(await world.run('up')).toMatchObject({ code: 0, stdout: up.stdout });
    expect(cluster()).toBe(before);
    const second = world.process('kafka');
    expect((await world.run('down')).code).toBe(0);
    expect(isAlive(second)).toBe(false);
  });

  test('of a test: it answers, is silent while frozen, refuses when killed', async () => {
    const kafka = await startKafka();
    onTestFinished(() => kafka.dispose());
    expect(await askKafka(kafka.brokers, SOON_MS)).toBe('Kafka: 1 broker');
    kafka.freeze();
    await expect(askKafka(kafka.brokers, SILENCE_MS)).rejects.toThrow('no answer');
    kafka.thaw();
    // One of several is enough, as for every client.
    expect(await askKafka(`127.0.0.1:1,${kafka.brokers}`, SOON_MS)).toBe('Kafka: 1 broker');
    await kafka.kill();
    await expect(askKafka(kafka.brokers, SOON_MS)).rejects.toThrow('ECONNREFUSED');
  });
});

test('what is downloaded is kept; what was not downloaded whole is not', async () => {
  const world = await ServicesWorld.create([kafkaService]);
  onTestFinished(() => world.dispose());
  const cache = join(world.dataFolder, 'cache');
  const copy = `for word; do case "$word" in -DoutputDirectory=*) /bin/mkdir "\${word#*=}";; esac; done`;
  const install = async (mvn: string) => {
    const PATH = await world.pathWith({ java: 'exit 0', mvn });
    return world.run('install', ['kafka'], { PATH, SERVICES_CACHE_DIR: cache });
  };
  const failed = await install(`${copy}; echo no route to any host; exit 1`);
  expect(failed.code).toBe(1);
  expect(failed.stderr).toMatch(/Kafka [\d.]+ could not be downloaded: no route to any host/);
  expect(readdirSync(cache)).toEqual([]);
  expect(await install(copy)).toMatchObject({ code: 0, stdout: '' });
  expect(readdirSync(cache)).toEqual([`kafka-${KAFKA_VERSION}`]);
  expect(await install('echo it was asked again >&2; exit 1')).toEqual({ code: 0, stdout: '', stderr: '' });
});

test('without its download the others go on', async () => {
  const world = await ServicesWorld.create([redisService, kafkaService]);
  onTestFinished(() => world.dispose());
  const server = 'echo started; exec /bin/sleep 1000';
  const PATH = await world.pathWith({
    java: 'exit 0',
    mvn: 'echo no route to any host; exit 1',
    'redis-server': server,
  });
  const cache = join(world.dataFolder, 'cache');
  const up = await world.run('up', undefined, { PATH, SERVICES_CACHE_DIR: cache, SERVICES_WAIT_MS: '1' });
  expect(up.code).toBe(1);
  expect(up.stderr).toContain('kafka: Kafka');
  expect(isAlive(world.process('redis'))).toBe(true);
});

const words = (...values: number[]): Buffer => Buffer.concat(values.map(int32));
const noText = Buffer.from([0xff, 0xff]);
/** An answer's size, correlation id and brokers, each on host `k`, port 9, no rack; then the controller and no topics. */
const answer = (brokers: number, controller: number): Buffer => {
  const broker = Buffer.concat([int32(1), Buffer.from([0, 1, 0x6b]), int32(9), noText]);
  const body = Buffer.concat([words(7, brokers), ...Array(brokers).fill(broker), words(controller, 0)]);
  return Buffer.concat([int32(body.length), body]);
};

test.each([
  ['two brokers', answer(2, 1), 'Kafka: 2 brokers'],
  ['no broker yet', answer(0, 1), /no broker is registered/],
  ['no controller', answer(1, -1), /no controller/],
  ['something else', Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n'), /does not answer as Kafka does/],
  ['the answer to another question', words(8, 8, 0), /does not answer as Kafka does/],
  ['more brokers than it sends', words(8, 7, 1_000_000), /does not answer as Kafka does/],
  ['half an answer', answer(2, 1).subarray(0, 20), /does not answer as Kafka does/],
  ['nothing', Buffer.alloc(0), /does not answer as Kafka does/],
])('a server that answers %s', async (_, bytes, expected) => {
  const port = await listenOnce(bytes);
  const asked = askKafka(`127.0.0.1:${port}`, SOON_MS);
  if (typeof expected === 'string') expect(await asked).toBe(expected);
  else await expect(asked).rejects.toThrow(expected);
});

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}

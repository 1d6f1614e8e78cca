import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, onTestFinished, type TestContext, test, vi } from 'vitest';
import { KafkaConnection, type ReadRecord } from '../../../ingest-node/infrastructure/kafka-connection.ts';
import { EVENTS_TOPIC } from '../../../ingest-node/infrastructure/kafka-layout.ts';
import { KafkaService } from '../../../ingest-node/infrastructure/kafka-service.ts';
import { EventsReader } from '../../../ingest-node/infrastructure/testing/events-reader.ts';
import { EPOCH, Leader } from '../../../ingest-node/infrastructure/testing/suite-world.ts';
import { systemClock } from '../../../shared/base/clock.ts';
import { trade } from '../../../shared/model/testing/market-events.ts';
import { skipOrFail } from '../../checks/skip-or-fail.ts';
import { describeWithService } from '../services/testing/describe-with-service.ts';
import { startKafka, type TestKafka } from '../services/testing/kafka.ts';

const PROGRAM = fileURLToPath(new URL('consume_events.py', import.meta.url));
const SYMBOLS = ['BTC/KRW', 'ETH/KRW', 'XRP/KRW'];
const WITHIN_MS = 20_000;

type Line = { readonly kind: string; readonly key: string; readonly event: { readonly id: string } };

/** The Python that has the example's client, from PyPI or Debian; `undefined` where none has. */
function findPython(): string | undefined {
  return ['python3', '/usr/bin/python3'].find(program => {
    try {
      execFileSync(program, ['-c', 'import kafka'], { stdio: 'ignore' });
      return true;
    } catch {
      return false;
    }
  });
}

const PYTHON = findPython();

function needPython(context: TestContext): string {
  return PYTHON ?? skipOrFail(context, 'not installed: kafka-python (apt-get install python3-kafka)');
}

class Example {
  readonly lines: Line[] = [];
  readonly #child: ChildProcess;
  #rest = '';
  said = '';

  constructor(python: string, brokers: string) {
    this.#child = spawn(python, [PROGRAM, '--brokers', brokers, '--group', 'example'], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      this.said += text;
    });
    this.#child.stdout!.setEncoding('utf8').on('data', (text: string) => {
      const lines = (this.#rest + text).split('\n');
      this.#rest = lines.pop()!;
      this.lines.push(...lines.map(line => JSON.parse(line) as Line));
    });
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null) return;
    const exit = once(this.#child, 'exit');
    this.#child.kill('SIGTERM');
    await exit;
  }
}

describeWithService('kafka', 'the example of another service, in Python', () => {
  let kafka: TestKafka;
  let leader: Leader;
  let service: KafkaService;
  let connection: KafkaConnection;

  beforeAll(async () => {
    if (PYTHON === undefined) return;
    kafka = await startKafka();
    const brokers = [kafka.brokers];
    connection = new KafkaConnection({ brokers, clock: systemClock });
    service = new KafkaService({ brokers, clock: systemClock });
    leader = new Leader(service);
    leader.lead(EPOCH);
  });
  afterAll(async () => {
    connection?.close();
    await service?.stop();
    await kafka?.dispose();
  });

  async function publish(rounds: number): Promise<void> {
    for (let round = 0; round < rounds; round++) leader.seal(...SYMBOLS.map(symbol => trade(symbol)));
    await vi.waitUntil(() => service.events.position?.offset === leader.log.position.offset, { timeout: WITHIN_MS });
  }

  /** Writes what is there once more, as a leader does that was not told that it had arrived. */
  async function repeatAll(): Promise<void> {
    const count = await connection.partitions(EVENTS_TOPIC);
    const again = new Map<number, readonly ReadRecord[]>();
    for (let partition = 0; partition < count; partition++) {
      const { records } = await connection.fetch(EVENTS_TOPIC, partition, 0, { waitMs: 0, maxBytes: 1e6 });
      if (records.length > 0) again.set(partition, records);
    }
    await connection.appendEach(EVENTS_TOPIC, again);
  }

  test('has every trade once and in order, though some are there twice and it is restarted', {
    timeout: 60_000,
  }, async context => {
    const python = needPython(context);
    await publish(20);
    const first = new Example(python, kafka.brokers);
    onTestFinished(() => first.stop());
    const trades = () => leader.published.flatMap(({ events }) => events);
    await vi.waitUntil(() => first.lines.length >= trades().length, { timeout: WITHIN_MS, interval: 20 });
    await repeatAll();
    await publish(10);
    await vi.waitUntil(() => first.lines.length >= trades().length, { timeout: WITHIN_MS, interval: 20 });
    await first.stop();
    await repeatAll();
    await publish(10);
    const second = new Example(python, kafka.brokers);
    onTestFinished(() => second.stop());
    const lines = () => [...first.lines, ...second.lines];
    await vi.waitUntil(() => lines().length >= trades().length, { timeout: WITHIN_MS, interval: 20 });
    await second.stop();
    for (const symbol of SYMBOLS) {
      const its = lines().filter(({ key }) => key === `upbit:${symbol}`);
      const sealed = trades().flatMap(event => (event.type === 'trade' && event.symbol === symbol ? [event.id] : []));
      expect(its.map(({ event }) => event.id)).toEqual(sealed);
    }
    expect(first.said + second.said).not.toMatch(/Traceback/);
  });

  test('finds the same partition for a key', async context => {
    const python = needPython(context);
    const keys = SYMBOLS.map(symbol => `upbit:${symbol}`);
    const script = `
import json, sys
try:
    from kafka.partitioner.default import murmur2
except ImportError:
    from kafka.partitioner import murmur2
print(json.dumps([(murmur2(key.encode()) & 0x7fffffff) % 12 for key in json.loads(sys.argv[1])]))`;
    const theirs = JSON.parse(execFileSync(python, ['-c', script, JSON.stringify(keys)], { encoding: 'utf8' }));
    expect(await Promise.all(keys.map(key => connection.partitionOf(key, 12)))).toEqual(theirs);
    const reader = new EventsReader(kafka.brokers);
    onTestFinished(() => reader.close());
    for (const { key, partition } of await reader.everything()) expect(partition).toBe(theirs[keys.indexOf(key!)]);
  });
});

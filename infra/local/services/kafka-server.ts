import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { javaArguments, javaProgram } from './java.ts';
import { KAFKA_JARS } from './kafka-jars.ts';
import { LOOPBACK } from './ports.ts';
import type { ServerCommand } from './server-command.ts';

/** One Kafka of ours: a single process that is broker and controller (KRaft). */
export interface KafkaPlan {
  readonly directory: string;
  /** For clients. */
  readonly port: number;
  readonly controllerPort: number;
  /** Further ways in: whoever comes by one of them is told to stay on it. */
  readonly doors?: readonly KafkaDoor[];
}

export interface KafkaDoor {
  readonly port: number;
  /** `host:port` by which clients reach that port, such as a link that a test can cut. */
  readonly address: string;
}

const CLASS_PATH = join(KAFKA_JARS, '*');
const HEAP_MB = 384;
const FORMAT_WITHIN_MS = 60_000;

/**
 * Writes the configuration, formats the storage when there is none yet, and says how to run the broker.
 * @throws with the words of Kafka's own tool when the storage cannot be formatted
 */
export async function prepareKafka(plan: KafkaPlan): Promise<ServerCommand> {
  mkdirSync(plan.directory, { recursive: true, mode: 0o700 });
  const data = join(plan.directory, 'data');
  if (!existsSync(data)) await format(plan, data);
  const args = javaArguments(HEAP_MB, CLASS_PATH, 'kafka.Kafka', [writeConfiguration(plan, data)]);
  return { name: 'kafka', program: javaProgram(), args, directory: plan.directory };
}

/** Formats beside the place and moves it there: an interrupted formatting is not taken for a whole one. */
async function format(plan: KafkaPlan, data: string): Promise<void> {
  const unfinished = `${data}.formatting`;
  rmSync(unfinished, { recursive: true, force: true });
  const configuration = writeConfiguration(plan, unfinished);
  const clusterId = randomBytes(16).toString('base64url');
  const args = ['format', '--config', configuration, `--cluster-id=${clusterId}`];
  await promisify(execFile)(javaProgram(), javaArguments(HEAP_MB, CLASS_PATH, 'kafka.tools.StorageTool', args), {
    timeout: FORMAT_WITHIN_MS,
  });
  renameSync(unfinished, data);
}

function writeConfiguration(plan: KafkaPlan, data: string): string {
  const file = join(plan.directory, 'server.properties');
  const lines = Object.entries(configuration(plan, data)).map(([key, value]) => `${key}=${value}\n`);
  writeFileSync(file, lines.join(''), { mode: 0o600 });
  return file;
}

/** A cluster of one: every topic of Kafka's own has one partition and one replica. */
function configuration({ port, controllerPort, doors = [] }: KafkaPlan, data: string): Record<string, string | number> {
  const clients = `PLAINTEXT://${LOOPBACK}:${port}`;
  const each = (say: (door: KafkaDoor, name: string) => string) =>
    doors.map((door, index) => `,${say(door, `DOOR${index + 1}`)}`).join('');
  return {
    'node.id': 1,
    'process.roles': 'broker,controller',
    'controller.quorum.voters': `1@${LOOPBACK}:${controllerPort}`,
    listeners: `${clients},CONTROLLER://${LOOPBACK}:${controllerPort}${each((door, name) => `${name}://${LOOPBACK}:${door.port}`)}`,
    'advertised.listeners': `${clients}${each((door, name) => `${name}://${door.address}`)}`,
    'controller.listener.names': 'CONTROLLER',
    'inter.broker.listener.name': 'PLAINTEXT',
    'listener.security.protocol.map': `CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT${each((_, name) => `${name}:PLAINTEXT`)}`,
    'log.dirs': data,
    ...KAFKA_SETTINGS,
  };
}

/** What does not depend on where it runs; `infra/docker/compose.yaml` has the same. */
export const KAFKA_SETTINGS: Readonly<Record<string, string | number>> = {
  'offsets.topic.replication.factor': 1,
  'offsets.topic.num.partitions': 1,
  'transaction.state.log.replication.factor': 1,
  'transaction.state.log.min.isr': 1,
  'transaction.state.log.num.partitions': 1,
  'share.coordinator.state.topic.replication.factor': 1,
  'share.coordinator.state.topic.min.isr': 1,
  'share.coordinator.state.topic.num.partitions': 1,
  // A misspelt topic shall be an error here as it is where topics are somebody's job.
  'auto.create.topics.enable': 'false',
  // Waiting for more members of a group costs three seconds at each start of a consumer.
  'group.initial.rebalance.delay.ms': 0,
  // After a restart the controller waits this long for the broker's former life to be over.
  'broker.session.timeout.ms': 3_000,
  'broker.heartbeat.interval.ms': 500,
  'log.cleaner.dedupe.buffer.size': 4_194_304,
  'num.network.threads': 2,
  'num.io.threads': 2,
  'background.threads': 2,
};

/** What clients are told to connect to. */
export function kafkaBrokers(plan: Pick<KafkaPlan, 'port'>): string {
  return `${LOOPBACK}:${plan.port}`;
}

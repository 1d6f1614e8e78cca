import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { javaArguments, javaProgram } from './java.ts';
import { KAFKA_JARS } from './kafka-jars.ts';
import { type KafkaPorts, listenerSettings, scramArguments } from './kafka-listeners.ts';
import { LOOPBACK } from './ports.ts';
import type { ServerCommand } from './server-command.ts';

/** One broker of ours: a single process that is broker and controller (KRaft). */
export interface KafkaPlan extends KafkaPorts {
  readonly directory: string;
  /** Which one of several it is; when left out it is a cluster of its own. */
  readonly membership?: KafkaMembership;
}

/** One place in a cluster of several brokers, each of which is a controller too. */
export interface KafkaMembership {
  /** From 1. */
  readonly nodeId: number;
  readonly clusterId: string;
  /** Of all members, in the order of their ids. */
  readonly controllerPorts: readonly number[];
  /** Folder of a member that is formatted and has not run yet. */
  readonly formattedAs?: string;
}

const CLASS_PATH = join(KAFKA_JARS, '*');
const HEAP_MB = 384;
/** Of each of several, which share the work. */
const MEMBER_HEAP_MB = 256;
const FORMAT_WITHIN_MS = 60_000;

/**
 * Writes the configuration, formats the storage when there is none yet, and says how to run the broker.
 * @throws with the words of Kafka's own tool when the storage cannot be formatted
 */
export async function prepareKafka(plan: KafkaPlan): Promise<ServerCommand> {
  mkdirSync(plan.directory, { recursive: true, mode: 0o700 });
  const data = join(plan.directory, 'data');
  if (!existsSync(data)) await format(plan, data);
  const heapMb = plan.membership === undefined ? HEAP_MB : MEMBER_HEAP_MB;
  const args = javaArguments(heapMb, CLASS_PATH, 'kafka.Kafka', [writeConfiguration(plan, data)]);
  const name = plan.membership === undefined ? 'kafka' : `kafka-${plan.membership.nodeId}`;
  return { name, program: javaProgram(), args, directory: plan.directory };
}

/** Formats beside the place and moves it there: an interrupted formatting is not taken for a whole one. */
async function format(plan: KafkaPlan, data: string): Promise<void> {
  const unfinished = `${data}.formatting`;
  rmSync(unfinished, { recursive: true, force: true });
  const model = plan.membership?.formattedAs;
  if (model === undefined) await runFormat(plan, unfinished);
  else copyFormat(model, unfinished, plan.membership?.nodeId ?? 1);
  renameSync(unfinished, data);
}

async function runFormat(plan: KafkaPlan, data: string): Promise<void> {
  const clusterId = plan.membership?.clusterId ?? newClusterId();
  const users = scramArguments(plan.doors ?? []);
  const args = ['format', '--config', writeConfiguration(plan, data), `--cluster-id=${clusterId}`, ...users];
  await promisify(execFile)(javaProgram(), javaArguments(HEAP_MB, CLASS_PATH, 'kafka.tools.StorageTool', args), {
    timeout: FORMAT_WITHIN_MS,
  });
}

/** What the tool would have written for another member, without a Java program more: only its names differ. */
function copyFormat(model: string, data: string, nodeId: number): void {
  cpSync(join(model, 'data'), data, { recursive: true });
  const file = join(data, 'meta.properties');
  const text = readFileSync(file, 'utf8')
    .replace(/^node\.id=.*$/m, `node.id=${nodeId}`)
    .replace(/^directory\.id=.*$/m, `directory.id=${randomUuid()}`);
  writeFileSync(file, text);
}

function writeConfiguration(plan: KafkaPlan, data: string): string {
  const file = join(plan.directory, 'server.properties');
  const lines = Object.entries(configuration(plan, data)).map(([key, value]) => `${key}=${value}\n`);
  writeFileSync(file, lines.join(''), { mode: 0o600 });
  return file;
}

function configuration(plan: KafkaPlan, data: string): Record<string, string | number> {
  const { nodeId, controllerPorts } = plan.membership ?? { nodeId: 1, controllerPorts: [plan.controllerPort] };
  return {
    'node.id': nodeId,
    'process.roles': 'broker,controller',
    'controller.quorum.voters': controllerPorts.map((port, index) => `${index + 1}@${LOOPBACK}:${port}`).join(','),
    ...listenerSettings(plan),
    'log.dirs': data,
    ...KAFKA_SETTINGS,
    ...(plan.membership === undefined ? {} : replicationSettings(controllerPorts.length)),
  };
}

/** Kafka's own topics lie on up to three brokers, of which one may be away. */
function replicationSettings(brokers: number): Record<string, number> {
  const replicas = Math.min(3, brokers);
  const inSync = Math.max(1, replicas - 1);
  return {
    'offsets.topic.replication.factor': replicas,
    'transaction.state.log.replication.factor': replicas,
    'transaction.state.log.min.isr': inSync,
    'share.coordinator.state.topic.replication.factor': replicas,
    'share.coordinator.state.topic.min.isr': inSync,
  };
}

/** The name by which members of a cluster know that they belong together. */
export function newClusterId(): string {
  return randomUuid();
}

/** As Kafka writes them. Its tools take one that begins so for an option. */
function randomUuid(): string {
  const uuid = randomBytes(16).toString('base64url');
  return uuid.startsWith('-') ? randomUuid() : uuid;
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

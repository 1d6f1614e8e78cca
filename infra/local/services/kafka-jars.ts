import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { REPO_ROOT } from '../../checks/source-files.ts';
import { missingJava } from './java.ts';
import { ServicesError } from './managed-service.ts';
import { findProgram } from './server-command.ts';
import { messageOf } from './wait-until.ts';

/** See infra/decisions/0007-kafka-from-maven.md before changing it. */
export const KAFKA_VERSION = '4.4.0';

const POM = fileURLToPath(new URL('kafka-jars.pom.xml', import.meta.url));
const COPY = 'org.apache.maven.plugins:maven-dependency-plugin:3.6.0:copy-dependencies';
/** Some 45 files and 43 MB, over a slow line. */
const DOWNLOAD_WITHIN_MS = 15 * 60_000;

/** Where the jars are kept, outside every data folder: they are downloaded once. */
export const KAFKA_JARS = resolve(
  REPO_ROOT,
  process.env['SERVICES_CACHE_DIR'] || 'data/cache',
  `kafka-${KAFKA_VERSION}`,
);

/** What a machine lacks to run a broker; nothing when it can. */
export function missingForKafka(): string[] {
  return [...missingJava(), ...(existsSync(KAFKA_JARS) ? [] : [`Kafka ${KAFKA_VERSION}`])];
}

/** The programs that a machine lacks to download the jars. */
export function missingForKafkaDownload(): string[] {
  return [...missingJava(), ...(findProgram(['mvn']) === undefined ? ['mvn'] : [])];
}

/**
 * Downloads the jars from where this machine's Maven gets its packages. They are moved to their place when all of
 * them are there: an interrupted download is not taken for a whole one.
 * @throws with Maven's words when it fails
 */
export async function downloadKafka(): Promise<void> {
  const unfinished = `${KAFKA_JARS}.${process.pid}`;
  mkdirSync(dirname(KAFKA_JARS), { recursive: true });
  const args = [
    '--batch-mode',
    '--quiet',
    '-Dstyle.color=never',
    '--file',
    POM,
    COPY,
    `-Dkafka.version=${KAFKA_VERSION}`,
    '-DincludeScope=runtime',
    `-DoutputDirectory=${unfinished}`,
  ];
  try {
    await promisify(execFile)(findProgram(['mvn']) ?? 'mvn', args, { timeout: DOWNLOAD_WITHIN_MS });
    // Whoever was faster has the same.
    if (!existsSync(KAFKA_JARS)) renameSync(unfinished, KAFKA_JARS);
  } catch (cause) {
    // Maven's first line says it; a dozen follow that explain Maven.
    const said = (cause as { stdout?: string }).stdout?.trim().split('\n')[0] || messageOf(cause);
    throw new ServicesError(`Kafka ${KAFKA_VERSION} could not be downloaded: ${said}`, { cause });
  } finally {
    rmSync(unfinished, { recursive: true, force: true });
  }
}

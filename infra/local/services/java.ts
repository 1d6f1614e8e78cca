import { findProgram } from './server-command.ts';

const PROGRAMS = ['java'];

/** Small and quick to start rather than fast in the long run. */
const JVM_OPTIONS = ['-Xshare:auto', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-XX:-UsePerfData'];
/** What slf4j-simple writes to standard error, and so to the log file. */
const LOG_OPTIONS = ['-Dorg.slf4j.simpleLogger.defaultLogLevel=warn', '-Dorg.slf4j.simpleLogger.showDateTime=true'];

/** What a machine lacks to run servers in Java; nothing when it can. */
export function missingJava(): string[] {
  return findProgram(PROGRAMS) === undefined ? PROGRAMS : [];
}

export function javaProgram(): string {
  return findProgram(PROGRAMS) ?? 'java';
}

/** The arguments to run a class with so much memory for its objects. */
export function javaArguments(heapMb: number, classPath: string, mainClass: string, args: readonly string[]): string[] {
  return [`-Xmx${heapMb}m`, ...JVM_OPTIONS, ...LOG_OPTIONS, '-cp', classPath, mainClass, ...args];
}

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, openSync, readFileSync, renameSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** One server process, ready to be run: everything but who watches over it. */
export interface ServerCommand {
  /** How people call it: `redis`, `zookeeper-2`. */
  readonly name: string;
  readonly program: string;
  readonly args: readonly string[];
  /** Holds its configuration, its data and its log, and nothing else does. */
  readonly directory: string;
}

/** Where system programs lie that an ordinary user's PATH leaves out. */
const SYSTEM_FOLDERS = ['/usr/sbin', '/usr/local/sbin', '/sbin', '/opt/homebrew/bin'];

/** The path of the first of these programs that this machine has. */
export function findProgram(
  names: readonly string[],
  path: string | undefined = process.env['PATH'],
): string | undefined {
  const folders = [...(path ?? '').split(delimiter).filter(folder => folder !== ''), ...SYSTEM_FOLDERS];
  return names.flatMap(name => folders.map(folder => join(folder, name))).find(existsSync);
}

/** What the server wrote since it was started; the run before is kept beside it as `server.previous.log`. */
export function logFileOf(command: Pick<ServerCommand, 'directory'>): string {
  return join(command.directory, 'server.log');
}

/** The last lines of a log, or nothing when there is none. */
export function logTail(file: string, lines = 15): string {
  if (!existsSync(file)) return '';
  return readFileSync(file, 'utf8').trimEnd().split('\n').slice(-lines).join('\n');
}

/**
 * Starts the process with its output in its log file. It sees nothing of our environment but the PATH, so that it
 * behaves the same in every terminal.
 * @throws when the program cannot be run at all
 */
export async function spawnServer(command: ServerCommand, options: { detached: boolean }): Promise<ChildProcess> {
  const file = logFileOf(command);
  if (existsSync(file)) renameSync(file, join(command.directory, 'server.previous.log'));
  const log = openSync(file, 'a', 0o600);
  try {
    const child = spawn(command.program, command.args, {
      cwd: command.directory,
      env: { PATH: process.env['PATH'], LANG: 'C.UTF-8' },
      stdio: ['ignore', log, log],
      detached: options.detached,
    });
    await once(child, 'spawn');
    return child;
  } finally {
    closeSync(log);
  }
}

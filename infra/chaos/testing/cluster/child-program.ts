import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { findProgram, logTail } from '../../../local/services/server-command.ts';

export type ProgramOptions = {
  readonly name: string;
  /** Path of the program, from the root of the repository. */
  readonly program: string;
  readonly args?: readonly string[];
  /** Options of Node itself, before the program. */
  readonly nodeArgs?: readonly string[];
  /** It sees nothing else of our environment but the PATH. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Everything it says is appended here. */
  readonly logFile: string;
};

const ROOT = fileURLToPath(new URL('../../../../', import.meta.url));

const running = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/**
 * One program of ours in a process of its own, which can be ended, killed, frozen and started again. It does not outlive
 * us.
 */
export class ChildProgram {
  readonly options: ProgramOptions;
  /** What it sees of the environment from its next start on. */
  environment: Readonly<Record<string, string>>;
  #child: ChildProcess | null = null;

  constructor(options: ProgramOptions) {
    this.options = options;
    this.environment = options.environment ?? {};
  }

  get isRunning(): boolean {
    return this.#child !== null && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  get pid(): number | null {
    return this.isRunning ? (this.#child?.pid ?? null) : null;
  }

  /** How it ended: `0`, `SIGKILL`; `null` while it runs. */
  get ending(): string | null {
    const { exitCode, signalCode } = this.#child ?? {};
    return signalCode ?? exitCode?.toString() ?? null;
  }

  /** The last lines that it wrote. */
  log(lines = 30): string {
    return logTail(this.options.logFile, lines);
  }

  async spawn(): Promise<void> {
    const { name, program, args = [], nodeArgs = [], logFile } = this.options;
    if (this.isRunning) throw new Error(`${name} runs already`);
    const log = openSync(logFile, 'a', 0o600);
    const words = [process.execPath, ...nodeArgs, `${ROOT}${program}`, ...args];
    // Linux ends it with us even when we are killed.
    const setpriv = process.platform === 'linux' ? findProgram(['setpriv']) : undefined;
    if (setpriv !== undefined) words.unshift(setpriv, '--pdeathsig', 'KILL');
    const [command = '', ...rest] = words;
    try {
      const child = spawn(command, rest, {
        cwd: ROOT,
        env: { PATH: process.env['PATH'] ?? '', ...this.environment },
        stdio: ['ignore', log, log],
      });
      this.#child = child;
      running.add(child);
      child.once('exit', () => running.delete(child));
      await once(child, 'spawn');
    } finally {
      closeSync(log);
    }
  }

  signal(signal: 'SIGTERM' | 'SIGKILL' | 'SIGSTOP' | 'SIGCONT'): void {
    this.#child?.kill(signal);
  }

  async exited(): Promise<void> {
    if (this.#child !== null && this.isRunning) await once(this.#child, 'exit');
  }

  async kill(): Promise<void> {
    this.signal('SIGKILL');
    await this.exited();
  }
}

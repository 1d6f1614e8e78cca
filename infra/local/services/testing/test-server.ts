import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findProgram, logFileOf, logTail, type ServerCommand, spawnServer } from '../server-command.ts';
import { messageOf, waitUntil } from '../wait-until.ts';

/** How long a server may take to answer after it was started. A noisy machine needs far more than the usual. */
const READY_WITHIN_MS = 45_000;
/** How long it may take to end by itself before it is killed. */
const STOP_WITHIN_MS = 10_000;

/** What is still to be ended and removed when this test process ends without having disposed of it. */
const leftovers = new Set<() => void>();
process.once('exit', () => {
  for (const clean of leftovers) clean();
});
// Vitest ends its workers by this signal, which ends a process without an `exit` unless somebody listens.
if (process.env['VITEST']) process.once('SIGTERM', () => process.exit());

/** A temporary folder of its own, which does not outlive the test process. */
export async function temporaryFolder(name: string): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), `${name}-`));
  leftovers.add(() => removeFolder(path));
  return path;
}

function removeFolder(path: string): void {
  rmSync(path, { recursive: true, force: true, maxRetries: 3 });
}

/**
 * A real server process that belongs to a test: it can be stopped, killed, frozen, thawed and started again, always
 * on the same port and with the same data. It does not outlive the test process.
 */
export class TestServer {
  readonly command: ServerCommand;
  readonly #ready: (withinMs: number) => Promise<unknown>;
  readonly #readyWithinMs: number;
  #child: ChildProcess | null = null;
  readonly #onExit = () => this.#child?.kill('SIGKILL');

  /** @param ready one round trip; it throws until the server answers */
  constructor(
    command: ServerCommand,
    ready: (withinMs: number) => Promise<unknown>,
    readyWithinMs: number = READY_WITHIN_MS,
  ) {
    this.command = command;
    this.#ready = ready;
    this.#readyWithinMs = readyWithinMs;
  }

  get isRunning(): boolean {
    return this.#child !== null && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** @throws when it does not run */
  get pid(): number {
    const pid = this.isRunning ? this.#child?.pid : undefined;
    if (pid === undefined) throw new Error(`${this.command.name} does not run`);
    return pid;
  }

  /** The last lines that it wrote. */
  get log(): string {
    return logTail(logFileOf(this.command), 40);
  }

  /** Starts it and waits for its first answer. */
  async start(): Promise<void> {
    if (this.isRunning) throw new Error(`${this.command.name} runs already`);
    const child = await spawnServer(boundToUs(this.command), { detached: false });
    this.#child = child;
    leftovers.add(this.#onExit);
    try {
      await waitUntil(this.#ready, this.#readyWithinMs, () =>
        this.isRunning ? null : `${this.command.name} ended with ${child.exitCode ?? child.signalCode}`,
      );
    } catch (cause) {
      await this.kill();
      throw new Error(`${messageOf(cause)}\n${this.log}`, { cause });
    }
  }

  /** Asks it to end, as an operator would; its data stays. A frozen one, or one that takes too long, is killed. */
  async stop(): Promise<void> {
    const timer = setTimeout(() => this.#child?.kill('SIGKILL'), STOP_WITHIN_MS);
    await this.#end('SIGTERM');
    clearTimeout(timer);
  }

  /** Ends it as a crash would. Resolves when the process is gone. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  /** Stops the process in its tracks: connections stay open and nobody answers. */
  freeze(): void {
    process.kill(this.pid, 'SIGSTOP');
  }

  /** Lets a frozen process go on. */
  thaw(): void {
    process.kill(this.pid, 'SIGCONT');
  }

  /** Stops it when it runs, and starts it again on the same port with the same data. */
  async restart(): Promise<void> {
    await this.stop();
    await this.start();
  }

  /** Ends it and removes its folder. */
  async dispose(): Promise<void> {
    await this.kill();
    removeFolder(this.command.directory);
  }

  async #end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    const child = this.#child;
    if (child === null || !this.isRunning) return;
    const exit = once(child, 'exit');
    child.kill(signal);
    // A frozen process hears nothing but SIGKILL until it may run again.
    if (signal === 'SIGTERM') child.kill('SIGCONT');
    await exit;
    leftovers.delete(this.#onExit);
  }
}

/** Linux ends the server with us even when we are killed; elsewhere only our orderly end does. */
function boundToUs(command: ServerCommand): ServerCommand {
  const setpriv = process.platform === 'linux' ? findProgram(['setpriv']) : undefined;
  if (setpriv === undefined) return command;
  return { ...command, program: setpriv, args: ['--pdeathsig', 'KILL', command.program, ...command.args] };
}

/**
 * Builds and starts something on ports that were free a moment ago; when somebody was faster, on other ones.
 * @param build must not start anything yet
 */
export async function startOnFreePorts<T extends { start(): Promise<void>; dispose(): Promise<void> }>(
  build: () => Promise<T>,
): Promise<T> {
  for (let tries = 1; ; tries++) {
    const built = await build();
    try {
      await built.start();
      return built;
    } catch (error) {
      await built.dispose();
      if (tries === 3 || !/address already in use/i.test(messageOf(error))) throw error;
    }
  }
}

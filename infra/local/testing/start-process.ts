import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const START = fileURLToPath(new URL('../start.ts', import.meta.url));

/** `npm start` or `npm run demo` as its own process, with a data folder and free ports of its own. */
export class StartProcess {
  readonly child: ChildProcess;
  readonly directory: string;
  /** All of standard output and standard error so far. */
  output = '';
  readonly #listeners = new Set<() => void>();

  static async run(args: readonly string[], environment: Readonly<Record<string, string>> = {}): Promise<StartProcess> {
    return new StartProcess(args, environment, await mkdtemp(join(tmpdir(), 'start-')));
  }

  private constructor(args: readonly string[], environment: Readonly<Record<string, string>>, directory: string) {
    this.directory = directory;
    const ports = { INGEST_PORT: '0', EDGE_PORT: '0', SIMULATOR_PORT: '0', GATEWAY_PORT: '0' };
    this.child = spawn(process.execPath, [START, ...args], {
      env: { PATH: process.env['PATH'] ?? '', DATA_DIR: directory, ...ports, ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [this.child.stdout!, this.child.stderr!]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        this.output += text;
        for (const listener of this.#listeners) listener();
      });
    }
    this.child.once('close', () => {
      for (const listener of this.#listeners) listener();
    });
  }

  /** The first match in the output; rejects with the output when the process ends without it. */
  said(pattern: RegExp): Promise<RegExpExecArray> {
    return new Promise((resolve, reject) => {
      const look = () => {
        const match = pattern.exec(this.output);
        if (match === null && this.child.exitCode === null) return;
        this.#listeners.delete(look);
        if (match !== null) resolve(match);
        else reject(new Error(`it ended with ${this.child.exitCode} and never said ${pattern}:\n${this.output}`));
      };
      this.#listeners.add(look);
      look();
    });
  }

  /** The address of the edge, once it is told. */
  async url(): Promise<string> {
    return (await this.said(/Prices\s+(http:\/\/\S+?)\/?\s/))[1]!;
  }

  /** Sends a signal; its exit code. */
  end(signal: NodeJS.Signals): Promise<number | null> {
    return this.#exit(() => this.child.kill(signal));
  }

  /** What it started and left behind: every process that still has its data folder in the environment. */
  survivors(): string[] {
    const mark = `DATA_DIR=${this.directory}\0`;
    return readdirSync('/proc')
      .filter(entry => /^\d+$/.test(entry) && `${read(`/proc/${entry}/environ`) ?? ''}\0`.includes(mark))
      .map(entry => `${entry} ${read(`/proc/${entry}/comm`)?.trim()}`);
  }

  /** Waits for it to end by itself. */
  exited(): Promise<number | null> {
    return this.#exit(() => {});
  }

  async dispose(): Promise<void> {
    if (this.child.exitCode === null) await this.end('SIGTERM');
    await rm(this.directory, { recursive: true, force: true });
  }

  async #exit(ask: () => void): Promise<number | null> {
    if (this.child.exitCode !== null) return this.child.exitCode;
    const exit = once(this.child, 'exit');
    ask();
    return (await exit)[0] as number | null;
  }
}

function read(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null;
  }
}

import { spawn } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { REPO_ROOT } from './source-files.ts';

/** How a command ended. `code` is 1 for one that could not start or was killed. */
export interface CommandResult {
  readonly code: number;
  readonly output: string;
  readonly durationMs: number;
}

export interface CommandOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** Shows the output while the command runs, besides keeping it. */
  readonly show?: boolean;
  /** After this long the command and everything it started is stopped. */
  readonly timeoutMs?: number;
}

/** How long a command may tidy up after being asked to stop, and how long its last words may take. */
const STOP_GRACE_MS = 5_000;
const LAST_WORDS_MS = 1_000;

/** The groups that run now, so that stopping us stops them. */
const running = new Set<(signal: NodeJS.Signals) => void>();

/** Runs Node with these arguments from the root, without a keyboard, and keeps what it says. */
export function runNode(args: readonly string[], options: CommandOptions = {}): Promise<CommandResult> {
  const startedAt = performance.now();
  return new Promise(resolve => {
    const chunks: Buffer[] = [];
    // A group of its own, so that the workers and browsers it started end with it.
    const child = spawn(process.execPath, args, {
      cwd: REPO_ROOT,
      detached: true,
      env: { ...process.env, ...colours(options.show === true), ...options.env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const signalGroup = (signal: NodeJS.Signals): void => {
      try {
        if (child.pid !== undefined) process.kill(-child.pid, signal);
      } catch {
        // Everything in the group has ended already.
      }
    };
    const timers: NodeJS.Timeout[] = [];
    if (options.timeoutMs !== undefined) {
      timers.push(setTimeout(signalGroup, options.timeoutMs, 'SIGTERM'));
      timers.push(setTimeout(signalGroup, options.timeoutMs + STOP_GRACE_MS, 'SIGKILL'));
    }
    stopWithUs();
    running.add(signalGroup);
    for (const [stream, out] of [[child.stdout, process.stdout] as const, [child.stderr, process.stderr] as const]) {
      stream.on('data', (chunk: Buffer) => {
        chunks.push(chunk);
        if (options.show) out.write(chunk);
      });
    }
    const finish = (code: number): void => {
      for (const timer of timers) clearTimeout(timer);
      running.delete(signalGroup);
      const output = Buffer.concat(chunks).toString('utf8');
      resolve({ code, output, durationMs: performance.now() - startedAt });
    };
    child.once('error', () => finish(1));
    child.once('exit', code => {
      // Whatever it left behind would hold the pipes open, and we would wait for ever.
      signalGroup('SIGKILL');
      timers.push(setTimeout(finish, LAST_WORDS_MS, code ?? 1));
      child.once('close', () => finish(code ?? 1));
    });
  });
}

/** Runs the tasks side by side, as many at once as there are cores, and returns the results in the tasks' order. */
export async function runSideBySide<Task, Result>(
  tasks: readonly Task[],
  run: (task: Task) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = [];
  const queue = [...tasks.entries()];
  const work = async (): Promise<void> => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) results[next[0]] = await run(next[1]);
  };
  await Promise.all(Array.from({ length: availableParallelism() }, work));
  return results;
}

/** Colours only where a person watches: they make logs and reports hard to read. */
function colours(isShown: boolean): Record<string, string> {
  const wanted = isShown && process.stdout.isTTY;
  return wanted ? { FORCE_COLOR: '1' } : { FORCE_COLOR: '0', NO_COLOR: '1' };
}

let isStoppingWithUs = false;

function stopWithUs(): void {
  if (isStoppingWithUs) return;
  isStoppingWithUs = true;
  for (const [signal, code] of [['SIGINT', 130] as const, ['SIGTERM', 143] as const]) {
    process.once(signal, () => {
      for (const signalGroup of running) signalGroup('SIGTERM');
      process.exit(code);
    });
  }
}

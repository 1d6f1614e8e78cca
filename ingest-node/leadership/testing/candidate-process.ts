import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { CandidateNews, CandidateOptions, ToldEvent } from './candidate-program.ts';

const PROGRAM = fileURLToPath(new URL('./candidate-program.ts', import.meta.url));

export type TimedEvent = ToldEvent & { readonly at: number };

/** The machine's monotonic clock in milliseconds, the same in every process. */
export const machineNow = (): number => Number(process.hrtime.bigint()) / 1e6;

/** A candidate in a process of its own, seen from outside. */
export class CandidateProcess {
  readonly node: string;
  readonly events: TimedEvent[] = [];
  /** When it was allowed to write, each time it asked. */
  readonly writes: { readonly at: number; readonly epoch: number }[] = [];
  readonly thaws: Extract<CandidateNews, { readonly type: 'thawed' }>[] = [];
  readonly #child: ChildProcess;
  readonly #listeners = new Set<() => void>();
  readonly #onExit = () => this.#child.kill('SIGKILL');
  /** What it wrote to its standard error: nothing, unless something is broken. */
  complaints = '';

  constructor(options: CandidateOptions) {
    this.node = options.node;
    this.#child = fork(PROGRAM, [JSON.stringify(options)], { stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
    process.once('exit', this.#onExit);
    this.#child.stderr?.on('data', (bytes: Buffer) => {
      this.complaints += bytes.toString();
    });
    this.#child.on('message', news => {
      this.#note(news as CandidateNews);
      for (const listener of [...this.#listeners]) listener();
    });
    this.#child.once('exit', () => {
      process.off('exit', this.#onExit);
      for (const listener of [...this.#listeners]) listener();
    });
  }

  get isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  get leads(): boolean {
    const last = this.events.findLast(({ type }) => type !== 'leader');
    return last?.type === 'lead' || last?.type === 'resumed';
  }

  /** The leader it knows of. */
  get leader(): string | null {
    return this.events.findLast(({ type }) => type === 'leader')?.leader ?? null;
  }

  /** The first event of this type at or after `since`, awaited. */
  async event(type: TimedEvent['type'], since = 0, withinMs = 30_000): Promise<TimedEvent> {
    const find = () => this.events.find(event => event.type === type && event.at >= since);
    await this.until(() => find() !== undefined, withinMs, `${this.node}: no ${type}`);
    return find() as TimedEvent;
  }

  /** Resolves when it holds; asked at each news of this candidate. */
  until(holds: () => boolean, withinMs = 30_000, words = `${this.node}: it did not come to be`): Promise<void> {
    if (holds()) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const end = (error: Error | null) => {
        clearTimeout(timer);
        this.#listeners.delete(listener);
        if (error === null) resolve();
        else reject(error);
      };
      const listener = () => {
        if (holds()) end(null);
        else if (!this.isRunning) end(new Error(`${words}; its process ended. ${this.complaints}`));
      };
      const told = () => JSON.stringify(this.events.slice(-6));
      const timer = setTimeout(() => end(new Error(`${words} within ${withinMs} ms; told: ${told()}`)), withinMs);
      this.#listeners.add(listener);
    });
  }

  freeze(): void {
    this.#child.kill('SIGSTOP');
  }

  thaw(): void {
    this.#child.kill('SIGCONT');
  }

  async kill(): Promise<void> {
    if (!this.isRunning) return;
    const exit = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await exit;
  }

  /** Leaves the race as a node does that is stopped. Resolves when its process is gone. */
  async stop(): Promise<void> {
    if (!this.isRunning) return;
    const exit = once(this.#child, 'exit');
    this.#child.send('stop');
    await exit;
  }

  #note(news: CandidateNews): void {
    if (news.type === 'event') this.events.push({ ...news.event, at: news.at });
    else if (news.type === 'mayWrite') this.writes.push({ at: news.at, epoch: news.epoch });
    else this.thaws.push(news);
  }
}

/** The first write of any of them that came after one of a higher epoch, in words; `null` when there is none. */
export function overlapOf(nodes: readonly CandidateProcess[]): string | null {
  const writes = nodes.flatMap(({ node, writes }) => writes.map(write => ({ ...write, node })));
  let highest = { at: 0, epoch: 0, node: '' };
  for (const write of writes.sort((one, other) => one.at - other.at)) {
    if (write.epoch < highest.epoch)
      return `${write.node} could write in ${write.epoch} ${write.at - highest.at} ms after ${highest.node} in ${highest.epoch}`;
    if (write.epoch > highest.epoch) highest = write;
  }
  return null;
}

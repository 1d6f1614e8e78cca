import { mkdirSync } from 'node:fs';
import { join, relative } from 'node:path';
import { type Engine, type ManagedService, type ServicePlan, ServicesError } from './managed-service.ts';
import { portHolder } from './port-holder.ts';
import { isFree } from './ports.ts';
import { isAlive, markOf, readMark, removeMark, signal, writeMark } from './process-mark.ts';
import { logFileOf, logTail, type ServerCommand, spawnServer } from './server-command.ts';
import { portVariable } from './services-settings.ts';
import { waitUntil } from './wait-until.ts';

/** How long a server may take to end by itself. MariaDB writes its pages, ZooKeeper takes a third of a second. */
const TERM_WITHIN_MS = 10_000;
/** How long the kernel may take to end it. */
const KILL_WITHIN_MS = 5_000;

/** Runs the servers as processes of this machine that outlive us, each known by a pid file in its folder. */
export class NativeEngine implements Engine {
  readonly name = 'native';
  readonly #dataFolder: string;

  constructor(dataFolder: string) {
    this.#dataFolder = dataFolder;
  }

  async start(service: ManagedService, plan: ServicePlan): Promise<string[]> {
    const stopped = service.servers.filter(name => !this.#isRunning(name));
    if (stopped.length === 0) return [];
    // Of a service that runs in part our own servers hold the ports.
    if (stopped.length === service.servers.length) await refuseTakenPorts(service, plan);
    const commands = await service.prepare(this.#dataFolder, plan);
    const started: string[] = [];
    try {
      for (const command of commands.filter(({ name }) => stopped.includes(name))) {
        await this.#startOne(command);
        started.push(command.name);
      }
    } catch (error) {
      for (const name of started) await this.#stopOne(name);
      throw error;
    }
    return started;
  }

  async stop(service: ManagedService): Promise<string[]> {
    const stopped = await Promise.all(service.servers.map(async name => ((await this.#stopOne(name)) ? [name] : [])));
    return stopped.flat();
  }

  async running(service: ManagedService): Promise<string[]> {
    return service.servers.filter(name => this.#isRunning(name));
  }

  async lastWords(service: ManagedService): Promise<string> {
    return service.servers
      .map(name => ({ name, file: logFileOf({ directory: join(this.#dataFolder, name) }) }))
      .map(({ name, file }) => `${name}: ${relative(process.cwd(), file)}\n${indent(logTail(file))}`)
      .join('\n');
  }

  async #startOne(command: ServerCommand): Promise<void> {
    mkdirSync(command.directory, { recursive: true, mode: 0o700 });
    const child = await spawnServer(command, { detached: true });
    child.unref();
    const mark = child.pid === undefined ? null : markOf(child.pid);
    // One that has ended already leaves no mark; waiting for its answer tells why.
    if (mark !== null) writeMark(this.#pidFile(command.name), mark);
  }

  /** @returns whether it ran */
  async #stopOne(name: string): Promise<boolean> {
    const file = this.#pidFile(name);
    const mark = readMark(file);
    const wasThere = mark !== null && signal(mark, 'SIGTERM');
    if (wasThere) {
      // A frozen process hears of nothing until it may go on.
      signal(mark, 'SIGCONT');
      const isGone = async () => {
        if (isAlive(mark)) throw new Error(`${name} (pid ${mark.pid}) still runs`);
      };
      try {
        await waitUntil(isGone, TERM_WITHIN_MS);
      } catch {
        signal(mark, 'SIGKILL');
        await waitUntil(isGone, KILL_WITHIN_MS);
      }
    }
    removeMark(file);
    return wasThere;
  }

  #isRunning(name: string): boolean {
    const mark = readMark(this.#pidFile(name));
    return mark !== null && isAlive(mark);
  }

  #pidFile(name: string): string {
    return join(this.#dataFolder, name, 'server.pid');
  }
}

async function refuseTakenPorts(service: ManagedService, plan: ServicePlan): Promise<void> {
  for (const port of plan.ports) {
    if (await isFree(port)) continue;
    const holder = portHolder(port);
    throw new ServicesError(
      `port ${port} is taken by ${holder}: end it, or choose others with ${portVariable(service)}`,
    );
  }
}

function indent(text: string): string {
  return text
    .split('\n')
    .map(line => `  ${line}`)
    .join('\n');
}

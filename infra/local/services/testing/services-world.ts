import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import type { ManagedService } from '../managed-service.ts';
import { type ProcessMark, readMark, signal } from '../process-mark.ts';
import { Services } from '../services.ts';
import { portVariable, readServicesSettings } from '../services-settings.ts';
import { freePortsInARow } from './free-ports.ts';
import { temporaryFolder } from './test-server.ts';

const MAIN = fileURLToPath(new URL('../main.ts', import.meta.url));

/** What the commands start outlives them on purpose, but not the tests; the pid files are removed after us. */
const worlds = new Set<ServicesWorld>();
process.prependOnceListener('exit', () => {
  for (const world of worlds) world.killAll();
});

/** What one `npm run services:…` did. */
export interface CommandOutcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The command line of the services on a data folder and on ports of its own. */
export class ServicesWorld {
  readonly dataFolder: string;
  readonly firstPorts: ReadonlyMap<ManagedService, number>;
  readonly #services: readonly ManagedService[];
  readonly #folders: string[] = [];
  readonly #environment: Readonly<Record<string, string>>;

  static async create(services: readonly ManagedService[]): Promise<ServicesWorld> {
    const firstPorts = new Map<ManagedService, number>();
    for (const service of services) firstPorts.set(service, await freePortsInARow(service.portCount));
    return new ServicesWorld(services, await temporaryFolder('services'), firstPorts);
  }

  private constructor(
    services: readonly ManagedService[],
    dataFolder: string,
    firstPorts: ReadonlyMap<ManagedService, number>,
  ) {
    this.dataFolder = dataFolder;
    this.firstPorts = firstPorts;
    this.#services = services;
    const ports = [...firstPorts].map(([service, port]) => [portVariable(service), String(port)]);
    this.#environment = { PATH: process.env['PATH'] ?? '', SERVICES_DIR: dataFolder, ...Object.fromEntries(ports) };
    worlds.add(this);
  }

  /** Runs one command on the services of this world, or on those that are named. */
  async run(command: string, names?: readonly string[], environment: Readonly<Record<string, string>> = {}) {
    const chosen = names ?? this.#services.map(({ name }) => name);
    const child = spawn(process.execPath, [MAIN, command, ...chosen], {
      env: { ...this.#environment, ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const ended = once(child, 'close');
    const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
    const [code] = (await ended) as [number | null];
    return { code, stdout, stderr } satisfies CommandOutcome;
  }

  /** The process of a server, as its pid file tells. */
  process(server: string): ProcessMark {
    const mark = readMark(this.#pidFile(server));
    if (mark === null) throw new Error(`there is no pid file of ${server}`);
    return mark;
  }

  /**
   * A folder for PATH that holds these programs and no others: the text of a shell script, or the path of a program
   * to link to.
   */
  async pathWith(programs: Readonly<Record<string, string>>): Promise<string> {
    const folder = await temporaryFolder('programs');
    this.#folders.push(folder);
    for (const [name, content] of Object.entries(programs)) {
      const file = join(folder, name);
      if (content.startsWith('/')) symlinkSync(content, file);
      else writeFileSync(file, `#!/bin/sh\n${content}\n`, { mode: 0o755 });
    }
    return folder;
  }

  /**
   * Stops what runs and removes every folder.
   * @param environment what the commands need to find the engine that runs them, when it is not this machine's own
   */
  async dispose(environment?: Readonly<Record<string, string>>): Promise<void> {
    const { settings } = readServicesSettings(this.#environment, this.#services);
    if (environment !== undefined) await this.run('down', undefined, environment);
    else await new Services(settings, () => {}).down(this.#services);
    worlds.delete(this);
    for (const folder of [this.dataFolder, ...this.#folders]) rmSync(folder, { recursive: true, force: true });
  }

  /** Ends what runs at once. */
  killAll(): void {
    for (const server of this.#services.flatMap(({ servers }) => servers)) {
      const mark = readMark(this.#pidFile(server));
      if (mark !== null) signal(mark, 'SIGKILL');
    }
  }

  #pidFile(server: string): string {
    return join(this.dataFolder, server, 'server.pid');
  }
}

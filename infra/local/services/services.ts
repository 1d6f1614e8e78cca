import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { DockerEngine } from './docker-engine.ts';
import { completeInstallation, installPackages } from './installation.ts';
import { type Engine, type EngineName, type ManagedService, ServicesError } from './managed-service.ts';
import { NativeEngine } from './native-engine.ts';
import { newPassword, readPlan, type StoredPlan, writePlan } from './plan-store.ts';
import { isAlive, markOf, readMark, removeMark, writeMark } from './process-mark.ts';
import type { ServicesSettings } from './services-settings.ts';
import { messageOf, waitUntil } from './wait-until.ts';

/** How long `status` waits for an answer. */
const STATUS_WITHIN_MS = 3_000;

/**
 * `up`: it works; `named`: it works and is somebody else's, named by the environment; `stopped`: it was not started;
 * `crashed`: a process of it ended by itself; `silent`: it runs, or is named, and does not answer as it should.
 */
export type ServiceState = 'up' | 'named' | 'stopped' | 'crashed' | 'silent';

/** What there is to say about a service at one moment. */
export interface ServiceReport {
  readonly service: ManagedService;
  readonly state: ServiceState;
  /** For {@link ManagedService.variable}; `null` while there is nothing to connect to. */
  readonly address: string | null;
  /** For people: who answered, or why nobody did. */
  readonly detail: string;
}

/** The services of one data folder: what `up`, `down` and `status` mean, the same for each of them. */
export class Services {
  readonly #settings: ServicesSettings;
  readonly #progress: (service: ManagedService, text: string) => void;
  readonly #engines: Readonly<Record<EngineName, Engine>>;

  constructor(settings: ServicesSettings, progress: (service: ManagedService, text: string) => void) {
    this.#settings = settings;
    this.#progress = progress;
    this.#engines = { native: new NativeEngine(settings.dataFolder), docker: new DockerEngine(settings.dataFolder) };
  }

  /**
   * Starts what does not run and waits until each has answered a round trip. May be repeated.
   * @returns in the order given
   * @throws AggregateError with a message per service that does not work
   */
  async up(services: readonly ManagedService[]): Promise<ServiceReport[]> {
    return this.#alone(async () => {
      const engines = await this.#chooseEngines(services.filter(service => this.#foreignAddress(service) === null));
      return each(services, service => this.#upOne(service, engines.get(service.name)));
    });
  }

  /**
   * Installs what this machine lacks to run them natively, and starts nothing. May be repeated.
   * @throws AggregateError with a message per service that cannot be installed
   */
  async install(services: readonly ManagedService[]): Promise<void> {
    await this.#alone(async () => {
      await this.#installPackages(services.filter(service => service.missing().length > 0));
      await each(services, completeInstallation);
    });
  }

  /** Ends what was started in this data folder, and is done when it is gone. Others' servers are left alone. */
  async down(services: readonly ManagedService[]): Promise<void> {
    await this.#alone(async () => {
      for (const service of [...services].reverse()) {
        const plan = readPlan(this.#settings.dataFolder, service);
        const stopped = plan === null ? [] : await this.#engines[plan.engine].stop(service);
        if (plan !== null) writePlan(this.#settings.dataFolder, service, { ...plan, isWanted: false });
        this.#progress(service, stopped.length === 0 ? 'does not run' : `stopped ${stopped.join(', ')}`);
      }
    });
  }

  /** Asks each of them by a round trip. */
  status(services: readonly ManagedService[]): Promise<ServiceReport[]> {
    return Promise.all(services.map(service => this.#statusOne(service)));
  }

  async #upOne(service: ManagedService, engineName: EngineName | undefined): Promise<ServiceReport> {
    const foreign = this.#foreignAddress(service);
    if (foreign !== null || engineName === undefined) {
      const report = await this.#statusOne(service);
      if (report.state !== 'named') throw new ServicesError(`${service.variable} names a server, and ${report.detail}`);
      this.#progress(service, `named by ${service.variable}: ${report.detail}`);
      return report;
    }
    const engine = this.#engines[engineName];
    if (engineName === 'native') await completeInstallation(service);
    const plan = await this.#plan(service, engineName);
    const began = performance.now();
    const started = await engine.start(service, plan);
    writePlan(this.#settings.dataFolder, service, { ...plan, isWanted: true });
    const address = service.address(plan);
    try {
      const detail = await waitUntil(
        timeoutMs => service.ask(address, timeoutMs, true),
        this.#settings.waitMs,
        () => this.#crashOf(service, engine),
      );
      const seconds = ((performance.now() - began) / 1_000).toFixed(1);
      const what = started.length === 0 ? 'runs already' : `started ${started.join(', ')} in ${seconds} s`;
      this.#progress(service, `${what}: ${detail}`);
      return { service, state: 'up', address, detail };
    } catch (cause) {
      const words = await engine.lastWords(service);
      const isLeft = (await engine.running(service)).length > 0;
      const advice = isLeft ? '; it still runs, `npm run services:down` ends it' : '';
      throw new ServicesError(`${messageOf(cause)}${advice}\n${words}`, { cause });
    }
  }

  async #statusOne(service: ManagedService): Promise<ServiceReport> {
    const foreign = this.#foreignAddress(service);
    const plan = readPlan(this.#settings.dataFolder, service);
    const address = foreign ?? (plan === null ? null : service.address(plan));
    if (address === null || (foreign === null && plan?.isWanted === false)) {
      return { service, state: 'stopped', address: null, detail: 'not started' };
    }
    if (foreign === null && plan !== null) {
      const crash = await this.#crashOf(service, this.#engines[plan.engine]);
      if (crash !== null) return { service, state: 'crashed', address: null, detail: crash };
    }
    try {
      const detail = await service.ask(address, STATUS_WITHIN_MS, foreign === null);
      return { service, state: foreign === null ? 'up' : 'named', address, detail };
    } catch (error) {
      return { service, state: 'silent', address: null, detail: `it does not answer: ${messageOf(error)}` };
    }
  }

  /**
   * The address that the environment names, unless it is the one that we have printed: after `eval` of our own lines
   * the servers are still ours.
   */
  #foreignAddress(service: ManagedService): string | null {
    const named = this.#settings.named.get(service.name) ?? null;
    const plan = readPlan(this.#settings.dataFolder, service);
    return plan !== null && named === service.address(plan) ? null : named;
  }

  /** A running service keeps its plan; a stopped one follows the settings. The password stays as it is in the data. */
  async #plan(service: ManagedService, engine: EngineName): Promise<StoredPlan> {
    const { dataFolder, firstPorts } = this.#settings;
    const first = firstPorts.get(service.name) ?? service.firstPort;
    const ports = Array.from({ length: service.portCount }, (_, index) => first + index);
    const stored = readPlan(dataFolder, service);
    if (stored !== null && (await this.#engines[stored.engine].running(service)).length > 0) {
      if (stored.ports[0] === first && stored.engine === engine) return stored;
      throw new ServicesError(
        `it runs (${stored.engine}) from port ${stored.ports[0]} on: \`npm run services:down\` before another place is chosen`,
      );
    }
    const plan = { engine, ports, password: stored?.password ?? newPassword(), isWanted: false };
    writePlan(dataFolder, service, plan);
    return plan;
  }

  /** Which of the servers that should run do not; `null` when all do. */
  async #crashOf(service: ManagedService, engine: Engine): Promise<string | null> {
    const running = await engine.running(service);
    const ended = service.servers.filter(name => !running.includes(name));
    return ended.length === 0 ? null : `${ended.join(', ')} ended without being told to`;
  }

  /** By service name. What runs stays where it is; what nothing here can carry is installed. */
  async #chooseEngines(services: readonly ManagedService[]): Promise<Map<string, EngineName>> {
    const { engine, dataFolder } = this.#settings;
    const chosen = new Map<string, EngineName>();
    const lacking: ManagedService[] = [];
    for (const service of services) {
      const stored = readPlan(dataFolder, service)?.engine;
      const runsIn = stored !== undefined && (await this.#engines[stored].running(service)).length > 0 ? stored : null;
      if (engine === 'docker' || (engine === null && runsIn !== null))
        chosen.set(service.name, engine ?? runsIn ?? 'native');
      else if (service.missing().length === 0) chosen.set(service.name, 'native');
      else lacking.push(service);
    }
    const wantsDocker = engine === 'docker' || (engine === null && lacking.length > 0);
    const hasDocker = wantsDocker && (await DockerEngine.isAvailable());
    if (engine === 'docker' && !hasDocker)
      throw new ServicesError('SERVICES_ENGINE is docker, and no Docker engine with Compose answers');
    if (!hasDocker) await this.#installPackages(lacking);
    for (const service of lacking) chosen.set(service.name, hasDocker ? 'docker' : 'native');
    return chosen;
  }

  /** When it fails, the services that need it say so each, and the others go on. */
  async #installPackages(services: readonly ManagedService[]): Promise<void> {
    for (const service of services) {
      const what = service.download === undefined ? service.packages : service.missing();
      this.#progress(service, `installing ${what.join(' ')}`);
    }
    try {
      await installPackages(services);
    } catch (error) {
      for (const service of services) this.#progress(service, messageOf(error));
    }
  }

  /** Runs while nobody else changes this data folder. */
  async #alone<T>(work: () => Promise<T>): Promise<T> {
    mkdirSync(this.#settings.dataFolder, { recursive: true, mode: 0o700 });
    const file = join(this.#settings.dataFolder, 'lock');
    const holder = readMark(file);
    // A command that was killed leaves its lock behind.
    if (holder === null || !isAlive(holder)) removeMark(file);
    const mark = markOf(process.pid);
    try {
      if (mark !== null) writeMark(file, mark, 'wx');
    } catch {
      const who = holder === null ? '' : ` (pid ${holder.pid})`;
      throw new ServicesError(`another command${who} is at work in ${this.#settings.dataFolder}`);
    }
    try {
      return await work();
    } finally {
      removeMark(file);
    }
  }
}

/** Does something with each of them at once. @throws AggregateError with a message per service that it failed for */
async function each<T>(
  services: readonly ManagedService[],
  work: (service: ManagedService) => Promise<T>,
): Promise<T[]> {
  const results = await Promise.allSettled(services.map(work));
  const faults = results.flatMap((result, index) =>
    result.status === 'rejected'
      ? [new ServicesError(`${services[index]?.name}: ${messageOf(result.reason)}`, { cause: result.reason })]
      : [],
  );
  if (faults.length > 0) throw new AggregateError(faults, 'not every service works');
  return results.flatMap(result => (result.status === 'fulfilled' ? [result.value] : []));
}

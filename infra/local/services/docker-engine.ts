import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { type Engine, type ManagedService, type ServicePlan, ServicesError } from './managed-service.ts';
import { messageOf } from './wait-until.ts';

export const COMPOSE_FILE = fileURLToPath(new URL('../../docker/compose.yaml', import.meta.url));
const run = promisify(execFile);

/** Images may have to come over a slow line first. */
const COMPOSE_WITHIN_MS = 15 * 60_000;
const QUESTION_WITHIN_MS = 10_000;

/** Runs the servers as containers of `infra/docker/compose.yaml`, reached by ports of the loopback address alone. */
export class DockerEngine implements Engine {
  readonly name = 'docker';
  readonly #project: string;
  readonly #dataFolder: string;
  /** What is being changed now. Two changes at once would both create the network they share. */
  #change: Promise<unknown> = Promise.resolve();

  constructor(dataFolder: string) {
    this.#dataFolder = dataFolder;
    // Two data folders are two sets of servers.
    const mark = createHash('sha256').update(dataFolder).digest('hex').slice(0, 8);
    this.#project = `exchange-services-${mark}`;
  }

  /** Whether an engine answers, with Compose. */
  static async isAvailable(): Promise<boolean> {
    try {
      await run('docker', ['compose', 'version'], { timeout: QUESTION_WITHIN_MS });
      await run('docker', ['info'], { timeout: QUESTION_WITHIN_MS });
      return true;
    } catch {
      return false;
    }
  }

  async start(service: ManagedService, plan: ServicePlan): Promise<string[]> {
    const before = await this.running(service);
    await this.#inTurn(['up', '--detach', '--wait', ...service.servers], service.composeVariables(plan));
    return service.servers.filter(name => !before.includes(name));
  }

  async stop(service: ManagedService): Promise<string[]> {
    const before = await this.running(service);
    await this.#inTurn(['rm', '--stop', '--force', ...service.servers]);
    return before;
  }

  async running(service: ManagedService): Promise<string[]> {
    const names = (await this.#compose(['ps', '--services', '--status', 'running'])).split('\n');
    return service.servers.filter(name => names.includes(name));
  }

  lastWords(service: ManagedService): Promise<string> {
    return this.#compose(['logs', '--tail', '15', ...service.servers]);
  }

  async #inTurn(args: readonly string[], variables: Readonly<Record<string, string>> = {}): Promise<void> {
    const change = this.#change.then(() => this.#compose(args, variables));
    this.#change = change.catch(() => {});
    await change;
  }

  async #compose(args: readonly string[], variables: Readonly<Record<string, string>> = {}): Promise<string> {
    const all = ['compose', '--file', COMPOSE_FILE, '--project-name', this.#project, ...args];
    const env = { ...process.env, SERVICES_DIR: this.#dataFolder, ...variables };
    try {
      return (await run('docker', all, { env, timeout: COMPOSE_WITHIN_MS })).stdout;
    } catch (cause) {
      const { stderr = '' } = cause as { stderr?: string };
      throw new ServicesError(`docker compose ${args.join(' ')}: ${stderr.trim() || messageOf(cause)}`, { cause });
    }
  }
}

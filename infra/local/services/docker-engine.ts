import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Engine, ManagedService, ServicePlan } from './managed-service.ts';

export const COMPOSE_FILE = fileURLToPath(new URL('../../docker/compose.yaml', import.meta.url));
const run = promisify(execFile);

/** Images may have to come over a slow line first. */
const COMPOSE_WITHIN_MS = 15 * 60_000;
const QUESTION_WITHIN_MS = 10_000;

/** Runs the servers as containers of `infra/docker/compose.yaml`, reached by ports of the loopback address alone. */
export class DockerEngine implements Engine {
  readonly name = 'docker';
  readonly #project: string;

  constructor(dataFolder: string) {
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
    await this.#compose(['up', '--detach', '--wait', ...service.servers], service.composeVariables(plan));
    return service.servers.filter(name => !before.includes(name));
  }

  async stop(service: ManagedService): Promise<string[]> {
    const before = await this.running(service);
    await this.#compose(['rm', '--stop', '--force', ...service.servers]);
    return before;
  }

  async running(service: ManagedService): Promise<string[]> {
    const names = (await this.#compose(['ps', '--services', '--status', 'running'])).split('\n');
    return service.servers.filter(name => names.includes(name));
  }

  lastWords(service: ManagedService): Promise<string> {
    return this.#compose(['logs', '--tail', '15', ...service.servers]);
  }

  async #compose(args: readonly string[], variables: Readonly<Record<string, string>> = {}): Promise<string> {
    const { stdout } = await run(
      'docker',
      ['compose', '--file', COMPOSE_FILE, '--project-name', this.#project, ...args],
      {
        env: { ...process.env, ...variables },
        timeout: COMPOSE_WITHIN_MS,
      },
    );
    return stdout;
  }
}

import type { InfraHealth, ServiceInfo, StreamPath } from '../../../../shared/wire/service-info.ts';
import { waitUntil } from '../../../local/services/wait-until.ts';
import { ChildProgram } from './child-program.ts';

export type NodeOptions = {
  readonly id: string;
  readonly port: number;
  readonly environment: Readonly<Record<string, string>>;
  readonly logFile: string;
  /** A protection that is taken out of this node's program; see `protections.ts`. */
  readonly switchedOff?: string;
};

/** How long it may take until a node answers. A noisy machine needs far more than the usual second. */
const READY_WITHIN_MS = 30_000;
/** A frozen node accepts connections and never answers. */
const ANSWER_WITHIN_MS = 1_000;

/** One ingest node as an operator sees it: a process, and what its HTTP surface says. */
export class NodeProcess {
  readonly id: string;
  readonly port: number;
  readonly program: ChildProgram;

  constructor({ id, port, environment, logFile, switchedOff }: NodeOptions) {
    this.id = id;
    this.port = port;
    this.program = new ChildProgram({
      name: id,
      program: 'ingest-node/main.ts',
      nodeArgs: switchedOff === undefined ? [] : ['--import', './infra/chaos/testing/switched-off/switch-off.ts'],
      environment: {
        ...environment,
        NODE_ID: id,
        INGEST_PORT: String(port),
        ...(switchedOff === undefined ? {} : { SWITCHED_OFF: switchedOff }),
      },
      logFile,
    });
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  get streamUrl(): string {
    return this.pathUrl('/ws/exchange');
  }

  pathUrl(path: StreamPath): string {
    return `ws://127.0.0.1:${this.port}${path}`;
  }

  /** Starts it and waits until it answers. */
  async start(): Promise<void> {
    await this.program.spawn();
    await waitUntil(
      withinMs => this.#get('/livez', withinMs),
      READY_WITHIN_MS,
      () => (this.program.isRunning ? null : `${this.id} ended with ${this.program.ending}:\n${this.program.log()}`),
    );
  }

  async health(): Promise<InfraHealth> {
    return (await (await this.#get('/api/ws/infra-health')).json()) as InfraHealth;
  }

  async info(): Promise<ServiceInfo> {
    return (await (await this.#get('/ws/info')).json()) as ServiceInfo;
  }

  /** `null` when it does not answer. */
  async healthIfAny(): Promise<InfraHealth | null> {
    return this.health().catch(() => null);
  }

  kill(): Promise<void> {
    return this.program.kill();
  }

  freeze(): void {
    this.program.signal('SIGSTOP');
  }

  thaw(): void {
    this.program.signal('SIGCONT');
  }

  /** Asks it to end, as an operator would. @returns how it ended */
  async terminate(): Promise<string | null> {
    this.program.signal('SIGTERM');
    await this.program.exited();
    return this.program.ending;
  }

  async #get(path: string, withinMs = ANSWER_WITHIN_MS): Promise<Response> {
    const answer = await fetch(this.url + path, { signal: AbortSignal.timeout(Math.ceil(withinMs)) });
    if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
    return answer;
  }
}

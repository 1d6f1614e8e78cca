import { mkdirSync, rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { InfraHealth, Mode } from '../../../../shared/wire/service-info.ts';
import { freePorts } from '../../../local/services/testing/free-ports.ts';
import { waitUntil } from '../../../local/services/wait-until.ts';
import { ChildProgram } from './child-program.ts';
import { type Services, startServices, stopServices } from './cluster-services.ts';
import { ControlProcess } from './control-process.ts';
import { machineNow } from './machine-clock.ts';
import { addressesOver, everyLink, linkNode, type NodeLinks } from './node-links.ts';
import { NodeProcess } from './node-process.ts';

export type ClusterOptions = {
  readonly nodes: number;
  /** `null`: the nodes are on their own, without services. */
  readonly sessionTimeoutMs: number | null;
  /** Which of Kafka and Redis the nodes are told of; `redis` by default. */
  readonly mode?: Mode;
  readonly eventsPerSecond?: number;
  readonly instruments?: number;
  readonly seed: number;
  /** It is ready when so much was published: markets that have not traded yet are unknown to those who follow. */
  readonly beginsAfterEvents?: number;
  /** What times are allowed to be, as a multiple of what is promised: other tests may run on the machine. 1 by default. */
  readonly patience?: number;
  /** Which protection all nodes go without. */
  readonly switchedOff?: string;
  readonly environment?: Readonly<Record<string, string>>;
};

/** Some seconds' worth. */
const EVENTS_TO_BEGIN_WITH = 2_500;

export const ADMIN_TOKEN = 'chaos-admin-token-of-a-test';
export const EXCHANGES = ['binance', 'upbit', 'bithumb'] as const;

/** Real servers, a simulator of the exchanges, and the nodes, each in a process of its own; links between them in ours. */
export class Cluster {
  readonly options: ClusterOptions;
  readonly directory: string;
  readonly services: Services | null;
  readonly nodes: NodeProcess[] = [];
  readonly links = new Map<string, NodeLinks>();
  readonly simulatorUrl: string;
  readonly control: ControlProcess;
  readonly #simulator: ChildProgram;
  #nodesMade = 0;
  #isStopped = false;

  private constructor(
    options: ClusterOptions,
    directory: string,
    services: Services | null,
    simulator: ChildProgram,
    simulatorUrl: string,
    control: ControlProcess,
  ) {
    this.options = options;
    this.directory = directory;
    this.services = services;
    this.#simulator = simulator;
    this.simulatorUrl = simulatorUrl;
    this.control = control;
  }

  /** Starts everything but the nodes. */
  static async prepare(options: ClusterOptions): Promise<Cluster> {
    const { sessionTimeoutMs, seed, instruments = 60, eventsPerSecond = 500 } = options;
    const directory = await mkdtemp(join(tmpdir(), 'cluster-'));
    const services = sessionTimeoutMs === null ? null : await startServices(options.mode ?? 'redis');
    const [port = 0] = await freePorts(1);
    const simulator = new ChildProgram({
      name: 'simulator',
      program: 'infra/exchange-simulator/main.ts',
      args: Object.entries({ port, seed, instruments, 'events-per-second': eventsPerSecond }).flatMap(
        ([name, value]) => [`--${name}`, String(value)],
      ),
      logFile: join(directory, 'simulator.log'),
    });
    const control = new ControlProcess(join(directory, 'control.log'));
    await Promise.all([simulator.spawn(), control.start()]);
    const url = `http://127.0.0.1:${port}`;
    await waitUntil(() => fetch(`${url}/control/bans`), 30_000);
    return new Cluster(options, directory, services, simulator, url, control);
  }

  /** Starts everything and waits until one node leads and all exchanges are live. */
  static async start(options: ClusterOptions): Promise<Cluster> {
    const cluster = await Cluster.prepare(options);
    try {
      const nodes = await Promise.all(Array.from({ length: options.nodes }, () => cluster.addNode()));
      await Promise.all(nodes.map(node => node.start()));
      await cluster.allWell(40_000);
      await cluster.hasPublished(options.beginsAfterEvents ?? EVENTS_TO_BEGIN_WITH);
    } catch (error) {
      console.log(`${cluster.logs()}\n--- kafka\n${cluster.services?.kafka?.log}`);
      await cluster.stop();
      throw error;
    }
    return cluster;
  }

  /** Waits until the leader has published so many events, so that the markets are known to those who follow. */
  async hasPublished(events: number): Promise<void> {
    await waitUntil(async () => {
      const { offset } = await (await this.leader()).health();
      if (offset < events) throw new Error(`${offset} events of ${events}`);
    }, 30_000);
  }

  /** One more node, not started yet. */
  async addNode(): Promise<NodeProcess> {
    const { switchedOff, environment = {} } = this.options;
    // Counted before anything is awaited: several may be added at once.
    const number = ++this.#nodesMade;
    const id = `node-${number}`;
    const [port = 0] = await freePorts(1);
    const links = await linkNode(number, port, this.services, this.mode);
    this.links.set(id, links);
    const dataDir = join(this.directory, id);
    mkdirSync(dataDir);
    const node = new NodeProcess({
      id,
      port,
      environment: {
        ADVERTISED_URL: `http://${links.stream.address}`,
        EXCHANGE_SIMULATOR_URL: this.simulatorUrl,
        DATA_DIR: dataDir,
        ADMIN_TOKEN,
        LOG_LEVEL: 'info',
        ...addressesOver(links, this.services, this.options.sessionTimeoutMs),
        ...environment,
      },
      logFile: join(this.directory, `${id}.log`),
      ...(switchedOff === undefined ? {} : { switchedOff }),
    });
    this.nodes.push(node);
    this.nodes.sort((a, b) => (a.id < b.id ? -1 : 1));
    return node;
  }

  /** What a node is meant to run on from its next start on: all, or some, of what the cluster has. */
  meanFor(node: NodeProcess, mode: Mode): void {
    const { REDIS_URL, KAFKA_BROKERS, ...others } = {
      ...node.program.environment,
      ...addressesOver(this.linksOf(node), this.services, this.options.sessionTimeoutMs),
    };
    node.program.environment = {
      ...others,
      ...(mode.includes('redis') && REDIS_URL !== undefined ? { REDIS_URL } : {}),
      ...(mode.includes('kafka') && KAFKA_BROKERS !== undefined ? { KAFKA_BROKERS } : {}),
    };
  }

  /** A node that is gone for good. */
  forget(node: NodeProcess): void {
    this.nodes.splice(this.nodes.indexOf(node), 1);
  }

  /** A promised time, as this run allows it. */
  allowedMs(promisedMs: number): number {
    return promisedMs * (this.options.patience ?? 1);
  }

  /** What the nodes are meant to run on. */
  get mode(): Mode {
    return this.options.mode ?? 'redis';
  }

  get running(): NodeProcess[] {
    return this.nodes.filter(({ program }) => program.isRunning);
  }

  linksOf(node: NodeProcess): NodeLinks {
    return this.links.get(node.id)!;
  }

  /** The node that says it leads. @throws when none or more than one does */
  async leader(): Promise<NodeProcess> {
    const health = await this.health();
    const leaders = this.nodes.filter(node => health.get(node)?.role === 'leader');
    const [leader] = leaders;
    if (leader === undefined || leaders.length > 1) throw new Error(`${leaders.length} nodes lead: ${tell(health)}`);
    return leader;
  }

  async followers(): Promise<NodeProcess[]> {
    const leader = await this.leader();
    return this.running.filter(node => node !== leader);
  }

  /** Of every node that runs; `null` of one that does not answer. */
  async health(): Promise<Map<NodeProcess, InfraHealth | null>> {
    const { running } = this;
    const answers = await Promise.all(running.map(node => node.healthIfAny()));
    return new Map(running.map((node, index) => [node, answers[index] ?? null]));
  }

  /**
   * Waits until one node leads, all that run agree on who, the exchanges are live, and everybody is up with the stream.
   * @returns how long that took
   */
  async allWell(withinMs = 60_000): Promise<number> {
    const since = machineNow();
    await waitUntil(async () => {
      const health = await this.health();
      const leader = await this.leader();
      const own = health.get(leader)!;
      for (const [node, said] of health) {
        if (said === null || said.leader !== leader.id || said.epoch !== own.epoch) {
          throw new Error(`${node.id} has not joined ${leader.id}: ${tell(health)}`);
        }
        const ill = said.components.filter(({ enabled, state }) => enabled && state !== 'up');
        if (ill.length > 0) throw new Error(`of ${node.id} not up: ${JSON.stringify(ill)}`);
      }
      if (new Set(own.feeds.map(({ exchange }) => exchange)).size < EXCHANGES.length) throw new Error('few feeds yet');
      const quiet = own.feeds.filter(({ state }) => state !== 'live');
      if (quiet.length > 0) throw new Error(`not live: ${JSON.stringify(quiet)}`);
    }, withinMs);
    return machineNow() - since;
  }

  /** Names of what is wrong with the simulator's limits: none of the exchanges may have wanted to ban us. */
  async bans(): Promise<number> {
    // A connection that was kept may end in the moment in which it is used again.
    const answer = await waitUntil(() => fetch(`${this.simulatorUrl}/control/bans`), 5_000);
    return ((await answer.json()) as { total: number }).total;
  }

  /** Waits until the leader has read back whatever was missed before it led. */
  async hasReadBack(withinMs = 45_000): Promise<void> {
    await waitUntil(async () => {
      const { tradeBackfill = [] } = await (await this.leader()).health();
      const busy = tradeBackfill.filter(({ waiting }) => waiting > 0);
      if (tradeBackfill.length < EXCHANGES.length || busy.length > 0) throw new Error(`reads ${JSON.stringify(busy)}`);
    }, withinMs);
  }

  /** Waits until an exchange that was struck is live again, on sockets that came after. */
  async exchangeBack(exchange: string, since: number, withinMs = 30_000): Promise<void> {
    await waitUntil(async () => {
      const { feeds } = await (await this.leader()).health();
      const own = feeds.filter(feed => feed.exchange === exchange);
      if (own.length > 0 && own.every(feed => feed.state === 'live' && feed.since >= since)) return;
      throw new Error(`not back: ${JSON.stringify(own)}`);
    }, withinMs);
  }

  async strike(fault: Readonly<Record<string, unknown>>): Promise<void> {
    const answer = await fetch(`${this.simulatorUrl}/control/faults`, { method: 'POST', body: JSON.stringify(fault) });
    if (!answer.ok) throw new Error(`${JSON.stringify(fault)}: ${await answer.text()}`);
  }

  /** The last words of every node, for whoever has to find out why. */
  logs(lines = 25): string {
    return this.nodes.map(({ id, program }) => `--- ${id}\n${program.log(lines)}`).join('\n');
  }

  async stop(): Promise<void> {
    if (this.#isStopped) return;
    this.#isStopped = true;
    for (const node of this.nodes) node.program.signal('SIGCONT');
    await Promise.all(this.nodes.map(node => node.kill()));
    await Promise.all([...this.links.values()].flatMap(everyLink).map(link => link.stop()));
    await Promise.all([this.#simulator.kill(), this.control.stop()]);
    if (this.services !== null) await stopServices(this.services);
    if (process.env['KEEP'] === undefined) rmSync(this.directory, { recursive: true, force: true, maxRetries: 3 });
    else console.log(`kept ${this.directory}`);
  }
}

function tell(health: ReadonlyMap<NodeProcess, InfraHealth | null>): string {
  const rows = [...health].map(([node, said]) => {
    return said === null
      ? `${node.id} is silent`
      : `${node.id} ${said.role} of ${said.leader} at ${said.epoch}:${said.offset}`;
  });
  return rows.join(', ');
}

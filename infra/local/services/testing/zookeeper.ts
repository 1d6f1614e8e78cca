import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { LOOPBACK } from '../ports.ts';
import type { ServerCommand } from '../server-command.ts';
import { messageOf, waitUntil } from '../wait-until.ts';
import { askZooKeeper, type ZooKeeperRole } from '../zookeeper-round-trip.ts';
import { prepareZooKeeper, type ZooKeeperPlan, zooKeeperConnect } from '../zookeeper-server.ts';
import { freePorts } from './free-ports.ts';
import { startOnFreePorts, TestServer, temporaryFolder } from './test-server.ts';

/** How long an election may take. A quiet machine needs a second. */
const QUORUM_WITHIN_MS = 45_000;

/** One server of an ensemble. After `start` and `restart` it answers, but serves only when there is a quorum. */
export class TestZooKeeperServer extends TestServer {
  readonly port: number;
  /** `127.0.0.1:port`, for a client that shall know this server alone. */
  readonly connect: string;

  constructor(command: ServerCommand, port: number) {
    super(command, timeoutMs => askZooKeeper(LOOPBACK, port, timeoutMs));
    this.port = port;
    this.connect = `${LOOPBACK}:${port}`;
  }

  /** What it says it is; `null` when it does not answer. */
  async role(): Promise<ZooKeeperRole | null> {
    try {
      return (await askZooKeeper(LOOPBACK, this.port, 2_000)).role;
    } catch {
      return null;
    }
  }

  /** Kills it and removes what it stored, as a lost disk would. Its identity stays; `start` brings it back empty. */
  async wipe(): Promise<void> {
    await this.kill();
    rmSync(join(this.command.directory, 'data', 'version-2'), { recursive: true, force: true });
  }
}

/** A private ensemble of one test file. */
export class TestZooKeeperEnsemble {
  /** `127.0.0.1:port,127.0.0.1:port,127.0.0.1:port` */
  readonly connect: string;
  readonly servers: readonly TestZooKeeperServer[];
  readonly #directory: string;

  constructor(plan: ZooKeeperPlan) {
    this.connect = zooKeeperConnect(plan);
    this.#directory = plan.directory;
    this.servers = prepareZooKeeper(plan).map(
      (command, index) => new TestZooKeeperServer(command, plan.ports[index]?.client ?? 0),
    );
  }

  /** Starts every server that does not run and waits until all serve. */
  async start(): Promise<void> {
    const stopped = this.servers.filter(server => !server.isRunning);
    // Everyone's start is over before the first failure is told: whoever hears of it may remove the folder.
    const started = await Promise.allSettled(stopped.map(server => server.start()));
    const failed = started.find(result => result.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
    await this.ready();
  }

  /** Waits until every server that runs serves clients, and one of them leads. Thaw the frozen ones before. */
  async ready(): Promise<void> {
    const running = this.servers.filter(server => server.isRunning);
    try {
      await waitUntil(async () => {
        const roles = await Promise.all(running.map(server => server.role()));
        const isServing = roles.every(role => role !== null && role !== 'seeking');
        const hasLeader = roles.includes('leader') || roles.includes('standalone');
        if (!isServing || !hasLeader) throw new Error(`the servers are ${roles.join(', ')}`);
      }, QUORUM_WITHIN_MS);
    } catch (cause) {
      throw new Error([messageOf(cause), ...running.map(server => server.log)].join('\n'), { cause });
    }
  }

  /** The server that leads the others. @throws when none does */
  async leader(): Promise<TestZooKeeperServer> {
    for (const server of this.servers) {
      const role = server.isRunning ? await server.role() : null;
      if (role === 'leader' || role === 'standalone') return server;
    }
    throw new Error('no server of the ensemble leads');
  }

  /** The servers that follow. */
  async followers(): Promise<TestZooKeeperServer[]> {
    const roles = await Promise.all(this.servers.map(server => server.role()));
    return this.servers.filter((_, index) => roles[index] === 'follower');
  }

  /** Ends all of them and removes their folders. */
  async dispose(): Promise<void> {
    await Promise.all(this.servers.map(server => server.kill()));
    rmSync(this.#directory, { recursive: true, force: true, maxRetries: 3 });
  }
}

/**
 * Starts an ensemble on free ports, in a second or two. Sessions may be as short as one second.
 * @param options `servers`: 3 unless told otherwise; 1 is a standalone server, for tests that need no failover
 */
export function startZooKeeperEnsemble({
  servers = 3,
}: {
  readonly servers?: number;
} = {}): Promise<TestZooKeeperEnsemble> {
  return startOnFreePorts(async () => {
    const ports = await freePorts(servers * 3);
    const directory = await temporaryFolder('zookeeper');
    const of = (index: number) => ports[index] ?? 0;
    const plan = Array.from({ length: servers }, (_, index) => {
      return { client: of(index * 3), quorum: of(index * 3 + 1), election: of(index * 3 + 2) };
    });
    return new TestZooKeeperEnsemble({ directory, ports: plan });
  });
}

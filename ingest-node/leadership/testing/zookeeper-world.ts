import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, expect } from 'vitest';
import { startZooKeeperEnsemble, type TestZooKeeperEnsemble } from '../../../infra/local/services/testing/zookeeper.ts';
import { systemClock } from '../../../shared/base/clock.ts';
import type { Logger } from '../../operations/logger.ts';
import type { EpochMemory } from '../epoch-memory.ts';
import { Owner } from '../leader-election.suite.ts';
import { ZookeeperClient } from '../zookeeper-client.ts';
import { ZookeeperLeaderElection } from '../zookeeper-leader-election.ts';
import type { ZookeeperAddress } from '../zookeeper-session.ts';
import { CandidateProcess } from './candidate-process.ts';
import { HurtLink } from './hurt-link.ts';

/** As short as the ensemble of the tests grants. */
export const SESSION_TIMEOUT_MS = 1_500;

const SILENT: Pick<Logger, 'info' | 'warn'> = { info: () => {}, warn: () => {} };

const identityOf = (node: string) => ({ node, url: `ws://127.0.0.1/${node}` });

const addressOf = (servers: readonly string[], chroot: string): ZookeeperAddress => ({
  servers,
  chroot,
  sessionTimeoutMs: SESSION_TIMEOUT_MS,
});

export const electionAt = (
  node: string,
  address: ZookeeperAddress,
  memories: readonly EpochMemory[] = [],
): ZookeeperLeaderElection =>
  new ZookeeperLeaderElection({ identity: identityOf(node), address, memories, clock: systemClock, logger: SILENT });

function dialAs(server: string, chroot: string): Promise<ZookeeperClient> {
  return ZookeeperClient.dial({
    server,
    chroot,
    sessionTimeoutMs: 10_000,
    session: null,
    callTimeoutMs: 5_000,
    clock: systemClock,
    onEnd: () => {},
  });
}

/** The ways of one node to every server of an ensemble, so that this node alone can be cut off. */
export class Ways {
  readonly links: readonly HurtLink[];

  private constructor(links: readonly HurtLink[]) {
    this.links = links;
  }

  static async to(ports: readonly number[]): Promise<Ways> {
    return new Ways(await Promise.all(ports.map(port => HurtLink.to(port))));
  }

  get servers(): readonly string[] {
    return this.links.map(({ address }) => address);
  }

  /** The one in use. */
  get used(): HurtLink {
    const link = this.links.find(({ links }) => links > 0);
    if (link === undefined) throw new Error('no way is in use');
    return link;
  }

  get accepted(): number {
    return this.links.reduce((sum, { accepted }) => sum + accepted, 0);
  }

  blackHole(): void {
    for (const link of this.links) link.blackHole();
  }

  heal(): void {
    for (const link of this.links) link.heal();
  }

  async stop(): Promise<void> {
    await Promise.all(this.links.map(link => link.stop()));
  }
}

/** An ensemble for a test file, and a world of its own in it for each test: nodes of one do not see those of another. */
export class ZookeeperWorld {
  #ensemble: TestZooKeeperEnsemble | null = null;
  #chroot = '';
  #owners: Owner[] = [];
  #ways: Ways[] = [];
  #processes: CandidateProcess[] = [];

  /** Its life is that of the tests around this call. */
  static ofThisFile(): ZookeeperWorld {
    const world = new ZookeeperWorld();
    beforeAll(async () => {
      world.#ensemble = await startZooKeeperEnsemble();
    });
    afterAll(() => world.#ensemble?.dispose());
    beforeEach(() => world.renew());
    afterEach(() => world.#clear());
    return world;
  }

  get ensemble(): TestZooKeeperEnsemble {
    if (this.#ensemble === null) throw new Error('there is no ensemble yet');
    return this.#ensemble;
  }

  get address(): ZookeeperAddress {
    return addressOf(this.ensemble.connect.split(','), this.#chroot);
  }

  get processes(): readonly CandidateProcess[] {
    return this.#processes;
  }

  renew(): void {
    this.#chroot = `/world-${randomUUID()}`;
  }

  /** A hand that is no candidate: to look, and to do harm. */
  async hand(): Promise<ZookeeperClient> {
    return dialAs(this.address.servers[0] ?? '', this.#chroot);
  }

  /** A started candidate in this process. */
  async node(name: string, memories: readonly EpochMemory[] = []): Promise<Owner> {
    return this.#start(name, this.address, memories);
  }

  /** A started candidate whose links can be hurt. */
  async fragileNode(name: string): Promise<{ readonly owner: Owner; readonly way: Ways }> {
    const way = await this.#addWay();
    return { owner: await this.#start(name, addressOf(way.servers, this.#chroot), []), way };
  }

  /** A candidate in a process of its own. */
  process(node: string, address: ZookeeperAddress = this.address): CandidateProcess {
    const started = new CandidateProcess({ node, address });
    this.#processes.push(started);
    return started;
  }

  /** The same, with links that can be hurt. */
  async fragileProcess(node: string): Promise<{ readonly process: CandidateProcess; readonly way: Ways }> {
    const way = await this.#addWay();
    return { process: this.process(node, addressOf(way.servers, this.#chroot)), way };
  }

  async #addWay(): Promise<Ways> {
    const way = await Ways.to(this.ensemble.servers.map(({ port }) => port));
    this.#ways.push(way);
    return way;
  }

  async #start(name: string, address: ZookeeperAddress, memories: readonly EpochMemory[]): Promise<Owner> {
    const owner = new Owner(name, electionAt(name, address, memories));
    this.#owners.push(owner);
    await owner.start();
    return owner;
  }

  /** Ends all that a test began; what broke the contract, or crashed, fails it. */
  async #clear(): Promise<void> {
    await Promise.all(this.#owners.map(({ election }) => election.stop()));
    await Promise.all(this.#ways.map(way => way.stop()));
    await Promise.all(this.#processes.map(process => process.kill()));
    const faults = this.#owners.flatMap(owner => owner.faults.map(fault => `${owner.node}: ${fault}`));
    const complaints = this.#processes.map(process => process.complaints).filter(text => text !== '');
    [this.#owners, this.#ways, this.#processes] = [[], [], []];
    expect([...faults, ...complaints]).toEqual([]);
  }
}

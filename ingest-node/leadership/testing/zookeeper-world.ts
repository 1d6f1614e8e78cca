import { randomUUID } from 'node:crypto';
import { systemClock } from '../../../shared/base/clock.ts';
import type { Logger } from '../../operations/logger.ts';
import type { EpochMemory } from '../epoch-memory.ts';
import { type NodeState, ZookeeperClient } from '../zookeeper-client.ts';
import { ZookeeperLeaderElection } from '../zookeeper-leader-election.ts';
import type { ZookeeperAddress } from '../zookeeper-session.ts';
import { HurtLink } from './hurt-link.ts';

/** As short as the ensemble of the tests grants. */
export const SESSION_TIMEOUT_MS = 1_500;

export const SILENT: Pick<Logger, 'info' | 'warn'> = { info: () => {}, warn: () => {} };

export const identityOf = (node: string) => ({ node, url: `ws://127.0.0.1/${node}` });

/** A world of its own in a running ensemble: nodes of one do not see those of another. */
export const newWorld = (): string => `/world-${randomUUID()}`;

export const addressOf = (servers: readonly string[], chroot: string): ZookeeperAddress => ({
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

/** A hand in ZooKeeper that is no candidate: to look, and to do harm. */
export function dialAs(server: string, chroot: string): Promise<ZookeeperClient> {
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

/** What a node says, as JSON. */
export const jsonOf = ({ data }: NodeState): Record<string, unknown> => JSON.parse(Buffer.from(data).toString());

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

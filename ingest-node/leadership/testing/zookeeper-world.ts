import { randomUUID } from 'node:crypto';
import { systemClock } from '../../../shared/base/clock.ts';
import type { Logger } from '../../operations/logger.ts';
import type { EpochMemory } from '../epoch-memory.ts';
import type { ZookeeperClient as Client, NodeState } from '../zookeeper-client.ts';
import { ZookeeperClient } from '../zookeeper-client.ts';
import { ZookeeperLeaderElection } from '../zookeeper-leader-election.ts';
import type { ZookeeperAddress } from '../zookeeper-session.ts';

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
export function dialAs(server: string, chroot: string): Promise<Client> {
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

export const jsonOf = ({ data }: NodeState): Record<string, unknown> => JSON.parse(Buffer.from(data).toString());

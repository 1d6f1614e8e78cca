import type { Clock } from '../shared/base/clock.ts';
import type { StreamLog } from '../shared/stream/stream-log.ts';
import type { Config } from './config/config.ts';
import type { Infrastructure } from './infrastructure/composite-service.ts';
import { EpochFile } from './leadership/epoch-file.ts';
import type { EpochMemory } from './leadership/epoch-memory.ts';
import type { LeaderElection } from './leadership/leader-election.ts';
import { SoloLeaderElection } from './leadership/solo-leader-election.ts';
import type { Logger } from './operations/logger.ts';

export type ElectionOptions = {
  readonly config: Config;
  readonly log: StreamLog;
  readonly infrastructure: Infrastructure;
  /** Others that remember epochs, such as the settings. */
  readonly memories?: readonly EpochMemory[];
  readonly clock: Clock;
  readonly logger: Logger;
};

/** How this installation elects its leader, and all that remembers epochs in it (rule EPO2). */
export async function createElection(options: ElectionOptions): Promise<LeaderElection> {
  const { config, log, infrastructure, memories = [], clock, logger } = options;
  const { nodeId: node, advertisedUrl, zookeeper, dataDir } = config;
  const url = advertisedUrl === null ? null : `${advertisedUrl.replace(/^http/, 'ws')}/ws/exchange`;
  const identity = { node, url };
  const file = new EpochFile(dataDir);
  const others: EpochMemory[] = [
    ...memories,
    { name: 'infrastructure', highest: () => infrastructure.highestWriter() },
    { name: 'stream', highest: async () => log.writer },
  ];
  if (zookeeper === null) return new SoloLeaderElection({ identity, file, memories: others, clock });
  const ownFile: EpochMemory = {
    name: 'epoch file',
    highest: () => file.read(),
    remember: epoch => file.write(epoch),
  };
  // A node on its own starts sooner without a client that it does not use.
  const { ZookeeperLeaderElection } = await import('./leadership/zookeeper-leader-election.ts');
  return new ZookeeperLeaderElection({ identity, address: zookeeper, memories: [ownFile, ...others], clock, logger });
}

import { afterAll, beforeAll } from 'vitest';
import { describeWithService } from '../../infra/local/services/testing/describe-with-service.ts';
import { startZooKeeperEnsemble, type TestZooKeeperEnsemble } from '../../infra/local/services/testing/zookeeper.ts';
import { describeLeaderElection } from './leader-election.suite.ts';
import { addressOf, electionAt, newWorld } from './testing/zookeeper-world.ts';

describeWithService('zookeeper', 'leadership by ZooKeeper', () => {
  let ensemble: TestZooKeeperEnsemble;
  let world = newWorld();
  beforeAll(async () => {
    ensemble = await startZooKeeperEnsemble();
  });
  afterAll(() => ensemble?.dispose());

  describeLeaderElection('an ensemble of three', {
    create: async node => electionAt(node, addressOf(ensemble.connect.split(','), world)),
    dispose: async () => {
      world = newWorld();
    },
    isShared: true,
  });
});

import { describeWithService } from '../../infra/local/services/testing/describe-with-service.ts';
import { describeLeaderElection } from './leader-election.suite.ts';
import { electionAt, ZookeeperWorld } from './testing/zookeeper-world.ts';

describeWithService('zookeeper', 'leadership by ZooKeeper', () => {
  const world = ZookeeperWorld.ofThisFile();
  describeLeaderElection('an ensemble of three', {
    create: async node => electionAt(node, world.address),
    isShared: true,
  });
});

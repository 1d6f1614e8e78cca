import type { ManagedService, ServicePlan } from './managed-service.ts';
import { askEnsemble } from './zookeeper-round-trip.ts';
import { missingForZooKeeper, prepareZooKeeper, type ZooKeeperPorts, zooKeeperConnect } from './zookeeper-server.ts';

const SERVERS = ['zookeeper-1', 'zookeeper-2', 'zookeeper-3'];

/**
 * ZooKeeper, three servers: the smallest ensemble that survives the loss of one. Its ports are three for clients,
 * then three between leader and followers, then three for the election.
 */
export const zooKeeperService: ManagedService = {
  name: 'zookeeper',
  variable: 'ZOOKEEPER_CONNECT',
  firstPort: 12_181,
  portCount: 3 * SERVERS.length,
  servers: SERVERS,
  // The server as a library, with the others that it needs, but without the desktop parts of Java.
  packages: ['libzookeeper-java', 'default-jre-headless'],
  missing: missingForZooKeeper,
  prepare: async (dataFolder, plan) => prepareZooKeeper({ directory: dataFolder, ports: portsOf(plan) }),
  address: plan => zooKeeperConnect({ ports: portsOf(plan) }),
  composeVariables: plan =>
    Object.fromEntries(portsOf(plan).map(({ client }, index) => [`ZOOKEEPER_PORT_${index + 1}`, String(client)])),
  ask: (address, timeoutMs, whole) => askEnsemble(address, timeoutMs, whole),
};

function portsOf({ ports }: ServicePlan): ZooKeeperPorts[] {
  const count = SERVERS.length;
  return SERVERS.map((_, index) => ({
    client: ports[index] ?? 0,
    quorum: ports[count + index] ?? 0,
    election: ports[2 * count + index] ?? 0,
  }));
}

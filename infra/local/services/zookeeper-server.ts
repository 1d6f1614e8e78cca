import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { javaArguments, javaProgram, missingJava } from './java.ts';
import { LOOPBACK } from './ports.ts';
import type { ServerCommand } from './server-command.ts';

/** The ports of one server: for clients, for the leader's followers, for the election. */
export interface ZooKeeperPorts {
  readonly client: number;
  readonly quorum: number;
  readonly election: number;
}

/** An ensemble of ours, one entry of `ports` per server. */
export interface ZooKeeperPlan {
  readonly directory: string;
  readonly ports: readonly ZooKeeperPorts[];
}

const MAIN_CLASS = 'org.apache.zookeeper.server.quorum.QuorumPeerMain';

/** Where Debian's packages put libraries of Java. */
const JARS = '/usr/share/java';
/** What the server needs of what Debian's libzookeeper-java brings. */
const ZOOKEEPER_JARS = [
  'zookeeper',
  'zookeeper-jute',
  'snappy-java',
  'metrics-core',
  'netty-common',
  'netty-handler',
  'netty-transport',
  'netty-buffer',
  'slf4j-api',
  'slf4j-simple',
].map(name => join(JARS, `${name}.jar`));

/** An ensemble of a laptop holds a few kilobytes. */
const HEAP_MB = 128;

/** What a machine lacks to run it; nothing when it can. */
export function missingForZooKeeper(): string[] {
  return [...missingJava(), ...ZOOKEEPER_JARS.filter(path => !existsSync(path))];
}

/**
 * Writes the configuration of each server and says how to run it. Ticks of half a second let clients have sessions of
 * one second, so that a takeover can be tested in seconds (the server allows 2 to 20 ticks unless told otherwise).
 */
export function prepareZooKeeper(plan: ZooKeeperPlan): ServerCommand[] {
  return plan.ports.map((ports, index) => {
    const id = index + 1;
    const directory = join(plan.directory, `zookeeper-${id}`);
    const data = join(directory, 'data');
    mkdirSync(data, { recursive: true, mode: 0o700 });
    writeFileSync(join(data, 'myid'), `${id}\n`);
    const file = join(directory, 'zoo.cfg');
    writeFileSync(file, `${configuration(plan, data, ports).join('\n')}\n`);
    const args = javaArguments(HEAP_MB, ZOOKEEPER_JARS.join(':'), MAIN_CLASS, [file]);
    return { name: `zookeeper-${id}`, program: javaProgram(), args, directory };
  });
}

function configuration(plan: ZooKeeperPlan, data: string, ports: ZooKeeperPorts): string[] {
  const members = plan.ports.map(
    ({ quorum, election }, index) => `server.${index + 1}=${LOOPBACK}:${quorum}:${election}`,
  );
  return [
    'tickTime=500',
    'initLimit=20',
    'syncLimit=10',
    'minSessionTimeout=1000',
    `dataDir=${data}`,
    `clientPort=${ports.client}`,
    `clientPortAddress=${LOOPBACK}`,
    'admin.enableServer=false',
    '4lw.commands.whitelist=srvr,mntr,ruok,stat,conf,cons,wchs',
    ...(members.length > 1 ? members : []),
  ];
}

/** The connection string of its clients. */
export function zooKeeperConnect(plan: Pick<ZooKeeperPlan, 'ports'>): string {
  return plan.ports.map(({ client }) => `${LOOPBACK}:${client}`).join(',');
}

import { connect } from 'node:net';
import { messageOf } from './wait-until.ts';

/** What a server does at this moment; `seeking` answers, but has no quorum to serve with. */
export type ZooKeeperRole = 'leader' | 'follower' | 'observer' | 'standalone' | 'seeking';

/** One server's answer to `srvr`. */
export interface ZooKeeperAnswer {
  readonly role: ZooKeeperRole;
  readonly version: string | null;
}

/**
 * Asks one server with the four-letter word `srvr`, the only one that servers answer without being configured to.
 * @throws when it does not answer in time
 */
export async function askZooKeeper(host: string, port: number, timeoutMs: number): Promise<ZooKeeperAnswer> {
  const text = await fourLetterWord(host, port, 'srvr', timeoutMs);
  const version = /^Zookeeper version: ([\d.]+)/.exec(text)?.[1] ?? null;
  const mode = /^Mode: (\w+)$/m.exec(text)?.[1];
  if (mode === 'leader' || mode === 'follower' || mode === 'observer' || mode === 'standalone') {
    return { role: mode, version };
  }
  if (text.includes('not currently serving requests')) return { role: 'seeking', version };
  throw new Error(`${host}:${port} does not answer as ZooKeeper does: “${text.slice(0, 100).trim()}”`);
}

/** Servers of a connection string `host:port,host:port/path`; a port may be left out. */
export function parseConnect(connectString: string, usualPort = 2181): { host: string; port: number }[] {
  const [servers = ''] = connectString.split('/');
  return servers.split(',').map(server => {
    const [host = '', port = usualPort] = server.trim().split(':');
    return { host, port: Number(port) };
  });
}

/**
 * A round trip to every server named.
 * @param whole all of them must serve; otherwise more than half, which is when a client of theirs is served
 * @returns the version and the roles, a word for each server
 * @throws what each of them said
 */
export async function askEnsemble(connectString: string, timeoutMs: number, whole = false): Promise<string> {
  const servers = parseConnect(connectString);
  const answers = await Promise.allSettled(servers.map(({ host, port }) => askZooKeeper(host, port, timeoutMs)));
  const serving = answers.flatMap(answer =>
    answer.status === 'fulfilled' && answer.value.role !== 'seeking' ? [answer.value] : [],
  );
  if (serving.length === servers.length || (!whole && serving.length * 2 > servers.length)) {
    return `ZooKeeper ${serving[0]?.version ?? ''}: ${serving.map(({ role }) => role).join(', ')}`;
  }
  const words = answers.map((answer, index) => {
    const { host, port } = servers[index] ?? { host: '', port: 0 };
    return `${host}:${port} ${answer.status === 'fulfilled' ? answer.value.role : messageOf(answer.reason)}`;
  });
  throw new Error(`${serving.length} of ${servers.length} servers serve: ${words.join('; ')}`);
}

function fourLetterWord(host: string, port: number, word: string, timeoutMs: number): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    const socket = connect({ host, port });
    // The whole exchange is bounded, not only silence: a server may accept and never answer.
    const timer = setTimeout(() => socket.destroy(new Error(`no answer from ${host}:${port}`)), timeoutMs);
    socket.setEncoding('utf8').on('data', chunk => {
      text += chunk;
    });
    socket.once('connect', () => socket.write(word));
    socket.once('error', reject);
    socket.once('close', () => {
      clearTimeout(timer);
      resolve(text);
    });
  });
}

import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** State of a listening socket in the kernel's table. */
const LISTENING = '0A';

/**
 * Who listens on a port of this machine: `redis-server (pid 812)`. Linux tells it in /proc; elsewhere, and for
 * processes of other users, the answer is how to find out.
 */
export function portHolder(port: number): string {
  const inodes = new Set(['/proc/net/tcp', '/proc/net/tcp6'].flatMap(table => listenersIn(table, port)));
  if (inodes.size > 0) {
    for (const pid of entries('/proc').filter(entry => /^\d+$/.test(entry))) {
      for (const fd of entries(`/proc/${pid}/fd`)) {
        const inode = /^socket:\[(\d+)\]$/.exec(link(`/proc/${pid}/fd/${fd}`))?.[1];
        if (inode !== undefined && inodes.has(inode)) return `${read(`/proc/${pid}/comm`).trim()} (pid ${pid})`;
      }
    }
  }
  return `another process (\`lsof -i :${port}\` names it)`;
}

/** The sockets that listen on the port: columns are sl, local address, remote, state, …, inode the tenth. */
function listenersIn(table: string, port: number): string[] {
  const ending = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  return read(table)
    .split('\n')
    .map(line => line.trim().split(/\s+/))
    .filter(fields => fields[1]?.endsWith(ending) && fields[3] === LISTENING)
    .flatMap(fields => fields[9] ?? []);
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function entries(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}

function link(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}

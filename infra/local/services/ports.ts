import { once } from 'node:events';
import { createServer } from 'node:net';

/** Servers that run on this machine for us are reached from this machine alone. */
export const LOOPBACK = '127.0.0.1';

/**
 * Below what systems hand out for outgoing connections (Linux from 32768, macOS from 49152): a port that a server
 * gives up while it is restarted is not taken by somebody's connection meanwhile.
 */
const LOWEST = 20_000;
const HIGHEST = 32_000;

/** Ports of the loopback address where nobody listens at this moment, all different. */
export async function freePorts(count: number): Promise<number[]> {
  const found = new Set<number>();
  while (found.size < count) {
    const port = LOWEST + Math.floor(Math.random() * (HIGHEST - LOWEST));
    if (await isFree(port)) found.add(port);
  }
  return [...found];
}

/** Whether a server could listen there now. */
export async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  try {
    server.listen({ port, host: LOOPBACK, exclusive: true });
    await once(server, 'listening');
    return true;
  } catch {
    return false;
  } finally {
    server.close();
  }
}

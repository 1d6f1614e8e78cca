import { once } from 'node:events';
import { createServer } from 'node:net';

/** Servers that run on this machine for us are reached from this machine alone. */
export const LOOPBACK = '127.0.0.1';

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

import { createServer } from 'node:net';
import { onTestFinished } from 'vitest';

/**
 * A server of this test that answers the first bytes of every connection with the same bytes and hangs up.
 * @param bytes `null`: it never answers
 * @returns its port of the loopback address
 */
export async function listenOnce(bytes: Uint8Array | string | null): Promise<number> {
  const server = createServer(socket => socket.once('data', () => bytes !== null && socket.end(bytes)));
  onTestFinished(() => void server.close());
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as { port: number }).port;
}

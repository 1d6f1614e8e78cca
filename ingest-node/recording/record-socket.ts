/**
 * Where a recording waits for a node that is not there yet, so that it has all of the node's life: the node looks for it
 * before it does anything.
 */
import { chmod, mkdir, rm } from 'node:fs/promises';
import { connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import type { TrafficRecorder } from './traffic-recorder.ts';

/** Where a recording waits for the node with this data folder. */
export function recordSocketPath(dataDir: string): string {
  return join(dataDir, 'record.sock');
}

/** Resolves with what the next node that starts says. Rejects when another recording waits there already, or when aborted. */
export async function awaitNode(dataDir: string, signal: AbortSignal, onWaiting: () => void): Promise<Socket> {
  const path = recordSocketPath(dataDir);
  await mkdir(dataDir, { recursive: true });
  const other = await connected(path);
  if (other !== null) {
    other.destroy();
    throw new Error(`another recording waits for a node at ${path}`);
  }
  await rm(path, { force: true });
  const server = createServer();
  try {
    return await new Promise<Socket>((resolve, reject) => {
      server.once('error', reject);
      signal.addEventListener('abort', () => reject(signal.reason));
      // Whoever only looks whether somebody is here says nothing.
      server.on('connection', socket => {
        socket.on('error', () => {});
        socket.once('readable', () => socket.readableLength > 0 && resolve(socket));
      });
      server.listen(path, () => chmod(path, 0o600).then(onWaiting, reject));
    });
  } finally {
    server.close();
    await rm(path, { force: true });
  }
}

/** Records into whoever waits for this node. */
export async function joinWaitingRecording(dataDir: string, recorder: TrafficRecorder): Promise<void> {
  const socket = await connected(recordSocketPath(dataDir));
  if (socket !== null) recorder.open(socket);
}

/** `null` when nobody listens there. */
function connected(path: string): Promise<Socket | null> {
  return new Promise(resolve => {
    const socket = connect(path);
    socket.once('connect', () => resolve(socket));
    socket.once('error', () => resolve(null));
  });
}

import { chmod, mkdir, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

/** Where the local control of the node with this data folder listens. */
export function controlSocketPath(dataDir: string): string {
  return join(dataDir, 'control.sock');
}

/** What can be asked for: lines in, a report out. */
export type ReplayTarget = { replay(lines: AsyncIterable<string>, label: string): Promise<object> };

/**
 * The node's control for whoever owns its data folder, on a Unix socket that the file system protects: no port, no
 * token. It also keeps two nodes from using one data folder.
 *
 * `POST /replay?label=` with a recording, one record a line, answers with the report.
 */
export class ControlServer {
  readonly #dataDir: string;
  readonly #server: Server;
  #isListening = false;

  constructor(dataDir: string, replay: ReplayTarget) {
    this.#dataDir = dataDir;
    this.#server = createServer((request, response) => void answer(request, response, replay));
  }

  /** Rejects with a plain line when another node uses the folder, or it cannot be written. */
  async listen(): Promise<void> {
    await mkdir(this.#dataDir, { recursive: true });
    const path = controlSocketPath(this.#dataDir);
    if (await isAnswered(path))
      throw new Error(`another node runs with the data folder ${this.#dataDir}; set DATA_DIR`);
    await rm(path, { force: true });
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(path, resolve);
    });
    this.#isListening = true;
    await chmod(path, 0o600);
  }

  async stop(): Promise<void> {
    if (!this.#isListening) return;
    this.#isListening = false;
    this.#server.closeAllConnections();
    await new Promise(resolve => this.#server.close(resolve));
  }
}

async function answer(request: IncomingMessage, response: ServerResponse, target: ReplayTarget): Promise<void> {
  const url = new URL(request.url ?? '/', 'http://control');
  if (request.method !== 'POST' || url.pathname !== '/replay') {
    response
      .writeHead(404)
      .end(JSON.stringify({ error: { code: 'notFound', message: 'POST /replay is what there is' } }));
    return;
  }
  try {
    const lines = createInterface({ input: request, crlfDelay: Number.POSITIVE_INFINITY });
    const report = await target.replay(lines, url.searchParams.get('label') ?? 'unnamed');
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(report));
  } catch (error) {
    response.writeHead(500).end(JSON.stringify({ error: { code: 'internal', message: String(error) } }));
  }
}

/** Whether somebody listens there; a socket file that a crash left behind has nobody. */
function isAnswered(path: string): Promise<boolean> {
  return new Promise(resolve => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

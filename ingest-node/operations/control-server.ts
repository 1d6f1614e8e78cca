import { chmod, mkdir, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';

/** Where the local control of the node with this data folder listens. */
export function controlSocketPath(dataDir: string): string {
  return join(dataDir, 'control.sock');
}

/** What to tell a person whose call did not get through, in one line. */
export function explainControlFault(error: unknown, socketPath: string): string {
  const { code } = error as NodeJS.ErrnoException;
  if (code === 'ENOENT' || code === 'ECONNREFUSED') {
    return `no node runs with this data folder (nobody listens at ${socketPath}); start one, or set DATA_DIR`;
  }
  if (code === 'ECONNRESET' || code === 'EPIPE') return 'the node is gone';
  return error instanceof Error ? error.message : String(error);
}

/** One call, answered by writing to `response`; when the caller goes away, `signal` is aborted. */
export type ControlCall = {
  readonly query: URLSearchParams;
  readonly body: AsyncIterable<Uint8Array>;
  readonly response: ServerResponse;
  readonly signal: AbortSignal;
};

/** What can be asked for, by `METHOD /path`. */
export type ControlRoutes = Readonly<Record<string, (call: ControlCall) => Promise<void> | void>>;

/**
 * The node's control for whoever owns its data folder, on a Unix socket that the file system protects: no port, no
 * token. It also keeps two nodes from using one data folder.
 */
export class ControlServer {
  readonly #dataDir: string;
  readonly #server: Server;
  #isListening = false;

  constructor(dataDir: string, routes: ControlRoutes) {
    this.#dataDir = dataDir;
    this.#server = createServer((request, response) => void answer(request, response, routes));
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

async function answer(request: IncomingMessage, response: ServerResponse, routes: ControlRoutes): Promise<void> {
  const { pathname, searchParams } = new URL(request.url ?? '/', 'http://control');
  const route = routes[`${request.method} ${pathname}`];
  const gone = new AbortController();
  response.once('close', () => gone.abort());
  if (route === undefined) {
    fail(response, 404, 'notFound', `what there is: ${Object.keys(routes).join(', ')}`);
    return;
  }
  try {
    await route({ query: searchParams, body: request, response, signal: gone.signal });
  } catch (error) {
    // Half an answer cannot be taken back: its reader sees it break off.
    if (response.headersSent) response.destroy();
    else fail(response, 500, 'internal', String(error));
  }
}

function fail(response: ServerResponse, status: number, code: string, message: string): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify({ error: { code, message } }));
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

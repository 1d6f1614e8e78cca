import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { getRequestListener } from '@hono/node-server';

export type HttpServerOptions = {
  readonly host: string;
  readonly port: number;
  readonly fetch: (request: Request) => Response | Promise<Response>;
  readonly upgrade: (request: IncomingMessage, socket: Duplex, head: Buffer) => void;
  /** An upgrade that threw: a fault of ours, for the log. */
  readonly onFault: (error: unknown) => void;
};

/** The one listening port of the node: plain requests go to the app, upgrades to the stream server. */
export class HttpServer {
  readonly #server: Server;
  readonly #options: HttpServerOptions;

  constructor(options: HttpServerOptions) {
    this.#options = options;
    this.#server = createServer(getRequestListener(options.fetch));
    this.#server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
      // A client that resets before it is greeted must not end the process.
      socket.on('error', () => {});
      try {
        options.upgrade(request, socket, head);
      } catch (error) {
        // One request must not end the process, whatever it was that could not cope with it.
        options.onFault(error);
        socket.destroy();
      }
    });
  }

  /** Resolves with the port; rejects with a plain line when it cannot be had. */
  listen(): Promise<number> {
    const { host, port } = this.#options;
    return new Promise((resolve, reject) => {
      this.#server.once('error', (error: NodeJS.ErrnoException) => {
        reject(new Error(listenFault(error, host, port), { cause: error }));
      });
      this.#server.listen(port, host, () => resolve((this.#server.address() as AddressInfo).port));
    });
  }

  stop(): Promise<void> {
    return new Promise(resolve => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }
}

function listenFault(error: NodeJS.ErrnoException, host: string, port: number): string {
  if (error.code === 'EADDRINUSE') return `port ${port} is in use by another program; set INGEST_PORT to a free one`;
  if (error.code === 'EACCES')
    return `port ${port} needs rights this user does not have; set INGEST_PORT to a port above 1023`;
  return `cannot listen on ${host}:${port}: ${error.message}`;
}

import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

type Link = { readonly client: Socket; readonly upstream: Socket };

/**
 * A TCP link that can be hurt: everything on loopback, cut or held at will. It knows nothing of what passes.
 */
export class TcpProxy {
  readonly #target: { host: string; port: number };
  readonly #server: Server;
  readonly #links = new Set<Link>();
  #isHeld = false;
  #bytesPerSecond = Number.POSITIVE_INFINITY;
  /** How many links were cut. */
  cuts = 0;

  constructor(target: { host: string; port: number }) {
    this.#target = target;
    this.#server = createServer({ pauseOnConnect: true }, client => this.#link(client));
  }

  /** Resolves with the port to connect to. */
  listen(): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(0, '127.0.0.1', () => resolve((this.#server.address() as AddressInfo).port));
    });
  }

  get links(): number {
    return this.#links.size;
  }

  /** Breaks every link at once, without a goodbye. */
  cut(): void {
    for (const { client, upstream } of this.#links) {
      this.cuts++;
      client.destroy();
      upstream.destroy();
    }
    this.#links.clear();
  }

  /** Stops passing anything on towards the clients, links staying open: what a slow or frozen reader looks like. */
  hold(): void {
    this.#isHeld = true;
    for (const { upstream } of this.#links) upstream.pause();
  }

  release(): void {
    this.#isHeld = false;
    for (const { upstream } of this.#links) upstream.resume();
  }

  /** Passes no more than this on towards a client: a narrow line. */
  squeeze(bytesPerSecond: number): void {
    this.#bytesPerSecond = bytesPerSecond;
  }

  async stop(): Promise<void> {
    this.cut();
    await new Promise(resolve => this.#server.close(resolve));
  }

  #link(client: Socket): void {
    const upstream = connect(this.#target);
    const link = { client, upstream };
    this.#links.add(link);
    const end = () => {
      this.#links.delete(link);
      client.destroy();
      upstream.destroy();
    };
    for (const socket of [client, upstream]) {
      socket.setNoDelay(true);
      socket.on('error', end);
      socket.on('close', end);
    }
    upstream.on('connect', () => {
      client.pipe(upstream);
      upstream.on('data', (bytes: Buffer) => {
        upstream.pause();
        const resume = () => {
          if (!this.#isHeld) upstream.resume();
        };
        const pass = () => setTimeout(resume, (1000 * bytes.length) / this.#bytesPerSecond);
        if (!client.write(bytes)) client.once('drain', pass);
        else if (this.#bytesPerSecond === Number.POSITIVE_INFINITY) resume();
        else pass();
      });
      if (this.#isHeld) upstream.pause();
    });
  }
}

import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

type Link = { readonly client: Socket; readonly upstream: Socket };

/** A link to one server that can be hurt in both directions. */
export class HurtLink {
  readonly #server: Server;
  readonly #links = new Set<Link>();
  readonly #port: number;
  #isBlackHole = false;
  #delayMs = 0;
  #tearAfterBytes: number | null = null;
  /** Connections that were accepted so far. */
  accepted = 0;

  private constructor(port: number) {
    this.#port = port;
    this.#server = createServer(client => this.#link(client));
  }

  static async to(port: number): Promise<HurtLink> {
    const link = new HurtLink(port);
    await new Promise<void>((resolve, reject) => {
      link.#server.once('error', reject);
      link.#server.listen(0, '127.0.0.1', resolve);
    });
    return link;
  }

  /** `127.0.0.1:port` for a client. */
  get address(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** How many links stand: a client has one, over one of its ways. */
  get links(): number {
    return this.#links.size;
  }

  /** From now on nothing passes in either direction and nobody is told; new connections are accepted all the same. */
  blackHole(): void {
    this.#isBlackHole = true;
  }

  /** From now on everything takes so much longer, in each direction. */
  delay(ms: number): void {
    this.#delayMs = ms;
  }

  /** What was swallowed is gone, so the links that lived through it end. */
  heal(): void {
    this.#isBlackHole = false;
    this.cut();
  }

  /** The next reply is torn: so many bytes of it pass, then the link ends. */
  tear(bytes: number): void {
    this.#tearAfterBytes = bytes;
  }

  cut(): void {
    for (const { client, upstream } of this.#links) {
      client.destroy();
      upstream.destroy();
    }
    this.#links.clear();
  }

  async stop(): Promise<void> {
    this.cut();
    await new Promise(resolve => this.#server.close(resolve));
  }

  /** Writes to a socket what comes in, each as late as the link is slow then, and in order. */
  #passTo(socket: Socket): (bytes: Buffer) => void {
    const waiting: Buffer[] = [];
    let due = 0;
    return bytes => {
      if (this.#delayMs === 0 && waiting.length === 0) {
        socket.write(bytes);
        return;
      }
      const now = performance.now();
      due = Math.max(due, now + this.#delayMs);
      waiting.push(bytes);
      setTimeout(() => {
        const next = waiting.shift();
        if (next !== undefined && socket.writable) socket.write(next);
      }, due - now);
    };
  }

  #link(client: Socket): void {
    this.accepted++;
    const upstream = connect(this.#port, '127.0.0.1');
    const link = { client, upstream };
    this.#links.add(link);
    const end = () => {
      if (this.#isBlackHole) return;
      this.#links.delete(link);
      client.destroy();
      upstream.destroy();
    };
    for (const socket of [client, upstream]) {
      socket.setNoDelay(true);
      socket.on('error', end);
      socket.on('close', end);
    }
    const toUpstream = this.#passTo(upstream);
    const toClient = this.#passTo(client);
    client.on('data', bytes => {
      if (!this.#isBlackHole) toUpstream(bytes);
    });
    upstream.on('data', bytes => {
      if (this.#isBlackHole) return;
      if (this.#tearAfterBytes === null) {
        toClient(bytes);
        return;
      }
      const rest = this.#tearAfterBytes;
      this.#tearAfterBytes = null;
      client.end(bytes.subarray(0, rest));
      upstream.destroy();
    });
  }
}

import { type ClientOptions, WebSocket } from 'ws';

export type ProbeFrame = { text: string; isBinary: boolean };

/** The clients of one test, so that none is left behind. */
export class SocketProbes {
  #open: SocketProbe[] = [];

  async open(url: string, options: ClientOptions = {}): Promise<SocketProbe> {
    const probe = await SocketProbe.open(url, options);
    this.#open.push(probe);
    return probe;
  }

  end(): void {
    for (const probe of this.#open) probe.end();
    this.#open = [];
  }
}

/** A client for tests: keeps what arrives in order and lets a test await the frame it is waiting for. */
export class SocketProbe {
  readonly socket: WebSocket;
  readonly frames: ProbeFrame[] = [];
  readonly pings: string[] = [];
  readonly opened: Promise<void>;
  /** The close code the client saw. */
  readonly closed: Promise<number>;
  upgradeHeaders: Record<string, string | string[] | undefined> = {};
  #waiting: (() => void)[] = [];

  constructor(url: string, options: ClientOptions = {}) {
    this.socket = new WebSocket(url.replace(/^http/, 'ws'), options);
    this.opened = new Promise((resolve, reject) => {
      this.socket.once('open', resolve);
      this.socket.once('error', reject);
    });
    this.opened.catch(() => undefined);
    this.closed = new Promise(resolve => this.socket.once('close', resolve));
    this.socket.on('error', () => undefined);
    this.socket.on('upgrade', response => {
      this.upgradeHeaders = response.headers;
    });
    this.socket.on('ping', (payload: Buffer) => {
      this.pings.push(payload.toString());
      this.#wake();
    });
    this.socket.on('message', (data: Buffer, isBinary: boolean) => {
      this.frames.push({ text: data.toString('utf8'), isBinary });
      this.#wake();
    });
  }

  static async open(url: string, options: ClientOptions = {}): Promise<SocketProbe> {
    const probe = new SocketProbe(url, options);
    await probe.opened;
    return probe;
  }

  send(message: unknown): void {
    this.socket.send(typeof message === 'string' ? message : JSON.stringify(message));
  }

  /** Resolves once the condition holds, which is looked at after every frame. */
  async until(holds: () => boolean): Promise<void> {
    while (!holds()) await new Promise<void>(resolve => this.#waiting.push(resolve));
  }

  /** The first frame at or after a position that satisfies the condition. */
  async frame(matches: (text: string) => boolean, from = 0): Promise<string> {
    let found: ProbeFrame | undefined;
    await this.until(() => {
      found = this.frames.slice(from).find(frame => matches(frame.text));
      return found !== undefined;
    });
    return found!.text;
  }

  /** The first frames, as many as asked for. */
  async take(count: number): Promise<string[]> {
    await this.until(() => this.frames.length >= count);
    return this.frames.slice(0, count).map(frame => frame.text);
  }

  end(): void {
    this.socket.terminate();
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }
}

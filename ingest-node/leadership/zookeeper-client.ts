/**
 * One link to one ZooKeeper server, in promises. The only file that knows the client library (`node-zookeeper-client`),
 * whose habits are met here:
 *
 * - It reconnects by itself and then keeps what is left of a torn reply, so that it never understands another one. Here a
 *   link ends once and is never mended; who wants another one dials again, with the same session if it still has one.
 * - It waits for ever: for a server that accepts and says nothing, for the reply on a half-open link, for a call queued
 *   while it was away. Here every call and the dialling itself have their own time limit.
 * - It throws out of its socket's listener when the other side does not speak ZooKeeper, and after `connect(); close()`.
 * - In a transaction it takes version 0 for "any version". Here only versions from 1 can be asked for.
 * - It adds a watcher for each call. Here there is one per path and kind.
 */
import type { Socket } from 'node:net';
import { type Client, CreateMode, createClient, Exception, type Stat } from 'node-zookeeper-client';
import type { Clock } from '../../shared/base/clock.ts';
import { ZookeeperError, type ZookeeperFault } from './zookeeper-error.ts';

/** A session outlives its links: another link, to another server, goes on with it. */
export type ZookeeperSessionKey = {
  /** 16 hexadecimal digits. */
  readonly id: string;
  readonly password: Uint8Array;
  /** As the server granted it. */
  readonly timeoutMs: number;
};

export type NodeState = {
  readonly data: Uint8Array;
  readonly version: number;
  /** The session that a node ends with; `null` when it does not end with one. */
  readonly ephemeralOwner: string | null;
};

/** One part of a write that happens as a whole or not at all. Without `version`: that the node exists is enough. */
export type Operation =
  | { readonly type: 'check'; readonly path: string; readonly version?: number }
  | { readonly type: 'set'; readonly path: string; readonly data: Uint8Array; readonly version: number }
  | { readonly type: 'remove'; readonly path: string; readonly version?: number };

export type LinkOptions = {
  /** `10.0.0.1:2181` */
  readonly server: string;
  /** Put before every path; empty or `/services/exchange`. */
  readonly chroot: string;
  readonly sessionTimeoutMs: number;
  /** The session to go on with; a new one without. */
  readonly session: ZookeeperSessionKey | null;
  readonly callTimeoutMs: number;
  readonly clock: Clock;
  /** Called at most once, and only after `dial` has resolved: the link ended without us. */
  readonly onEnd: (fault: 'connectionLost' | 'sessionExpired') => void;
};

/** What of the library's inside has to be held: it offers no way to let go of a socket without ending the session. */
type Inside = {
  readonly connectionManager: {
    socket?: Socket;
    connectTimeoutHandler?: NodeJS.Timeout | null;
    connect(): void;
    onSocketData(bytes: Buffer): void;
  };
};

export class ZookeeperClient {
  readonly #client: Client;
  readonly #options: LinkOptions;
  readonly #watchers = new Map<string, () => void>();
  /** Ends calls that wait when the link does. */
  readonly #waiting = new Set<(fault: ZookeeperFault) => void>();
  #isOpen = false;
  #ended: ZookeeperFault | null = null;

  private constructor(options: LinkOptions) {
    this.#options = options;
    const { session } = options;
    const settings = {
      sessionTimeout: options.sessionTimeoutMs,
      retries: 0,
      // Not in the library's types, but how it takes over a session.
      ...(session === null
        ? {}
        : { sessionId: Buffer.from(session.id, 'hex'), sessionPassword: Buffer.from(session.password) }),
    };
    this.#client = createClient(options.server, settings);
  }

  /** Resolves with an open link. Rejects when the server does not answer in time, or no longer knows the session. */
  static async dial(options: LinkOptions): Promise<ZookeeperClient> {
    const link = new ZookeeperClient(options);
    await link.#open();
    return link;
  }

  get session(): ZookeeperSessionKey {
    return {
      id: this.#client.getSessionId().toString('hex'),
      password: this.#client.getSessionPassword(),
      timeoutMs: this.#client.getSessionTimeout(),
    };
  }

  /** Rejects with `noNode`. With `onChange` it is called once, at the next change of the node or its end. */
  async get(path: string, onChange?: () => void): Promise<NodeState> {
    const full = this.#full(path);
    return this.#call(`get ${path}`, (resolve, reject) => {
      const done = (error: Error | Exception | null, data: Buffer | undefined, stat: Stat) =>
        error ? reject(error) : resolve(stateOf(data, stat));
      if (onChange === undefined) this.#client.getData(full, done);
      else this.#client.getData(full, this.#watcher(full, 'change', onChange), done);
    });
  }

  async children(path: string): Promise<readonly string[]> {
    return this.#call(`list ${path}`, (resolve, reject) => {
      this.#client.getChildren(this.#full(path), (error, children) => (error ? reject(error) : resolve(children)));
    });
  }

  /** Calls `onEnd` once, when the node is removed; not when it changes. Rejects with `noNode`. */
  async watchEnd(path: string, onEnd: () => void): Promise<void> {
    const full = this.#full(path);
    await this.#call(`watch ${path}`, (resolve, reject) => {
      // What has no children is told of by this watch only when it goes itself.
      const watcher = this.#watcher(full, 'end', onEnd);
      this.#client.getChildren(full, watcher, error => (error ? reject(error) : resolve(null)));
    });
  }

  /** Creates a node; resolves with its path, which for a sequential one says its number. */
  async create(path: string, data: Uint8Array, kind: 'persistent' | 'ephemeralSequential'): Promise<string> {
    const mode = kind === 'persistent' ? CreateMode.PERSISTENT : CreateMode.EPHEMERAL_SEQUENTIAL;
    return this.#call(`create ${path}`, (resolve, reject) => {
      this.#client.create(this.#full(path), Buffer.from(data), mode, (error, created) =>
        error ? reject(error) : resolve(created.slice(this.#options.chroot.length)),
      );
    });
  }

  /** Creates what is missing of a path and of the chroot above it. */
  async ensure(path: string): Promise<void> {
    await this.#call(`ensure ${path}`, (resolve, reject) => {
      this.#client.mkdirp(this.#full(path), error => (error ? reject(error) : resolve(null)));
    });
  }

  /** Without `version`: whatever is there. */
  async set(path: string, data: Uint8Array, version = -1): Promise<void> {
    await this.#call(`set ${path}`, (resolve, reject) => {
      this.#client.setData(this.#full(path), Buffer.from(data), version, error =>
        error ? reject(error) : resolve(null),
      );
    });
  }

  /** One write through the quorum, all or nothing. */
  async commit(operations: readonly Operation[]): Promise<void> {
    const transaction = this.#client.transaction();
    for (const operation of operations) {
      const { path, version } = operation;
      if (version !== undefined && version < 1) throw new Error(`${path}: version ${version} would mean any version`);
      if (operation.type === 'check') transaction.check(this.#full(path), version ?? -1);
      else if (operation.type === 'remove') transaction.remove(this.#full(path), version ?? -1);
      else transaction.setData(this.#full(path), Buffer.from(operation.data), operation.version);
    }
    const words = operations.map(({ type, path }) => `${type} ${path}`).join(', ');
    await this.#call(words, (resolve, reject) => {
      transaction.commit(error => (error ? reject(error) : resolve(null)));
    });
  }

  /** Ends the session and with it its ephemeral nodes; resolves when the server has said so, or will not any more. */
  async close(): Promise<void> {
    if (this.#ended === null && this.#isOpen) {
      this.#isOpen = false;
      const gone = this.#call<null>('close', () => {}).catch(() => {});
      this.#client.close();
      await gone;
    }
    this.drop();
  }

  /** Lets go of the link without ending the session. Calls that wait are rejected. Safe at any time and twice. */
  drop(): void {
    this.#end('connectionLost');
  }

  async #open(): Promise<void> {
    const { connectionManager } = this.#client as unknown as Inside;
    const understand = connectionManager.onSocketData.bind(connectionManager);
    connectionManager.onSocketData = bytes => {
      try {
        understand(bytes);
      } catch {
        this.#lose('connectionLost');
      }
    };
    this.#client.on('disconnected', () => this.#lose('connectionLost'));
    this.#client.on('expired', () => this.#lose('sessionExpired'));
    this.#client.on('authenticationFailed', () => this.#lose('connectionLost'));
    const opened = this.#call<null>(`dial ${this.#options.server}`, resolve => {
      this.#client.on('connected', () => resolve(null));
    });
    this.#client.connect();
    // From here on the library would dial again by itself, with the rest of what was torn still in its hands.
    connectionManager.connect = () => this.#lose('connectionLost');
    try {
      await opened;
      this.#isOpen = true;
    } catch (error) {
      this.drop();
      throw error;
    }
  }

  #lose(fault: 'connectionLost' | 'sessionExpired'): void {
    const wasOpen = this.#isOpen && this.#ended === null;
    this.#end(fault);
    if (wasOpen) this.#options.onEnd(fault);
  }

  #end(fault: ZookeeperFault): void {
    if (this.#ended !== null) return;
    this.#ended = fault;
    this.#watchers.clear();
    for (const give of [...this.#waiting]) give(fault);
    const { connectionManager } = this.#client as unknown as Inside;
    // The socket is made a moment after `connect`.
    setImmediate(() => {
      const { socket, connectTimeoutHandler } = connectionManager;
      if (connectTimeoutHandler) clearTimeout(connectTimeoutHandler);
      if (socket === undefined) return;
      socket.removeAllListeners();
      socket.on('error', () => {});
      socket.destroy();
    });
  }

  #full(path: string): string {
    return this.#options.chroot + path;
  }

  #watcher(path: string, of: 'change' | 'end', onNews: () => void): () => void {
    const key = `${of} ${path}`;
    const known = this.#watchers.get(key);
    if (known !== undefined) return known;
    const watcher = () => {
      if (this.#ended !== null) return;
      this.#watchers.delete(key);
      onNews();
    };
    this.#watchers.set(key, watcher);
    return watcher;
  }

  /** Hands a call over, bounded in time and by the life of the link. */
  #call<Value>(
    words: string,
    hand: (resolve: (value: Value) => void, reject: (error: Error | Exception) => void) => void,
  ): Promise<Value> {
    return new Promise((resolve, reject) => {
      const give = (fault: ZookeeperFault, detail = '') => {
        settle();
        reject(new ZookeeperError(fault, `ZooKeeper: ${words}: ${detail || WORDS[fault]}`));
      };
      // After a standstill of this process the answer may be there already, not read yet: it gets its turn first.
      const cancel = this.#options.clock.setTimer(this.#options.callTimeoutMs, () => {
        setImmediate(() => {
          if (this.#waiting.has(give)) give('timeout');
        });
      });
      const settle = () => {
        cancel();
        this.#waiting.delete(give);
      };
      if (this.#ended !== null) {
        give(this.#ended);
        return;
      }
      this.#waiting.add(give);
      hand(
        value => {
          settle();
          resolve(value);
        },
        error => give(faultOf(error), String(error)),
      );
    });
  }
}

const WORDS: Record<ZookeeperFault, string> = {
  connectionLost: 'the link was lost',
  timeout: 'no answer in time',
  sessionExpired: 'the session has expired',
  noNode: 'there is no such node',
  nodeExists: 'the node exists',
  badVersion: 'the node has changed',
  refused: 'refused',
};

function faultOf(error: Error | Exception): ZookeeperFault {
  if (!(error instanceof Exception)) return 'refused';
  switch (error.getCode()) {
    case Exception.CONNECTION_LOSS:
      return 'connectionLost';
    case Exception.SESSION_EXPIRED:
      return 'sessionExpired';
    case Exception.NO_NODE:
      return 'noNode';
    case Exception.NODE_EXISTS:
      return 'nodeExists';
    case Exception.BAD_VERSION:
      return 'badVersion';
    default:
      return 'refused';
  }
}

function stateOf(data: Buffer | undefined, stat: Stat): NodeState {
  const owner = stat.ephemeralOwner.toString('hex');
  return { data: data ?? new Uint8Array(0), version: stat.version, ephemeralOwner: /^0+$/.test(owner) ? null : owner };
}

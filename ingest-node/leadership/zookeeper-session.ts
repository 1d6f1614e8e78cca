import { type Backoff, fullJitterMs } from '../../shared/base/backoff.ts';
import type { CancelTimer, Clock } from '../../shared/base/clock.ts';
import { Lease, type Moment, momentOf } from './lease.ts';
import { type Operation, ZookeeperClient, type ZookeeperSessionKey } from './zookeeper-client.ts';
import { isFault } from './zookeeper-error.ts';

export type ZookeeperAddress = {
  /** `10.0.0.1:2181`, at least one. */
  readonly servers: readonly string[];
  /** Put before every path; empty or `/services/exchange`. */
  readonly chroot: string;
  readonly sessionTimeoutMs: number;
};

export type SessionOptions = {
  readonly address: ZookeeperAddress;
  readonly clock: Clock;
  readonly random: () => number;
  /** What every heartbeat writes: checks of what must still be so. */
  readonly heartbeat: () => readonly Operation[];
  /** Makes a new session ready for its first heartbeat. */
  readonly prepare: (client: ZookeeperClient) => Promise<void>;
  /** A heartbeat went through {@link ZookeeperSession.client}, the first of a link. */
  readonly onAttached: () => void;
  /** A heartbeat, or another write, was acknowledged. Comes before `onAttached`. */
  readonly onConfirmed: () => void;
  /** The lease is over. Comes once; again only after it was confirmed. */
  readonly onLapsed: (reason: string) => void;
  readonly onExpired: (reason: string) => void;
  /** What the heartbeat checks is not so: it was not written, while the session is well. */
  readonly onRefuted: (reason: string) => void;
};

/** After every server was tried once at once: a thousand nodes must not come back as one wave. */
const BACKOFF: Backoff = { baseMs: 100, capMs: 2_000 };

/**
 * A ZooKeeper session, kept alive over links that come and go. A heartbeat every sixth of the timeout is a write through
 * the quorum, so its answer proves more than a ping's: a half-open link, a server that hangs or that lost the others all
 * show by silence. A quarter of the timeout without an answer ends the link, and the session goes on over the next one, to
 * another server, before the lease is over.
 */
export class ZookeeperSession {
  readonly lease: Lease;
  readonly #options: SessionOptions;
  readonly #servers: readonly string[];
  #nextServer = 0;
  #key: ZookeeperSessionKey | null = null;
  #client: ZookeeperClient | null = null;
  #dialling: Promise<void> | null = null;
  #failures = 0;
  #isStopped = false;
  #cancelDial: CancelTimer = () => {};
  #cancelBeat: CancelTimer = () => {};
  #cancelLapse: CancelTimer = () => {};
  /** Round trip of the last acknowledged heartbeat. */
  latencyMs: number | null = null;
  #lastError: string | null = null;
  /** What went wrong since the last acknowledgement. */
  #trouble: string | null = null;

  constructor(options: SessionOptions) {
    this.#options = options;
    this.lease = new Lease(options.clock);
    this.#servers = shuffled(options.address.servers, options.random);
  }

  /** The link in use; `null` while there is none. */
  get client(): ZookeeperClient | null {
    return this.#client;
  }

  /** 16 hexadecimal digits; `null` while there is no session. */
  get id(): string | null {
    return this.#key?.id ?? null;
  }

  /** What was asked for, or less if the servers grant less. */
  get timeoutMs(): number {
    return Math.min(this.#options.address.sessionTimeoutMs, this.#key?.timeoutMs ?? Number.POSITIVE_INFINITY);
  }

  /** Stays after the recovery. */
  get lastError(): string | null {
    return this.#lastError;
  }

  set lastError(error: string) {
    this.#lastError = error;
    this.#trouble = error;
  }

  start(): void {
    this.#dialLater(0);
  }

  /** Ends the session, if a link is there to say so; otherwise it will expire. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#letGo();
    const client = this.#client;
    this.#client = null;
    this.lease.end();
    await client?.close();
    await this.#dialling;
  }

  /** Ends the session with all that belongs to it and opens another one, after a while. */
  renew(): void {
    const client = this.#client;
    this.#client = null;
    this.#key = null;
    this.#letGo();
    this.lease.end();
    this.#failures++;
    void client?.close();
    this.#dialLater(fullJitterMs(this.#failures, BACKOFF, this.#options.random));
  }

  /** Another write than a heartbeat was acknowledged. */
  confirm(sent: Moment): void {
    this.#trouble = null;
    this.lease.renew(sent, this.timeoutMs);
    if (!this.lease.holds()) return;
    this.#watchLease();
    this.#options.onConfirmed();
  }

  /** Sends a heartbeat now: something suggests that what it checks has changed. */
  beat(): void {
    if (this.#client !== null) void this.#beat(this.#client);
  }

  /** A call over this link was not answered in time: ends it and dials anew. */
  abandon(client: ZookeeperClient, error: unknown): void {
    client.drop();
    if (this.#client === client) this.#relink(error);
  }

  #dialLater(ms: number): void {
    this.#cancelDial();
    if (this.#isStopped) return;
    this.#cancelDial = this.#options.clock.setTimer(ms, () => {
      this.#dialling ??= this.#dial().finally(() => {
        this.#dialling = null;
      });
    });
  }

  async #dial(): Promise<void> {
    const { address, clock } = this.#options;
    const hadSession = this.#key;
    const server = this.#servers[this.#nextServer++ % this.#servers.length] ?? '';
    let client: ZookeeperClient | null = null;
    try {
      const dialled: ZookeeperClient = await ZookeeperClient.dial({
        server,
        chroot: address.chroot,
        sessionTimeoutMs: address.sessionTimeoutMs,
        session: hadSession,
        callTimeoutMs: this.timeoutMs / 4,
        clock,
        onEnd: fault => this.#ended(dialled, fault),
      });
      client = dialled;
      if (this.#isStopped) {
        await client.close();
        return;
      }
      this.#key = client.session;
      if (hadSession === null) await this.#options.prepare(client);
      const sent = momentOf(clock);
      await client.commit(this.#options.heartbeat());
      if (this.#isStopped) {
        await client.close();
        return;
      }
      this.#client = client;
      this.#failures = 0;
      this.latencyMs = clock.monotonic() - sent.monotonic;
      this.confirm(sent);
      this.#options.onAttached();
      this.#beatLater();
    } catch (error) {
      // What is refuted is worth nothing any more: its session must not keep a place in the queue.
      if (isRefuted(error)) await client?.close();
      else client?.drop();
      this.#failed(error);
    }
  }

  #failed(error: unknown): void {
    if (this.#isStopped) return;
    this.lastError = messageOf(error);
    if (isFault(error, 'sessionExpired')) {
      this.#expire(this.lastError);
      return;
    }
    if (isRefuted(error)) this.#options.onRefuted(this.lastError);
    this.#failures++;
    const rounds = this.#failures - this.#servers.length;
    this.#dialLater(rounds < 0 ? 0 : fullJitterMs(rounds, BACKOFF, this.#options.random));
  }

  #ended(client: ZookeeperClient, fault: 'connectionLost' | 'sessionExpired'): void {
    if (this.#client !== client) return;
    if (fault === 'sessionExpired') this.#expire('the session has expired');
    else this.#relink('the link was lost');
  }

  #expire(reason: string): void {
    this.#client?.drop();
    this.#client = null;
    this.#key = null;
    this.#letGo();
    this.lease.end();
    this.lastError = reason;
    this.#options.onExpired(reason);
    this.#dialLater(0);
  }

  /** The session may go on over another link; the lease runs meanwhile. */
  #relink(reason: unknown): void {
    this.#client = null;
    this.#cancelBeat();
    this.lastError = messageOf(reason);
    this.#dialLater(0);
  }

  #beatLater(): void {
    this.#cancelBeat();
    this.#cancelBeat = this.#options.clock.setTimer(this.timeoutMs / 6, () => {
      this.beat();
      if (this.#client !== null) this.#beatLater();
    });
  }

  async #beat(client: ZookeeperClient): Promise<void> {
    const sent = momentOf(this.#options.clock);
    try {
      await client.commit(this.#options.heartbeat());
    } catch (error) {
      if (this.#client !== client) return;
      if (isRefuted(error)) this.#options.onRefuted(messageOf(error));
      else if (isFault(error, 'sessionExpired')) this.#expire(messageOf(error));
      else this.abandon(client, error);
      return;
    }
    if (this.#client !== client) return;
    this.latencyMs = this.#options.clock.monotonic() - sent.monotonic;
    this.confirm(sent);
  }

  #watchLease(): void {
    this.#cancelLapse();
    if (this.lease.remainingMs() <= 0) return;
    this.#cancelLapse = this.#options.clock.setTimer(Math.ceil(this.lease.remainingMs()), () => {
      if (this.lease.remainingMs() > 0) this.#watchLease();
      else
        this.#options.onLapsed(`nothing was acknowledged for ${this.timeoutMs / 2} ms: ${this.#trouble ?? 'silence'}`);
    });
  }

  #letGo(): void {
    this.#cancelDial();
    this.#cancelBeat();
    this.#cancelLapse();
  }
}

const isRefuted = (error: unknown): boolean => isFault(error, 'noNode') || isFault(error, 'badVersion');

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

function shuffled<Value>(values: readonly Value[], random: () => number): Value[] {
  return values
    .map(value => ({ value, order: random() }))
    .sort((one, other) => one.order - other.order)
    .map(({ value }) => value);
}

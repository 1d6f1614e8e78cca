import { Redis } from 'ioredis';
import {
  type RedisConnection,
  RedisRefusal,
  type RedisReply,
  type RedisSubscription,
  type SubscriptionSink,
} from '../../shared/stream/redis/redis-connection.ts';

export type TcpRedisOptions = {
  /** `redis://user:password@host:port/db`, or `rediss:` */
  readonly url: string;
  /** How long a command may take before it counts as failed. */
  readonly commandTimeoutMs?: number;
};

/** After so many deadlines in a row the connection is dialled anew: its other end may be gone without a word. */
const TIMEOUTS_TO_REDIAL = 3;

/** By default this client queues without bound during an outage and then sends stale data: all of that is off. */
const NOTHING_IS_REPEATED = {
  enableOfflineQueue: false,
  maxRetriesPerRequest: 0,
  autoResendUnfulfilledCommands: false,
  autoResubscribe: false,
  enableReadyCheck: false,
  disableClientInfo: true,
  lazyConnect: true,
  connectTimeout: 2_000,
} as const;

/** A Redis over TCP. The only file that knows its client. */
export class TcpRedisConnection implements RedisConnection {
  readonly name: string;
  readonly #url: string;
  readonly #redis: Redis;
  readonly #subscribers = new Set<Redis>();
  /** Settled when the first attempt to connect has ended, well or not: until then nothing is known to be wrong. */
  readonly #firstDial: Promise<unknown>;
  #timeouts = 0;
  #lastFault: string | null = null;

  constructor({ url, commandTimeoutMs = 1_000 }: TcpRedisOptions) {
    const { hostname, port } = new URL(url);
    this.name = `redis ${hostname}:${port === '' ? '6379' : port}`;
    this.#url = url;
    this.#redis = new Redis(url, {
      ...NOTHING_IS_REPEATED,
      commandTimeout: commandTimeoutMs,
      retryStrategy: times => Math.min(100 * times, 500),
    });
    // Said once for each failed dial, and what a command that meets no connection is told.
    this.#redis.on('error', (error: Error) => {
      this.#lastFault = faultOf(error);
    });
    this.#firstDial = this.#redis.connect().catch(() => {});
  }

  async command(...words: readonly (string | number)[]): Promise<RedisReply> {
    const [name, ...rest] = words;
    await this.#firstDial;
    try {
      const reply = (await this.#redis.call(String(name), ...rest)) as RedisReply;
      this.#timeouts = 0;
      return reply;
    } catch (error) {
      throw this.#explained(error as Error);
    }
  }

  subscribe(channel: string, sink: SubscriptionSink): RedisSubscription {
    const redis = new Redis(this.#url, { ...NOTHING_IS_REPEATED, retryStrategy: () => null });
    this.#subscribers.add(redis);
    let isOpen = true;
    let fault = 'the connection to Redis ended';
    const close = () => {
      isOpen = false;
      this.#subscribers.delete(redis);
      redis.disconnect();
    };
    const end = (reason: string) => {
      if (!isOpen) return;
      close();
      sink.closed(reason);
    };
    redis.on('error', (error: Error) => {
      fault = faultOf(error);
    });
    redis.on('end', () => end(fault));
    redis.on('message', (_: string, text: string) => {
      if (isOpen) sink.message(text);
    });
    redis
      .connect()
      .then(() => redis.subscribe(channel))
      .then(() => {
        if (isOpen) sink.ready();
      })
      .catch((error: Error) => end(faultOf(error)));
    return { close };
  }

  async stop(): Promise<void> {
    for (const subscriber of this.#subscribers) subscriber.disconnect();
    this.#redis.disconnect();
  }

  #explained(error: Error): Error {
    if (error.name === 'ReplyError') return new RedisRefusal(error.message);
    if (error.message === 'Command timed out' && ++this.#timeouts >= TIMEOUTS_TO_REDIAL) {
      this.#timeouts = 0;
      this.#redis.disconnect(true);
    }
    const isUnconnected = this.#redis.status !== 'ready' && this.#lastFault !== null;
    return new Error(isUnconnected ? this.#lastFault! : faultOf(error), { cause: error });
  }
}

function faultOf(error: Error): string {
  const { code } = error as NodeJS.ErrnoException;
  return error.message === '' ? (code ?? error.name) : error.message;
}

import { Redis } from '@upstash/redis';
import {
  type RedisConnection,
  RedisRefusal,
  type RedisReply,
  type RedisSubscription,
  type SubscriptionSink,
} from '../../shared/stream/redis/redis-connection.ts';

export type RestRedisOptions = {
  readonly url: string;
  readonly token: string;
  /** How long a command may take before it counts as failed. */
  readonly commandTimeoutMs?: number;
};

/**
 * A Redis over the Upstash REST protocol. The only file that knows its client, whose subscriber says nothing when its
 * stream ends: that a subscription died is for its reader to notice by the silence (rule HB1).
 */
export class RestRedisConnection implements RedisConnection {
  readonly name: string;
  readonly #redis: Redis;
  readonly #subscriptions = new Set<RedisSubscription>();

  constructor({ url, token, commandTimeoutMs = 2_000 }: RestRedisOptions) {
    this.name = `redis ${new URL(url).host}`;
    this.#redis = new Redis({
      url,
      token,
      // A function, so that every request has a deadline of its own.
      signal: () => AbortSignal.timeout(commandTimeoutMs),
      // Only `retries: 0` means once: `false` sends everything that failed a second time.
      retry: { retries: 0 },
      automaticDeserialization: false,
      enableAutoPipelining: false,
      enableTelemetry: false,
    });
  }

  async command(...words: readonly (string | number)[]): Promise<RedisReply> {
    try {
      return await this.#redis.exec<RedisReply>([String(words[0]), ...words.slice(1)]);
    } catch (error) {
      const { name, message, cause } = error as Error;
      if (name === 'UpstashError') throw new RedisRefusal(message);
      // `fetch failed` says nothing; what it wraps does.
      throw new Error(cause instanceof Error ? cause.message || message : message, { cause: error });
    }
  }

  subscribe(channel: string, sink: SubscriptionSink): RedisSubscription {
    let isOpen = true;
    const subscriber = this.#redis.subscribe<string>([channel]);
    const subscription: RedisSubscription = {
      close: () => {
        isOpen = false;
        this.#subscriptions.delete(subscription);
        void subscriber.unsubscribe();
      },
    };
    this.#subscriptions.add(subscription);
    subscriber.on('subscribe', () => {
      if (isOpen) sink.ready();
    });
    subscriber.on('message', ({ message }) => {
      if (isOpen) sink.message(message);
    });
    subscriber.on('error', error => {
      if (!isOpen) return;
      subscription.close();
      sink.closed(error.message);
    });
    return subscription;
  }

  async stop(): Promise<void> {
    for (const subscription of this.#subscriptions) subscription.close();
  }
}

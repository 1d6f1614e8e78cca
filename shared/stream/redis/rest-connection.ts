import {
  type RedisConnection,
  RedisRefusal,
  type RedisReply,
  type RedisSubscription,
  type SubscriptionSink,
} from './redis-connection.ts';

export type RestAccess = {
  /** Of Upstash, or of a gateway in front of any Redis. */
  readonly url: string;
  readonly token: string;
  /** How long a command may take before it counts as failed; 2 s by default. */
  readonly commandTimeoutMs?: number;
};

/** What we use of the client of the Upstash REST protocol; each runtime has a build of its own. */
export type RestClient = {
  exec<Reply>(command: [command: string, ...words: (string | number)[]]): Promise<Reply>;
  subscribe(channel: string): RestSubscriber;
};

type RestSubscriber = {
  on(type: 'subscribe' | 'message' | 'error', listener: (said: unknown) => void): void;
  unsubscribe(): Promise<void>;
};

/** How the client has to be set up so that {@link RedisConnection} keeps its promises. */
export function restClientSettings({ url, token, commandTimeoutMs = 2_000 }: RestAccess) {
  return {
    url,
    token,
    // A function, so that every request has a deadline of its own.
    signal: () => AbortSignal.timeout(commandTimeoutMs),
    // Only `retries: 0` means once: `false` sends everything that failed a second time.
    retry: { retries: 0 },
    automaticDeserialization: false,
    enableAutoPipelining: false,
    enableTelemetry: false,
  };
}

/**
 * A Redis over the Upstash REST protocol. The client's subscriber says nothing when its stream ends: that a subscription
 * died is for its reader to notice by the silence (rule HB1).
 */
export class RestConnection implements RedisConnection {
  readonly name: string;
  readonly #client: RestClient;
  readonly #subscriptions = new Set<RedisSubscription>();

  constructor({ url }: RestAccess, client: RestClient) {
    this.name = `redis ${new URL(url).host}`;
    this.#client = client;
  }

  async command(...words: readonly (string | number)[]): Promise<RedisReply> {
    try {
      return await this.#client.exec<RedisReply>([String(words[0]), ...words.slice(1)]);
    } catch (error) {
      const { name, message, cause } = error as Error;
      if (name === 'UpstashError') throw new RedisRefusal(message);
      // `fetch failed` says nothing; what it wraps does.
      throw new Error(cause instanceof Error ? cause.message || message : message, { cause: error });
    }
  }

  subscribe(channel: string, sink: SubscriptionSink): RedisSubscription {
    let isOpen = true;
    const subscriber = this.#client.subscribe(channel);
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
    subscriber.on('message', said => {
      if (isOpen) sink.message(String((said as { message: unknown }).message));
    });
    subscriber.on('error', error => {
      if (!isOpen) return;
      subscription.close();
      sink.closed(error instanceof Error ? error.message : String(error));
    });
    return subscription;
  }

  async stop(): Promise<void> {
    for (const subscription of this.#subscriptions) subscription.close();
  }
}

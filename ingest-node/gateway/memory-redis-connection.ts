import {
  type RedisConnection,
  RedisRefusal,
  type RedisReply,
  type RedisSubscription,
  type SubscriptionSink,
} from '../../shared/stream/redis/redis-connection.ts';
import type { MemoryStore } from './memory-store.ts';
import { ReplyError } from './reply.ts';

/**
 * A connection to the memory of this process: a node without a Redis publishes into its own gateway's store, without
 * HTTP in between. Messages arrive in a later step of the event loop, as from a socket.
 */
export class MemoryRedisConnection implements RedisConnection {
  readonly name = 'redis in memory';
  readonly #store: MemoryStore;
  readonly #subscriptions = new Set<RedisSubscription>();
  #isStopped = false;

  constructor(store: MemoryStore) {
    this.#store = store;
  }

  async command(...words: readonly (string | number)[]): Promise<RedisReply> {
    if (this.#isStopped) throw new Error('the connection is closed');
    const reply = this.#store.execute(words.map(String));
    if (reply instanceof ReplyError) throw new RedisRefusal(reply.message);
    // The memory holds text only, and no script of ours answers with an error within a list.
    return reply as RedisReply;
  }

  subscribe(channel: string, sink: SubscriptionSink): RedisSubscription {
    let isOpen = true;
    const whileOpen = (tell: () => void) => {
      queueMicrotask(() => {
        if (isOpen) tell();
      });
    };
    const leave = this.#store.listen('channel', channel, {
      onMessage: (_, payload) => whileOpen(() => sink.message(payload.toString())),
      onLost: () =>
        whileOpen(() => {
          subscription.close();
          sink.closed('the memory store was closed');
        }),
    });
    const subscription = {
      close: () => {
        isOpen = false;
        this.#subscriptions.delete(subscription);
        leave();
      },
    };
    this.#subscriptions.add(subscription);
    whileOpen(() => sink.ready());
    return subscription;
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    for (const subscription of this.#subscriptions) subscription.close();
  }
}

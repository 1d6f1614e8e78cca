import type { Subscriber, SubscriptionKind } from '../gateway-store.ts';
import { compileGlob } from './glob.ts';

type Audience = { readonly matches: (channel: string) => boolean; readonly subscribers: Set<Subscriber> };

/** Who listens to which channel in the memory store. */
export class MessageBoard {
  readonly #audiences = { channel: new Map<string, Audience>(), pattern: new Map<string, Audience>() };

  subscribe(kind: SubscriptionKind, name: string, subscriber: Subscriber): () => void {
    const audiences = this.#audiences[kind];
    const audience = audiences.get(name) ?? {
      matches: kind === 'pattern' ? compileGlob(name) : () => true,
      subscribers: new Set<Subscriber>(),
    };
    audiences.set(name, audience);
    audience.subscribers.add(subscriber);
    return () => {
      audience.subscribers.delete(subscriber);
      if (audience.subscribers.size === 0 && audiences.get(name) === audience) audiences.delete(name);
    };
  }

  /** Everyone a message in this channel goes to; who matches twice, twice. */
  listeners(channel: string): readonly Subscriber[] {
    const direct = this.#audiences.channel.get(channel);
    const listeners = [...(direct?.subscribers ?? [])];
    for (const pattern of this.#audiences.pattern.values()) {
      if (pattern.matches(channel)) listeners.push(...pattern.subscribers);
    }
    return listeners;
  }

  /** Subscriptions that there are. */
  get size(): number {
    const audiences = [...this.#audiences.channel.values(), ...this.#audiences.pattern.values()];
    return audiences.reduce((sum, { subscribers }) => sum + subscribers.size, 0);
  }

  /** Ends every subscription. */
  close(): void {
    for (const audiences of [this.#audiences.channel, this.#audiences.pattern]) {
      const lost = [...audiences.values()].flatMap(audience => [...audience.subscribers]);
      audiences.clear();
      for (const subscriber of lost) subscriber.onLost();
    }
  }
}

import type { CancelTimer, Clock } from '../../base/clock.ts';
import type { RedisConnection, RedisSubscription, SubscriptionSink } from './redis-connection.ts';

export type RenewalOptions = {
  readonly connection: RedisConnection;
  readonly channel: string;
  readonly clock: Clock;
  /** Below whatever age at which a proxy in between would end it. */
  readonly everyMs: number;
};

/** The old one has by then brought whatever was published before the new one was confirmed. */
const OVERLAP_MS = 1_000;

/**
 * A subscription that is replaced before it grows old, the new one beside the old: nobody notices. What both bring comes
 * twice, which its reader trims (rule TRM1); what only one brings is not lost.
 */
export function subscribeRenewed(options: RenewalOptions, sink: SubscriptionSink): RedisSubscription {
  const renewed = new RenewedSubscription(options, sink);
  renewed.begin();
  return renewed;
}

/** One that is to take over: what it brings waits until the old one is let go. */
type Successor = { subscription: RedisSubscription | null; readonly waiting: string[] };

class RenewedSubscription implements RedisSubscription {
  readonly #options: RenewalOptions;
  readonly #sink: SubscriptionSink;
  #isOpen = true;
  #current: RedisSubscription | null = null;
  #successor: Successor | null = null;
  #cancelRenewal: CancelTimer = () => {};
  #cancelOverlap: CancelTimer = () => {};

  constructor(options: RenewalOptions, sink: SubscriptionSink) {
    this.#options = options;
    this.#sink = sink;
  }

  begin(): void {
    const { connection, channel } = this.#options;
    this.#current = connection.subscribe(channel, {
      ready: () => this.#sink.ready(),
      message: text => this.#sink.message(text),
      closed: reason => this.#ended(reason),
    });
    this.#renewLater();
  }

  close(): void {
    this.#isOpen = false;
    this.#cancelRenewal();
    this.#dropSuccessor();
    this.#current?.close();
  }

  #renewLater(): void {
    this.#cancelRenewal = this.#options.clock.setTimer(this.#options.everyMs, () => {
      // One that is still not confirmed never will be.
      this.#dropSuccessor();
      this.#renew();
      this.#renewLater();
    });
  }

  #renew(): void {
    const { connection, channel, clock } = this.#options;
    const successor: Successor = { subscription: null, waiting: [] };
    this.#successor = successor;
    let isCurrent = false;
    successor.subscription = connection.subscribe(channel, {
      ready: () => {
        this.#cancelOverlap = clock.setTimer(OVERLAP_MS, () => {
          isCurrent = true;
          this.#takeOver(successor);
        });
      },
      message: text => {
        if (isCurrent) this.#sink.message(text);
        else successor.waiting.push(text);
      },
      closed: reason => {
        if (isCurrent) this.#ended(reason);
        else if (this.#successor === successor) this.#dropSuccessor();
      },
    });
  }

  #takeOver({ subscription, waiting }: Successor): void {
    this.#current?.close();
    this.#current = subscription;
    this.#successor = null;
    for (const text of waiting) if (this.#isOpen) this.#sink.message(text);
  }

  #dropSuccessor(): void {
    this.#cancelOverlap();
    const successor = this.#successor;
    this.#successor = null;
    successor?.subscription?.close();
  }

  #ended(reason: string): void {
    if (!this.#isOpen) return;
    this.close();
    this.#sink.closed(reason);
  }
}

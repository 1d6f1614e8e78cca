/**
 * What the gateway serves: a Redis, or a stand-in for one. The store runs commands and carries messages; what a client may
 * ask, and how it is written on the wire, is the gateway's. One suite runs against every store.
 */
import type { Reply, ReplyError } from './reply.ts';

/** The name and its arguments, as Redis takes them. */
export type Command = readonly string[];

export type SubscriptionKind = 'channel' | 'pattern';

export type Subscriber = {
  onMessage(channel: string | Buffer, payload: string | Buffer): void;
  /** The subscription has ended by itself: from here on messages may be missed. Called at most once. */
  onLost(): void;
};

export type StoreHealth = {
  /** Why commands or messages do not get through at the moment; `null` when they do. */
  readonly fault: string | null;
  /** Epoch milliseconds: since when it has been so. */
  readonly since: number;
  /** Of the last round trip; `null` where there is none. */
  readonly latencyMs: number | null;
};

export interface GatewayStore {
  /**
   * Runs commands in their order, where others' may come between them. What a command answers stands in its place, a failure
   * as a {@link ReplyError}. Rejects with {@link StoreUnreachable} when nothing is known of what was run.
   */
  run(commands: readonly Command[]): Promise<readonly Reply[]>;

  /** Runs all of them with nothing in between, or none: then the one error says why. Rejects as {@link run} does. */
  transact(commands: readonly Command[]): Promise<readonly Reply[] | ReplyError>;

  /**
   * Resolves once every message published from now on will be delivered, with what ends the subscription. Rejects with
   * {@link StoreUnreachable}.
   */
  subscribe(kind: SubscriptionKind, name: string, subscriber: Subscriber): Promise<() => void>;

  readonly health: StoreHealth;

  /** Ends every subscription (`onLost`) and lets go of connections. */
  close(): Promise<void>;
}

/** The store behind the gateway does not answer; commands may have been run or not. */
export class StoreUnreachable extends Error {
  override readonly name = 'StoreUnreachable';
}

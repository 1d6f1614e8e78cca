import type { KafkaLockout } from './kafka-lockout.ts';

export type Address = { readonly host: string; readonly port: number };

/** A wrong password is not tried more often than this: some brokers, and whoever watches them, take it for an attack. */
const LOCKED_OUT_FOR_MS = 5_000;

/**
 * Whom to ask first in a Kafka, known in common by all connections to it: a reader that begins anew must not begin with
 * the broker that has just failed its predecessor. Brokers that others have named are asked too, after the configured ones.
 */
export class KafkaBrokers {
  readonly #configured: readonly Address[];
  #learnt: readonly Address[] = [];
  /** The one that answered last, as far as anybody knows. */
  #first: Address;
  /** Who does not take us as we come, and until when that is not to be tried again (monotonic). */
  readonly #lockouts = new Map<string, { readonly reason: KafkaLockout; readonly until: number }>();

  constructor(brokers: readonly string[]) {
    this.#configured = brokers.map(addressOf);
    this.#first = this.#configured[0]!;
  }

  /** For people. */
  get name(): string {
    return keyOf(this.#configured[0]!);
  }

  get first(): Address {
    return this.#first;
  }

  /** Everybody, in the order in which they are to be asked. */
  get candidates(): readonly Address[] {
    const all = [...new Map([...this.#configured, ...this.#learnt].map(each => [keyOf(each), each])).values()];
    const index = all.findIndex(each => keyOf(each) === keyOf(this.#first));
    return index < 0 ? all : [...all.slice(index), ...all.slice(0, index)];
  }

  learn(addresses: readonly Address[]): void {
    this.#learnt = addresses;
  }

  /** That one did not answer. Of several connections that say so the first is heard: together they must not go round in a circle. */
  failed(address: Address): void {
    if (keyOf(address) !== keyOf(this.#first)) return;
    this.#first = this.candidates[1] ?? this.#first;
  }

  /** A connection was made. */
  admitted(address: Address): void {
    this.#lockouts.delete(keyOf(address));
  }

  /** @param now monotonic */
  lockedOut(address: Address, reason: KafkaLockout, now: number): void {
    this.#lockouts.set(keyOf(address), { reason, until: now + LOCKED_OUT_FOR_MS });
  }

  /** Why that one is not to be dialled; `null` when it may be, which is said to one at a time. @param now monotonic */
  lockout(address: Address, now: number): KafkaLockout | null {
    const known = this.#lockouts.get(keyOf(address));
    if (known === undefined) return null;
    if (now < known.until) return known.reason;
    this.lockedOut(address, known.reason, now);
    return null;
  }
}

export function keyOf({ host, port }: Address): string {
  return `${host}:${port}`;
}

function addressOf(broker: string): Address {
  const colon = broker.lastIndexOf(':');
  return { host: broker.slice(0, colon).replace(/^\[|\]$/g, ''), port: Number(broker.slice(colon + 1)) };
}

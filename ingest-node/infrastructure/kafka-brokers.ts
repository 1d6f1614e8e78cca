export type Address = { readonly host: string; readonly port: number };

/**
 * Whom to ask first in a Kafka, known in common by all connections to it: a reader that begins anew must not begin with
 * the broker that has just failed its predecessor. Brokers that others have named are asked too, after the configured ones.
 */
export class KafkaBrokers {
  readonly #configured: readonly Address[];
  #learnt: readonly Address[] = [];
  /** The one that answered last, as far as anybody knows. */
  #first: Address;

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
}

export function keyOf({ host, port }: Address): string {
  return `${host}:${port}`;
}

function addressOf(broker: string): Address {
  const colon = broker.lastIndexOf(':');
  return { host: broker.slice(0, colon).replace(/^\[|\]$/g, ''), port: Number(broker.slice(colon + 1)) };
}

/** Who wants which stream. A stream nobody wants any more leaves no trace. */
export class Topics<Subscriber> {
  readonly #subscribers = new Map<string, Set<Subscriber>>();

  add(topic: string, subscriber: Subscriber): void {
    const subscribers = this.#subscribers.get(topic);
    if (subscribers === undefined) this.#subscribers.set(topic, new Set([subscriber]));
    else subscribers.add(subscriber);
  }

  remove(topic: string, subscriber: Subscriber): void {
    const subscribers = this.#subscribers.get(topic);
    subscribers?.delete(subscriber);
    if (subscribers?.size === 0) this.#subscribers.delete(topic);
  }

  has(topic: string): boolean {
    return this.#subscribers.has(topic);
  }

  of(topic: string): ReadonlySet<Subscriber> | undefined {
    return this.#subscribers.get(topic);
  }
}

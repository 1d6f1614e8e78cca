/** Where something outside the stream went wrong. The stream itself goes on. */
export type StreamFault = {
  /** `listener`: one of the page's own functions threw. `discovery`: `/ws/info` could not be used. */
  readonly where: 'listener' | 'discovery';
  readonly error: unknown;
};

/**
 * Typed listeners, kept apart from one another: one that throws is reported and does not keep the next one, or the
 * stream, from going on.
 */
export class Listeners<Events extends { error: StreamFault }> {
  readonly #byName = new Map<keyof Events, Set<(event: never) => void>>();
  #faults = 0;

  /** How often a listener threw. */
  get faults(): number {
    return this.#faults;
  }

  /** Answers how to stop listening. The same function added twice is called once. */
  on<Name extends keyof Events>(name: Name, listener: (event: Events[Name]) => void): () => void {
    let listeners = this.#byName.get(name);
    if (listeners === undefined) {
      listeners = new Set();
      this.#byName.set(name, listeners);
    }
    listeners.add(listener);
    return () => listeners.delete(listener);
  }

  has(name: keyof Events): boolean {
    return (this.#byName.get(name)?.size ?? 0) > 0;
  }

  emit<Name extends keyof Events>(name: Name, event: Events[Name]): void {
    const listeners = this.#byName.get(name) as Set<(event: Events[Name]) => void> | undefined;
    if (listeners === undefined) return;
    for (const listener of listeners) {
      try {
        listener(event);
      } catch (error) {
        this.#faults++;
        // A fault in the fault listener has nobody left to be told to.
        if (name === 'error') console.error('an "error" listener of the exchange stream threw', error);
        else this.report({ where: 'listener', error });
      }
    }
  }

  /** To the `error` listeners; a thrown error of the page's own reaches the console when there are none. */
  report(fault: StreamFault): void {
    if (this.has('error')) this.emit('error', fault as Events['error']);
    else if (fault.where === 'listener') console.error('a listener of the exchange stream threw', fault.error);
  }

  clear(): void {
    this.#byName.clear();
  }
}

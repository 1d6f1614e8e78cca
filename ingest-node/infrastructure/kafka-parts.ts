import type { Batch } from '../../shared/wire/messages.ts';
import type { StreamRecord } from './kafka-layout.ts';

/**
 * Holds the parts of a batch until its last one is there. Its writer may end, or be replaced, between two of them; then the
 * batch comes again, perhaps in other parts, and those of the first attempt must not be mixed with these.
 */
export class HeldParts {
  #key = '';
  #held: Batch[] = [];

  /** @returns all parts of the batch that a record completes; nothing while others must follow, or when some were missed */
  add({ type, writer, epoch, first, next, part, parts }: StreamRecord, batch: Batch | null): readonly Batch[] {
    const key = `${type}:${writer}:${epoch}:${first}:${next}:${parts}`;
    if (key !== this.#key || part === 1) this.#held = [];
    this.#key = key;
    if (batch === null || part !== this.#held.length + 1) return [];
    this.#held.push(batch);
    if (part < parts) return [];
    const whole = this.#held;
    this.#held = [];
    return whole;
  }
}

import type { Batch, Snapshot } from '../../../../shared/wire/messages.ts';

type Parted = Batch | Snapshot;

/** Puts batches and snapshots that travel in parts together again (rule SNP1). One per connection. */
export class PartJoiner {
  #whole: Parted | null = null;
  #parts = 0;

  /** The whole, when this was its last part or its only one. */
  join<Message extends Parted>(message: Message): Message | null {
    const { part = 1, parts = 1 } = message;
    if (parts === 1) return message;
    if (part === 1) this.#whole = { ...message, events: [...message.events] };
    else if (this.#whole?.type === message.type && part === this.#parts + 1) {
      this.#whole = { ...this.#whole, events: [...this.#whole.events, ...message.events] };
    } else this.#whole = null;
    this.#parts = part;
    if (this.#whole === null || part < parts) return null;
    const whole = this.#whole as Message;
    this.#whole = null;
    return whole;
  }
}

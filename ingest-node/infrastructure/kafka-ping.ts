import type { Clock } from '../../shared/base/clock.ts';
import type { KafkaConnection } from './kafka-connection.ts';
import { ONLY, STREAM_TOPIC } from './kafka-layout.ts';
import { KafkaRefusal } from './kafka-refusal.ts';
import type { PublishingFault } from './write-loop.ts';

/** A leader that comes creates the topic, or creates it again. */
const MISSING_PATIENCE_MS = 10_000;
const MISSING = 'UNKNOWN_TOPIC_OR_PARTITION';

/**
 * Whether the stream can be had, asked of the one who has it: the leader of its partition. A broker that answers "not
 * authorized" or "nobody leads it" is there, and is of no use to a reader.
 */
export class KafkaPing {
  readonly #connection: KafkaConnection;
  readonly #clock: Clock;
  #refusal: (PublishingFault & { readonly type: string }) | null = null;

  constructor(connection: KafkaConnection, clock: Clock) {
    this.#connection = connection;
    this.#clock = clock;
  }

  async ask(): Promise<void> {
    try {
      await this.#connection.end(STREAM_TOPIC, ONLY);
      this.#refusal = null;
    } catch (error) {
      // Silence is measured by whoever asks.
      if (error instanceof KafkaRefusal) this.#refused(error);
      throw error;
    }
  }

  /** Something was written: whatever was refused before, is no longer. */
  served(): void {
    this.#refusal = null;
  }

  /** What keeps a reader from the stream, and since when. */
  get fault(): PublishingFault | null {
    const refusal = this.#refusal;
    const isSoon = refusal?.type === MISSING && this.#clock.now() - refusal.since < MISSING_PATIENCE_MS;
    return isSoon ? null : refusal;
  }

  #refused({ type, message }: KafkaRefusal): void {
    const since = this.#refusal?.type === type ? this.#refusal.since : this.#clock.now();
    this.#refusal = { type, reason: message, since };
  }
}

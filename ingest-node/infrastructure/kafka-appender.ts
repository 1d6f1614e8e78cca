import type { KafkaConnection, KafkaRecord, ProducerIdentity } from './kafka-connection.ts';
import { ONLY } from './kafka-layout.ts';
import { batchBytes, isIndivisible, piecesWithin } from './kafka-pieces.ts';
import { isTooLarge, tooLarge } from './kafka-refusal.ts';

/** Whoever writes under a name that the broker keeps for one at a time. */
export type NamedWriter = {
  readonly identity: ProducerIdentity;
  /** Numbers that the broker counts along, by topic: it refuses what is repeated or left out. */
  readonly sequences: Map<string, number>;
};

/** Told where a piece lies, and of how many records it is; answers whether to go on. */
type Written = (base: number, count: number) => Promise<boolean>;

/**
 * Appends records in order: at once, or in pieces where the topic does not take as much. Each piece is one write, so that
 * somebody else may come between two; what is then missing of a batch is for its readers as if all of it were.
 */
export class KafkaAppender {
  readonly #connection: KafkaConnection;
  /** Bytes of a record batch that a topic takes, where it has refused one that was larger. */
  readonly #limits = new Map<string, number>();

  constructor(connection: KafkaConnection) {
    this.#connection = connection;
  }

  /** @returns whether all were written: `false` when `written` did not want to go on */
  async append(
    topic: string,
    writer: NamedWriter,
    records: readonly KafkaRecord[],
    written: Written = async () => true,
  ): Promise<boolean> {
    let pieces = this.#piecesOf(topic, records);
    for (let next = 0; next < pieces.length; ) {
      const piece = pieces[next]!;
      try {
        const base = await this.#write(topic, writer, piece);
        if (!(await written(base, piece.length))) return false;
        next++;
      } catch (error) {
        if (!isTooLarge(error)) throw error;
        await this.#learnLimit(topic, piece);
        // What has begun in parts of one size is not gone on with in others: the next attempt has the right ones.
        if (next > 0) throw error;
        pieces = this.#piecesOf(topic, records);
      }
    }
    return true;
  }

  /** The next large write is tried at once again. */
  forgetLimits(): void {
    this.#limits.clear();
  }

  #piecesOf(topic: string, records: readonly KafkaRecord[]): readonly (readonly KafkaRecord[])[] {
    const limit = this.#limits.get(topic);
    return limit === undefined ? [records] : piecesWithin(records, limit);
  }

  async #write(topic: string, { identity, sequences }: NamedWriter, records: readonly KafkaRecord[]): Promise<number> {
    const sequence = sequences.get(topic) ?? 0;
    const base = await this.#connection.append(topic, ONLY, records, { identity, sequence });
    sequences.set(topic, sequence + records.length);
    return base;
  }

  /** After a refusal. Rejects when nothing smaller can be written. */
  async #learnLimit(topic: string, refused: readonly KafkaRecord[]): Promise<void> {
    const bytes = batchBytes(refused);
    // Who may write may not be allowed to ask that.
    const limit = await this.#connection.maxBatchBytes(topic).catch(() => null);
    if (isIndivisible(refused)) {
      this.#limits.delete(topic);
      throw tooLarge(topic, bytes, limit);
    }
    this.#limits.set(topic, limit !== null && limit < bytes ? limit : Math.floor(bytes / 2));
  }
}

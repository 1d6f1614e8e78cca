import { comparePositions, type Lineage, type Position } from '../../shared/wire/position.ts';
import { FencedError, type PathTail } from './infrastructure-service.ts';
import { KafkaAppender, type NamedWriter } from './kafka-appender.ts';
import type { KafkaConnection, KafkaRecord, ProducerIdentity } from './kafka-connection.ts';
import {
  headOf,
  leadsTo,
  SNAPSHOT_PLAN,
  SNAPSHOT_TOPIC,
  STREAM_PLAN,
  STREAM_TOPIC,
  type StreamRecord,
  writeSnapshotRecord,
  writeStreamRecord,
} from './kafka-layout.ts';
import { KafkaRefusal } from './kafka-refusal.ts';
import { highestWriter, type KafkaTail, readTail } from './kafka-tail.ts';
import { ensureTopics } from './kafka-topics.ts';
import type { PathAnswer, PathSnapshot, PathUnit, PathWriter } from './path-publisher.ts';

export type KafkaWriterOptions = {
  readonly connection: KafkaConnection;
  /** Told what was found where something of ours should be. */
  readonly onFault: (fault: string) => void;
  /** Told what has arrived. */
  readonly onArrived?: (position: Position) => void;
};

/** Whoever took the name last is the writer; see {@link KafkaWriter}. */
const PEN = STREAM_TOPIC;
/** How often a fence is tried anew because somebody else raised one in the same moment. */
const FENCE_ATTEMPTS = 4;

const NOTHING: Position = { epoch: 0, offset: 0 };

/** What is known of the topic while nobody else writes. */
type Pen = NamedWriter & {
  readonly writer: number;
  /** Offset that the next record must get. */
  end: number;
  start: number;
  position: Position | null;
  lineage: Lineage;
  /** Nothing was written since the fence: what it found is still all there is. */
  isFresh: boolean;
  /** The fence is still to be written, with whatever comes first. */
  owesFence: boolean;
};

/**
 * The writing half of the stream in a Kafka. A fence is two things in this order: the name of the writer is taken at the
 * broker, and a record is written under it. From that record on the broker refuses what anybody wrote under the name
 * before, also what was on its way; so the end of the stream is final there, and each later write needs no question. Where
 * nobody else writes any more, the record goes with the first write: the end is what was found, or that write tells.
 * Should the broker have forgotten the name, the offset of the next write says that somebody else has written, and every
 * reader drops the lower writer's records (rule ORD2).
 */
export class KafkaWriter implements PathWriter {
  readonly #options: KafkaWriterOptions;
  readonly #appender: KafkaAppender;
  #pen: Pen | null = null;
  /** A fence that is being raised: a second one for the same writer would shut the first out. */
  #raising: { readonly writer: number; readonly tail: Promise<PathTail> } | null = null;

  constructor(options: KafkaWriterOptions) {
    this.#options = options;
    this.#appender = new KafkaAppender(options.connection);
  }

  async fence(writer: number, isAlone = false): Promise<PathTail> {
    if (this.#raising?.writer === writer) return this.#raising.tail;
    const raising = { writer, tail: this.#fence(writer, isAlone) };
    this.#raising = raising;
    try {
      return await raising.tail;
    } finally {
      if (this.#raising === raising) this.#raising = null;
    }
  }

  async #fence(writer: number, isAlone: boolean): Promise<PathTail> {
    const { connection } = this.#options;
    const known = this.#penOf(writer);
    // A new leader fences every path, and then begins to publish: at a moment in which everybody waits for its first batch.
    if (known?.isFresh === true) {
      known.isFresh = false;
      return { writer, position: known.position, lineage: known.lineage };
    }
    this.#pen = null;
    // Side by side, because everybody waits meanwhile; a broker answers in the order of the questions. Somebody higher who
    // loses the name by this takes it again with the next write.
    const asked = [this.#readTail().catch(() => null), connection.nextIdentity(PEN).catch(() => null)] as const;
    const topics = ensureTopics(connection, [STREAM_PLAN, SNAPSHOT_PLAN]);
    // It may fail before the others have answered. Where there is a stream, a topic that is missing beside it is told by
    // the write that needs it.
    topics.catch(() => {});
    const [tail, identity] = await Promise.all(asked);
    if (tail === null || identity === null) await topics;
    if (isAlone && tail !== null && identity !== null) {
      if (tail.writer > writer) throw new FencedError('kafka', tail.writer);
      this.#pen = { ...tail, writer, identity, isFresh: false, owesFence: true, sequences: new Map() };
      return this.#told(this.#pen);
    }
    for (let attempt = 1; ; attempt++) {
      try {
        this.#pen = await this.#raise(writer, attempt === 1 ? { tail, identity } : { tail: null, identity: null });
        return this.#told(this.#pen);
      } catch (error) {
        if (!isShutOut(error) || attempt === FENCE_ATTEMPTS) throw error;
      }
    }
  }

  #told({ writer, position, lineage }: Pen): PathTail {
    if (position !== null) this.#options.onArrived?.(position);
    return { writer, position, lineage };
  }

  /** @param known the end of the stream and the name, when they were read and taken just now */
  async #raise(
    writer: number,
    known: { readonly tail: KafkaTail | null; readonly identity: ProducerIdentity | null },
  ): Promise<Pen> {
    let tail = known.tail ?? (await this.#readTail());
    if (tail.writer > writer) throw new FencedError('kafka', tail.writer);
    const identity = known.identity ?? (await this.#options.connection.nextIdentity(PEN));
    const pen: Pen = { ...tail, writer, identity, isFresh: true, owesFence: false, sequences: new Map() };
    while (!(await this.#append(pen, [this.#mark(pen, 'fence')]))) {
      // Somebody wrote between the look and the fence, and nobody can any more: a second record says what is true.
      tail = await this.#readTail(pen.end - 1);
      if (tail.writer > writer) throw new FencedError('kafka', tail.writer);
      Object.assign(pen, { position: tail.position, lineage: tail.lineage, start: tail.start });
    }
    return pen;
  }

  async append(unit: PathUnit): Promise<PathAnswer> {
    return this.#write(unit.writer, (pen, records) => {
      if (unit.replaces || pen.position === null) {
        if (pen.position !== null) records.push(this.#mark(pen, 'gap'));
        pen.start = pen.end + records.length;
      }
      for (const message of unit.messages) {
        const head = headOf(message);
        pen.lineage = head.lineage ?? pen.lineage;
        const { epoch, first, next, part = 1, parts = 1 } = head;
        records.push(this.#record(pen, { type: 'batch', epoch, first, next, part, parts }, message));
      }
      pen.position = unit.position;
    });
  }

  beat(writer: number, _after: Position | null, message: string): Promise<PathAnswer> {
    return this.#write(writer, (pen, records) => {
      const { epoch, next } = headOf(message);
      const position = leadsTo({ epoch, next });
      // A log that holds nothing more of what the path lacks: a loss, though nothing has followed it yet.
      if (position !== null && position.offset > 0 && comparePositions(position, pen.position ?? NOTHING) > 0) {
        pen.position = position;
        pen.start = pen.end + records.length;
      }
      records.push(this.#mark(pen, 'heartbeat', message));
    });
  }

  async writeSnapshot({ writer, position, lineage, messages }: PathSnapshot): Promise<void> {
    const parts = messages.length;
    const records = messages.map((message, index) =>
      writeSnapshotRecord({ writer, position, part: index + 1, parts }, message),
    );
    const pen = this.#penOf(writer);
    if (pen === null) throw new Error('the path was not looked at');
    await this.#refused(writer, () => this.#appender.append(SNAPSHOT_TOPIC, pen, records));
    // As often as that, because somebody may have raised them.
    this.#appender.forgetLimits();
    if (position.epoch === pen.position?.epoch) pen.lineage = lineage;
  }

  /** What lies there, without raising anything. */
  async tail(): Promise<PathTail> {
    try {
      const { writer, position, lineage } = await this.#readTail();
      return { writer, position, lineage };
    } catch (error) {
      if (error instanceof KafkaRefusal && error.type === 'UNKNOWN_TOPIC_OR_PARTITION') {
        return { writer: 0, position: null, lineage: [] };
      }
      throw error;
    }
  }

  #readTail(before?: number): Promise<KafkaTail> {
    const { connection, onFault } = this.#options;
    return readTail(connection, onFault, before);
  }

  #penOf(writer: number): Pen | null {
    return this.#pen?.writer === writer ? this.#pen : null;
  }

  async #write(writer: number, compose: (pen: Pen, records: KafkaRecord[]) => void): Promise<PathAnswer> {
    const pen = this.#penOf(writer);
    if (pen === null) return answer(true);
    pen.isFresh = false;
    const records = pen.owesFence ? [this.#mark(pen, 'fence')] : [];
    pen.owesFence = false;
    compose(pen, records);
    const isLevel = await this.#refused(writer, () => this.#append(pen, records));
    if (isLevel && pen.position !== null) this.#options.onArrived?.(pen.position);
    return answer(!isLevel);
  }

  /** A writer that is shut out learns by whom. */
  async #refused<Result>(writer: number, write: () => Promise<Result>): Promise<Result> {
    try {
      return await write();
    } catch (error) {
      if (this.#pen?.writer === writer) this.#pen = null;
      if (!isShutOut(error)) throw error;
      const { writer: higher } = await this.#readTail();
      throw higher > writer ? new FencedError('kafka', higher) : error;
    }
  }

  /** Whether nobody else has written in between. Somebody higher is found there even when the broker has let us write. */
  #append(pen: Pen, records: readonly KafkaRecord[]): Promise<boolean> {
    const { connection, onFault } = this.#options;
    return this.#appender.append(STREAM_TOPIC, pen, records, async (end, count) => {
      const start = pen.end;
      pen.end = end + count;
      if (start === end) return true;
      const higher = await highestWriter(connection, { start, end });
      if (higher > pen.writer) throw new FencedError('kafka', higher);
      onFault(`${STREAM_TOPIC} holds records of somebody else`);
      return false;
    });
  }

  /** A record that brings nothing: the path ends where it did. */
  #mark(pen: Pen, type: 'fence' | 'gap' | 'heartbeat', message: string | null = null): KafkaRecord {
    const { epoch, offset } = pen.position ?? NOTHING;
    return this.#record(pen, { type, epoch, first: offset + 1, next: offset + 1 }, message);
  }

  #record(
    { writer, start, lineage }: Pen,
    says: Pick<StreamRecord, 'type' | 'epoch' | 'first' | 'next'> & Partial<Pick<StreamRecord, 'part' | 'parts'>>,
    value: string | null,
  ): KafkaRecord {
    return writeStreamRecord({ part: 1, parts: 1, ...says, writer, start, lineage }, value);
  }
}

/** Whether the snapshots are there is not asked with every write: their topic is missed by the next one at the latest. */
function answer(hasMoved: boolean): PathAnswer {
  return { hasMoved, lacksSnapshot: false };
}

/** The broker has seen a later owner of the name, or cannot place what we count: both mean that we have to look again. */
function isShutOut(error: unknown): boolean {
  return error instanceof KafkaRefusal && SHUT_OUT.has(error.type);
}

const SHUT_OUT = new Set([
  'INVALID_PRODUCER_EPOCH',
  'PRODUCER_FENCED',
  'INVALID_PRODUCER_ID_MAPPING',
  'OUT_OF_ORDER_SEQUENCE_NUMBER',
  'UNKNOWN_PRODUCER_ID',
  'DUPLICATE_SEQUENCE_NUMBER',
]);

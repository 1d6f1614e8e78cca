import type { Clock } from '../../shared/base/clock.ts';
import type { MarketEvent } from '../../shared/model/market-event.ts';
import { conflate } from '../../shared/stream/conflate.ts';
import type { StreamLog } from '../../shared/stream/stream-log.ts';
import type { Batch } from '../../shared/wire/messages.ts';
import { comparePositions, type Position } from '../../shared/wire/position.ts';
import type { KafkaConnection, KafkaRecord } from './kafka-connection.ts';
import { keyOf, sinceOf, type Writing, writeEvent, writeGap, writeState } from './kafka-event-records.ts';
import { EVENTS_TOPIC, eventsPlan } from './kafka-layout.ts';
import { batchBytes } from './kafka-pieces.ts';
import { isTooLarge, tooLarge } from './kafka-refusal.ts';
import { lastWhich } from './kafka-search.ts';
import { ensureTopics } from './kafka-topics.ts';
import { type PublishingFault, WriteLoop } from './write-loop.ts';

export type KafkaEventsOptions = {
  readonly connection: KafkaConnection;
  readonly clock: Clock;
  readonly partitions: number;
  /** Least time between the beginnings of two writes. */
  readonly paceMs: number;
  readonly random: () => number;
};

export type EventsTerm = { readonly epoch: number; readonly log: StreamLog };

/** What lags is sent in pieces of about this many bytes of sealed batches, conflated. */
const MAX_WRITE_BYTES = 1024 * 1024;

/** A piece of the log: whole batches, and up to where they bring the topic. */
type Piece = { readonly batches: readonly Batch[]; readonly end: Position };

/**
 * Writes every event of the log to `exchange.events`, one write under way at a time, as one more cursor over the log's
 * ring. It never goes beyond what `exchange.stream` has acknowledged: what a deposed leader has written here its successor
 * has read there, and no event is here that never was. Every record says up to where all partitions had everything before
 * it, so a successor finds its place by the last record of each; what it repeats is told by its position.
 */
export class KafkaEvents {
  readonly #options: KafkaEventsOptions;
  readonly #loop: WriteLoop<EventsTerm>;
  readonly #partitionOf = new Map<string, number>();
  #unlisten: () => void = () => {};
  #arrived: Position | null = null;
  /** Everything up to here is in every partition; `null`: not known. */
  #done: Position | null = null;
  /** The last that was known of it in this term: a topic that has lost its records cannot say it. */
  #known: Position | null = null;
  #next = 0;
  #generation = 0;
  #partitions = 0;
  /** Gaps that were declared. */
  gaps = 0;

  constructor(options: KafkaEventsOptions) {
    this.#options = options;
    this.#loop = new WriteLoop({
      ...options,
      hasWork: term => this.#hasWork(term),
      step: term => this.#step(term),
      onFailure: () => {
        this.#known = this.#done ?? this.#known;
        this.#done = null;
      },
    });
  }

  /** What keeps events from arriving, and since when. */
  get fault(): PublishingFault | null {
    return this.#loop.fault;
  }

  /** Up to where the topic is complete, as far as this writer knows. */
  get position(): Position | null {
    return this.#done;
  }

  begin(term: EventsTerm): void {
    this.end();
    this.#unlisten = term.log.onChange(() => this.#loop.wake());
    this.#loop.begin(term);
  }

  end(): void {
    this.#unlisten();
    this.#loop.end();
    this.#done = null;
    this.#known = null;
    this.#arrived = null;
  }

  /** `exchange.stream` holds everything up to here. */
  arrived(position: Position): void {
    this.#arrived = position;
    this.#loop.wake();
  }

  #hasWork({ epoch, log }: EventsTerm): boolean {
    // Not before the stream has something of this term: everybody waits for that.
    if (this.#arrived === null || this.#arrived.epoch < epoch) return false;
    return this.#done === null || this.#isBehind(log) || this.#pieceOf(log) !== null;
  }

  async #step(term: EventsTerm): Promise<boolean> {
    const done = this.#done;
    if (done === null) await this.#look(term);
    else await this.#write(term, done);
    // To look is not to write: a topic may answer, and take nothing.
    return done !== null || !this.#hasWork(term);
  }

  /** Finds out how far the topic is, and where the log goes on from there. */
  async #look(term: EventsTerm): Promise<void> {
    const { connection, partitions } = this.#options;
    await ensureTopics(connection, [eventsPlan(partitions)]);
    const count = await connection.partitions(EVENTS_TOPIC);
    if (count !== this.#partitions) this.#partitionOf.clear();
    this.#partitions = count;
    const sinces = await Promise.all(Array.from({ length: count }, (_, partition) => this.#sinceOf(partition)));
    if (this.#loop.term !== term) return;
    const since = sinces.reduce(later, null);
    const { log } = term;
    const floor = log.ring.floor ?? log.position;
    // What the log has forgotten since then is a gap, and must be said (rule GAP1).
    this.#done = since ?? earlier(this.#known ?? floor, floor);
    this.#place(log, this.#done);
  }

  /** Where the log goes on from a position; before its beginning when it does not. */
  #place(log: StreamLog, done: Position): void {
    const plan = log.plan(done);
    this.#generation = log.generation;
    this.#next = plan.kind === 'resume' ? plan.from : log.ring.start - 1;
  }

  async #sinceOf(partition: number): Promise<Position | null> {
    const { connection } = this.#options;
    const [start, end] = await Promise.all([
      connection.start(EVENTS_TOPIC, partition),
      connection.end(EVENTS_TOPIC, partition),
    ]);
    const last = await lastWhich(connection, EVENTS_TOPIC, { start, end }, sinceOf, partition);
    return last.found?.record ?? null;
  }

  async #write(term: EventsTerm, since: Position): Promise<void> {
    if (this.#generation !== term.log.generation) this.#place(term.log, since);
    if (this.#isBehind(term.log)) {
      await this.#declareGap(term, since);
      return;
    }
    const piece = this.#pieceOf(term.log);
    if (piece === null) return;
    const writing: Writing = { writer: term.epoch, since };
    const records = new Map<number, KafkaRecord[]>();
    for (const [epoch, events] of byEpoch(piece.batches)) {
      for (const event of conflate(events)) await this.#put(records, event, writeEvent(event, epoch, writing));
    }
    await this.#append(records);
    if (this.#loop.term !== term) return;
    this.#next += piece.batches.length;
    this.#done = piece.end;
  }

  /**
   * In two halves where the topic does not take as much at once, and so on. Some partitions may have taken theirs before:
   * what they are given again is told by its position.
   */
  async #append(records: ReadonlyMap<number, readonly KafkaRecord[]>): Promise<void> {
    const { connection } = this.#options;
    try {
      await connection.appendEach(EVENTS_TOPIC, records);
    } catch (error) {
      if (!isTooLarge(error)) throw error;
      const sizes = [...records.values()].map(each => each.length);
      if (Math.max(...sizes) === 1) {
        const bytes = [...records.values()].map(batchBytes);
        const limit = await connection.maxBatchBytes(EVENTS_TOPIC).catch(() => null);
        throw tooLarge(EVENTS_TOPIC, Math.max(...bytes), limit);
      }
      for (const half of halves(records)) await this.#append(half);
    }
  }

  async #put(records: Map<number, KafkaRecord[]>, event: MarketEvent, record: KafkaRecord): Promise<void> {
    const key = keyOf(event);
    let partition = this.#partitionOf.get(key);
    if (partition === undefined) {
      partition = await this.#options.connection.partitionOf(key, this.#partitions);
      this.#partitionOf.set(key, partition);
    }
    const others = records.get(partition);
    if (others === undefined) records.set(partition, [record]);
    else others.push(record);
  }

  /** The log no longer holds what comes next: said in every partition, with the last values of what it held. */
  async #declareGap(term: EventsTerm, from: Position): Promise<void> {
    const { log, epoch } = term;
    const to = log.ring.floor ?? log.position;
    const writing: Writing = { writer: epoch, since: from };
    const gap = writeGap(from, to, writing);
    const records = new Map(Array.from({ length: this.#partitions }, (_, partition) => [partition, [gap]]));
    const next = log.ring.start;
    for (const event of log.latest.eventsUntil(to)) await this.#put(records, event, writeState(event, to, writing));
    await this.#append(records);
    if (this.#loop.term !== term) return;
    this.gaps++;
    this.#next = next;
    this.#done = to;
  }

  #isBehind({ ring, generation }: StreamLog): boolean {
    return this.#generation !== generation || this.#next < ring.start;
  }

  /** What may be written next; `null` when there is nothing. */
  #pieceOf({ ring }: StreamLog): Piece | null {
    const batches: Batch[] = [];
    let end: Position | null = null;
    let bytes = 0;
    for (let number = this.#next; bytes < MAX_WRITE_BYTES; number++) {
      const entry = ring.at(number);
      if (entry === undefined) break;
      const reached = { epoch: entry.batch.epoch, offset: entry.batch.next - 1 };
      if (this.#arrived === null || comparePositions(reached, this.#arrived) > 0) break;
      batches.push(entry.batch);
      bytes += entry.bytes;
      end = reached;
    }
    return end === null ? null : { batches, end };
  }
}

/** Of the list in each partition the first half, and the second where there is one. */
function halves<Item>(lists: ReadonlyMap<number, readonly Item[]>): readonly Map<number, readonly Item[]>[] {
  const [first, second] = [new Map<number, readonly Item[]>(), new Map<number, readonly Item[]>()];
  for (const [partition, list] of lists) {
    const middle = Math.ceil(list.length / 2);
    first.set(partition, list.slice(0, middle));
    if (middle < list.length) second.set(partition, list.slice(middle));
  }
  return [first, second];
}

function later(one: Position | null, other: Position | null): Position | null {
  if (one === null || other === null) return one ?? other;
  return comparePositions(one, other) >= 0 ? one : other;
}

function earlier(one: Position, other: Position): Position {
  return comparePositions(one, other) <= 0 ? one : other;
}

function byEpoch(batches: readonly Batch[]): Map<number, MarketEvent[]> {
  const events = new Map<number, MarketEvent[]>();
  for (const batch of batches) {
    const others = events.get(batch.epoch);
    if (others === undefined) events.set(batch.epoch, [...batch.events]);
    else others.push(...batch.events);
  }
  return events;
}

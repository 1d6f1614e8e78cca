import type { Clock } from '../../shared/base/clock.ts';
import { epochAfter, normalise, relate } from '../../shared/stream/lineage.ts';
import type { OpenStream, SourceSink, StreamRequest, StreamSource } from '../../shared/stream/source.ts';
import { heartbeatAt } from '../../shared/wire/json-codec.ts';
import { HEARTBEAT_INTERVAL_MS, isInCut, type ServerMessage, type SnapshotReason } from '../../shared/wire/messages.ts';
import { comparePositions, type Lineage, type Position } from '../../shared/wire/position.ts';
import { PROTOCOL_VERSION } from '../../shared/wire/protocol-version.ts';
import type { KafkaConnection, ReadRecord } from './kafka-connection.ts';
import { ONLY, readBatch, readStreamRecord, STREAM_TOPIC, type StreamRecord } from './kafka-layout.ts';
import { HeldParts } from './kafka-parts.ts';
import { KafkaRefusal } from './kafka-refusal.ts';
import { readNewestSnapshot, readSnapshotAt, type StoredSnapshot } from './kafka-snapshots.ts';
import { findPlace, type KafkaTail, readTail } from './kafka-tail.ts';

export type KafkaSourceOptions = {
  readonly name: string;
  /** A connection of its own for each reading: a reader that waits for news keeps everybody behind it waiting. */
  readonly connect: () => KafkaConnection;
  readonly clock: Clock;
  /** Told of every record that is none of ours, and is passed over. */
  readonly onFault?: (fault: string) => void;
};

/** How long the broker may wait for news before it says that there are none. */
const WAIT_MS = 500;
const MAX_BYTES = 4 * 1024 * 1024;
/** A topic that is gone is looked for again so often, and so long. */
const LOOK_AGAIN_MS = 50;
const LOOK_AGAIN_FOR_MS = 10_000;

/**
 * The stream out of a Kafka. A reader is in no group: it finds its place by the records' headers and fetches from there,
 * and what comes while it reads history lies behind that in the same partition (rule TRM1). One that history does not
 * reach gets the newest snapshot, and what follows it.
 */
export class KafkaSource implements StreamSource {
  readonly name: string;
  readonly #options: Required<KafkaSourceOptions>;

  constructor(options: KafkaSourceOptions) {
    this.#options = { onFault: () => {}, ...options };
    this.name = options.name;
  }

  open(request: StreamRequest, sink: SourceSink): OpenStream {
    const reading = new Reading(this.#options, request, sink);
    void reading.run();
    return { close: () => reading.end('closed by us') };
  }
}

class Reading {
  readonly #options: Required<KafkaSourceOptions>;
  readonly #request: StreamRequest;
  readonly #sink: SourceSink;
  readonly #connection: KafkaConnection;
  /** Highest writer met. */
  #writer = 0;
  /** What has been handed over, or was there before. */
  #delivered: Position;
  /** Heartbeats before this offset are of the past. */
  #liveFrom = 0;
  readonly #parts = new HeldParts();
  #saidAt = 0;
  #isOpen = true;

  constructor(options: Required<KafkaSourceOptions>, request: StreamRequest, sink: SourceSink) {
    this.#options = options;
    this.#request = request;
    this.#sink = sink;
    this.#delivered = request.position ?? { epoch: 0, offset: 0 };
    this.#connection = options.connect();
  }

  async run(): Promise<void> {
    try {
      let next = await this.#begin();
      while (this.#isOpen) next = await this.#readFrom(next);
    } catch (error) {
      this.end(error instanceof Error ? error.message : String(error));
    }
  }

  end(reason: string): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#connection.close();
    this.#sink.closed(reason, 'reconnect');
  }

  /** Says what has to be said first; answers with the offset to go on from. */
  async #begin(): Promise<number> {
    const tail = await this.#readTail();
    const { position, lineage } = tail;
    this.#liveFrom = tail.end;
    const newest = position === null ? await this.#newestSnapshot() : null;
    const head = position ?? newest?.position;
    if (head === undefined) throw new Error('Kafka holds no stream yet');
    const { cut } = this.#request;
    const { name } = this.#options;
    this.#say({ type: 'hello', protocol: PROTOCOL_VERSION, server: name, cut, ...head, lineage });
    const ours = this.#request.position;
    const place = ours === null || ours.epoch === 0 ? 'initial' : await this.#placeOf(ours, head, tail);
    const next = typeof place === 'number' ? place : await this.#beginAnew(place, tail);
    if (next === tail.next) this.#writer = tail.writer;
    return next;
  }

  /** Rules RES1, GAP1, EPO1: where the unbroken history continues a position, or why it does not. */
  async #placeOf(position: Position, head: Position, tail: KafkaTail): Promise<number | SnapshotReason> {
    const { lineage } = tail;
    switch (relate(position, head, lineage)) {
      case 'ahead':
        return tail.next;
      case 'diverged':
        return 'diverged';
      case 'unknown':
        // History may know the epoch all the same, if it reaches back to it.
        return (await this.#continuation(position, position, tail)) ?? 'lost';
      case 'known':
        return (await this.#continuation(position, normalise(position, head, lineage), tail)) ?? 'lost';
    }
  }

  /** Where to read on from a position; `null` when the history does not reach it. */
  async #continuation(position: Position, normal: Position, tail: KafkaTail): Promise<number | null> {
    const place = await findPlace(this.#connection, position, tail);
    // Nothing lies beyond it, or only what was forgotten.
    if (place === null)
      return tail.position !== null && comparePositions(tail.position, position) > 0 ? null : tail.next;
    const { epoch, first } = place.record;
    if (epoch === position.epoch) return first <= position.offset + 1 ? place.offset : null;
    return comparePositions({ epoch, offset: first - 1 }, normal) <= 0 ? place.offset : null;
  }

  async #beginAnew(wanted: SnapshotReason, tail: KafkaTail): Promise<number> {
    const beginning = wanted === 'diverged' ? await this.#beginning(tail) : null;
    const snapshot = beginning ?? (await this.#newestSnapshot());
    if (snapshot === null) throw new Error('Kafka holds no snapshot yet');
    const reason = wanted === 'diverged' && beginning === null ? 'lost' : wanted;
    const { position, parts } = snapshot;
    const ours = this.#request.position;
    if (ours !== null && comparePositions(position, ours) < 0) throw new Error('the snapshot is behind its reader');
    const next = comparePositions(position, tail.position ?? position) >= 0 ? tail.next : null;
    const from = next ?? (await this.#continuation(position, position, tail));
    if (from === null) throw new Error('the snapshot is older than what follows it');
    for (const message of parts) {
      const events = message.events.filter(event => isInCut(event, this.#request.cut));
      this.#say({ ...message, reason, recovered: reason !== 'lost', events });
    }
    this.#delivered = position;
    return from;
  }

  /** The state at the beginning of the epoch after the reader's: only from there nothing is left out. */
  async #beginning({ position, lineage }: KafkaTail): Promise<StoredSnapshot | null> {
    const epoch = epochAfter(this.#request.position?.epoch ?? 0, position?.epoch ?? 0, lineage);
    return readSnapshotAt(this.#connection, { epoch, offset: 0 });
  }

  #newestSnapshot(): Promise<StoredSnapshot | null> {
    return readNewestSnapshot(this.#connection, this.#options.onFault);
  }

  /** Hands over what lies at an offset and behind it; answers with the next one. */
  async #readFrom(from: number): Promise<number> {
    let next = from;
    try {
      const fetched = await this.#connection.fetch(STREAM_TOPIC, ONLY, from, { waitMs: WAIT_MS, maxBytes: MAX_BYTES });
      for (const record of fetched.records) {
        this.#handOver(record);
        next = record.offset + 1;
      }
      return next;
    } catch (error) {
      if (!(error instanceof KafkaRefusal && BEGUN_ANEW.has(error.type))) throw error;
      return this.#findAgain();
    }
  }

  /** The topic is another one than it was, or has forgotten what comes next: what was handed over is passed over. */
  async #findAgain(): Promise<number> {
    const { clock } = this.#options;
    for (const until = clock.monotonic() + LOOK_AGAIN_FOR_MS; this.#isOpen && clock.monotonic() < until; ) {
      const tail = await this.#readTail();
      const isBack = tail.position !== null && comparePositions(tail.position, this.#delivered) >= 0;
      if (isBack) return (await findPlace(this.#connection, this.#delivered, tail))?.offset ?? tail.next;
      await new Promise<void>(resolve => void clock.setTimer(LOOK_AGAIN_MS, resolve));
    }
    throw new Error(`${STREAM_TOPIC} is gone`);
  }

  async #readTail(): Promise<KafkaTail> {
    try {
      return await readTail(this.#connection, this.#options.onFault);
    } catch (error) {
      if (!(error instanceof KafkaRefusal && BEGUN_ANEW.has(error.type))) throw error;
      return NO_TAIL;
    }
  }

  #handOver(read: ReadRecord): void {
    const record = readStreamRecord(read);
    const batch = record === null || record.type === 'fence' || record.type === 'gap' ? null : readBatch(read.value);
    if (record === null || (batch === null && read.value !== null)) {
      this.#options.onFault(`${STREAM_TOPIC} holds a record that is none of ours, at ${read.offset}`);
      return;
    }
    // Rule ORD2. The broker refuses a lower writer as long as it remembers the higher one.
    if (record.writer < this.#writer) return;
    this.#writer = record.writer;
    const isLive = read.offset >= this.#liveFrom;
    const parts = this.#parts.add(record, batch);
    if (batch !== null && parts.length === 0 && isLive) this.#showLife(record);
    if (record.type === 'heartbeat') {
      if (batch !== null && isLive) this.#say(batch);
      return;
    }
    const end = { epoch: record.epoch, offset: record.next - 1 };
    // A path that was wiped is filled again with what live readers have had.
    if (parts.length === 0 || comparePositions(end, this.#delivered) <= 0) return;
    this.#delivered = end;
    for (const part of parts) {
      const events = part.events.filter(event => isInCut(event, this.#request.cut));
      this.#say(events.length === part.events.length ? part : { ...part, events });
    }
  }

  /** Rule HB1: whoever writes many small parts has no time for a heartbeat. */
  #showLife({ writer, epoch, first, lineage }: StreamRecord): void {
    if (this.#options.clock.monotonic() - this.#saidAt < HEARTBEAT_INTERVAL_MS) return;
    this.#say(heartbeatAt(writer, epoch, first - 1, first === 1 ? lineage : undefined));
  }

  #say(message: ServerMessage): void {
    if (!this.#isOpen) return;
    this.#saidAt = this.#options.clock.monotonic();
    this.#sink.message(message);
  }
}

const NOTHING_BEFORE: Lineage = [];
const NO_TAIL: KafkaTail = { writer: 0, position: null, lineage: NOTHING_BEFORE, start: 0, end: 0, next: 0 };

const BEGUN_ANEW = new Set(['UNKNOWN_TOPIC_OR_PARTITION', 'OFFSET_OUT_OF_RANGE']);

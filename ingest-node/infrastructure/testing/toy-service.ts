import type { Clock } from '../../../shared/base/clock.ts';
import type { OpenStream, SourceSink, StreamRequest, StreamSource } from '../../../shared/stream/source.ts';
import { StreamLog } from '../../../shared/stream/stream-log.ts';
import { decodeMessage, heartbeatAt } from '../../../shared/wire/json-codec.ts';
import { type Batch, isInCut } from '../../../shared/wire/messages.ts';
import { comparePositions, type Position } from '../../../shared/wire/position.ts';
import { PROTOCOL_VERSION } from '../../../shared/wire/protocol-version.ts';
import { FencedError, type PathTail } from '../infrastructure-service.ts';
import type { PathAnswer, PathUnit, PathWriter } from '../path-publisher.ts';
import { RoundTrips } from '../round-trips.ts';
import { StoredService } from '../stored-service.ts';

const NOTHING: Position = { epoch: 0, offset: 0 };
const PATIENCE_MS = 1_000;
const GONE = 'the toy is gone';

/** What a vendor would bring: a server that keeps the stream, in memory, and can be treated badly. */
export class ToyServer {
  readonly log = new StreamLog();
  readonly readings = new Set<ToyReading>();
  readonly #clock: Clock;
  fence = 0;
  isAlive = true;
  isFrozen = false;
  isFull = false;
  isSpoiled = false;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.log.onChange(() => this.pump());
  }

  pump(): void {
    if (!this.isAlive) for (const reading of this.readings) reading.end(GONE);
    for (const reading of this.readings) if (!this.isFrozen) reading.pump();
  }

  wipe(): void {
    this.log.reset(NOTHING, 0, [], []);
    this.fence = 0;
  }

  /** One round trip: refused by who is gone, and given up after a second by who does not answer. */
  async ask<Answer>(work: () => Answer): Promise<Answer> {
    for (const until = this.#clock.monotonic() + PATIENCE_MS; this.isFrozen; ) {
      if (this.#clock.monotonic() >= until) throw new Error('the toy does not answer');
      await new Promise<void>(resolve => void this.#clock.setTimer(10, resolve));
    }
    await Promise.resolve();
    if (!this.isAlive) throw new Error(GONE);
    return work();
  }
}

/** Hands over one stored batch after the other. */
class ToyReading {
  readonly #server: ToyServer;
  readonly #request: StreamRequest;
  readonly #sink: SourceSink;
  #delivered: Position;
  #next = 0;
  #generation = -1;
  #hasBegun = false;

  constructor(server: ToyServer, request: StreamRequest, sink: SourceSink) {
    this.#server = server;
    this.#request = request;
    this.#sink = sink;
    this.#delivered = request.position ?? NOTHING;
  }

  end(reason: string): void {
    if (this.#server.readings.delete(this)) this.#sink.closed(reason, 'reconnect');
  }

  heartbeat(): void {
    const { log } = this.#server;
    this.#sink.message(heartbeatAt(log.writer, log.position.epoch, log.position.offset));
  }

  pump(): void {
    const { log, readings } = this.#server;
    if (log.position.epoch === 0) return;
    if (!this.#hasBegun) this.#begin(log);
    // What was wiped and is filled again begins anew; what is there twice then is passed over.
    if (this.#generation !== log.generation) this.#next = log.ring.start;
    this.#generation = log.generation;
    for (let entry = log.ring.at(this.#next); entry !== undefined; entry = log.ring.at(++this.#next)) {
      const { batch } = entry;
      const end = { epoch: batch.epoch, offset: batch.next - 1 };
      if (comparePositions(end, this.#delivered) <= 0 || !readings.has(this)) continue;
      this.#delivered = end;
      this.#sink.message({ ...batch, events: batch.events.filter(event => isInCut(event, this.#request.cut)) });
    }
  }

  #begin(log: StreamLog): void {
    this.#hasBegun = true;
    this.#generation = log.generation;
    const { cut, position } = this.#request;
    this.#sink.message({
      type: 'hello',
      protocol: PROTOCOL_VERSION,
      server: 'toy',
      cut,
      ...log.position,
      lineage: log.lineage,
    });
    const plan = log.plan(position);
    this.#next = plan.kind === 'resume' ? plan.from : log.ring.end;
    if (plan.kind === 'resume') return;
    const beginning = plan.reason === 'diverged' ? log.beginningAfter(this.#delivered.epoch, cut) : null;
    for (const message of beginning?.messages ?? log.snapshotMessages(cut, plan.reason)) {
      const read = decodeMessage(message);
      if (read.ok) this.#sink.message(read.message);
    }
    this.#delivered = beginning?.position ?? log.position;
    this.#next = log.ring.firstAfter(this.#delivered);
  }
}

class ToySource implements StreamSource {
  readonly name = 'toy';
  readonly #server: ToyServer;

  constructor(server: ToyServer) {
    this.#server = server;
  }

  open(request: StreamRequest, sink: SourceSink): OpenStream {
    const reading = new ToyReading(this.#server, request, sink);
    this.#server.readings.add(reading);
    queueMicrotask(() => this.#server.pump());
    return { close: () => reading.end('closed by us') };
  }
}

/** A fifth infrastructure: all that it takes is how it is written, how it is read, and a name. */
export class ToyService extends StoredService {
  constructor(server: ToyServer, clock: Clock) {
    const trips = new RoundTrips(clock);
    super({
      name: 'toy',
      source: new ToySource(server),
      writer: new ToyWriter(server, trips),
      trips,
      ping: () => trips.run(() => server.ask(() => {})),
      close: () => {},
      clock,
      paceMs: 10,
      snapshotIntervalMs: 20_000,
      random: Math.random,
    });
  }
}

class ToyWriter implements PathWriter {
  readonly #server: ToyServer;
  readonly #trips: RoundTrips;

  constructor(server: ToyServer, trips: RoundTrips) {
    this.#server = server;
    this.#trips = trips;
  }

  tail(): Promise<PathTail> {
    return this.#ask(() => this.#tail());
  }

  fence(writer: number): Promise<PathTail> {
    return this.#ask(() => {
      this.#guard(writer);
      return this.#tail();
    });
  }

  append({ writer, after, messages, replaces, position }: PathUnit): Promise<PathAnswer> {
    return this.#ask(() => {
      this.#guard(writer);
      const { log, isFull } = this.#server;
      if (isFull) throw new Error('out of memory');
      const tail = this.#tail().position;
      if (!replaces && comparePositions(tail ?? NOTHING, after ?? NOTHING) !== 0) return this.#answer(true);
      const batches = messages.map(message => decodeMessage(message)).flatMap(read => (read.ok ? [read.message] : []));
      const { lineage = [], ...head } = batches[0] as Batch;
      const continues = !replaces && log.position.epoch > 0;
      const before = { epoch: position.epoch, offset: head.first - 1 };
      if (!continues) log.reset(before, writer, lineage, []);
      else if (position.epoch > log.position.epoch) log.beginEpoch(position.epoch, lineage);
      const events = batches.flatMap(batch => (batch.type === 'batch' ? batch.events : []));
      const { type, epoch, first, next } = head;
      log.append({ type, writer, epoch, first, next, events, ...(first === 1 ? { lineage } : {}) }, performance.now());
      return this.#answer(false);
    });
  }

  beat(writer: number): Promise<PathAnswer> {
    return this.#ask(() => {
      this.#guard(writer);
      for (const reading of this.#server.readings) reading.heartbeat();
      return this.#answer(this.#tail().position === null);
    });
  }

  /** The server's own state is its snapshot. */
  writeSnapshot({ writer }: { readonly writer: number }): Promise<void> {
    return this.#ask(() => this.#guard(writer));
  }

  #ask<Answer>(work: () => Answer): Promise<Answer> {
    return this.#trips.run(() => this.#server.ask(work));
  }

  #guard(writer: number): void {
    const server = this.#server;
    if (server.fence > writer) throw new FencedError('toy', server.fence);
    server.fence = writer;
    if (!server.isSpoiled) return;
    server.isSpoiled = false;
    this.#trips.note('the toy held something else; replaced');
  }

  #tail(): PathTail {
    const { log, fence } = this.#server;
    const last = log.ring.at(log.ring.end - 1)?.batch;
    const position = last === undefined ? null : { epoch: last.epoch, offset: last.next - 1 };
    return { writer: fence, position, lineage: log.lineage };
  }

  #answer(hasMoved: boolean): PathAnswer {
    return { hasMoved, lacksSnapshot: false };
  }
}

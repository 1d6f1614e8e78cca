import type { CancelTimer, Clock } from '../../base/clock.ts';
import {
  type Batch,
  type Cut,
  HOP_DEAD_AFTER_MS,
  isInCut,
  type ServerMessage,
  type SnapshotReason,
} from '../../wire/messages.ts';
import { comparePositions, type Lineage, type Position } from '../../wire/position.ts';
import { PROTOCOL_VERSION } from '../../wire/protocol-version.ts';
import { epochAfter, normalise, relate } from '../lineage.ts';
import type { OpenStream, SourceSink, StreamRequest, StreamSource } from '../source.ts';
import type { RedisConnection, RedisReply, RedisSubscription, SubscriptionSink } from './redis-connection.ts';
import {
  entryId,
  HISTORY_KEY,
  readBatch,
  readEntry,
  readSnapshotHead,
  readSnapshotPart,
  SNAPSHOT_HEAD_FIELDS,
  SNAPSHOT_KEY,
  type SnapshotHead,
  STREAM_CHANNEL,
} from './redis-layout.ts';
import { subscribeRenewed } from './renewed-subscription.ts';

export type RedisSourceOptions = {
  readonly connection: RedisConnection;
  readonly clock: Clock;
  /** Told of every record that is none of ours, and is passed over. */
  readonly onFault?: (fault: string) => void;
  /** Subscribes anew before the subscription is as old as that; `null`: it may live as long as it likes. */
  readonly renewEveryMs?: number | null;
  /**
   * Nothing is handed over before something has been published: for readers who show what they read as the present. What a
   * Redis holds that nobody writes to any more may be hours old.
   */
  readonly onlyWhileWritten?: boolean;
};

/** Entries of one read: a few megabytes at most when all is well. */
const PAGE_ENTRIES = 50;

/** A subscription that is not confirmed within this time is not waited for. */
const SUBSCRIBE_WITHIN_MS = 1_500;

/** Characters of live messages that may wait while history is read; whoever needs longer begins again. */
const MAX_WAITING = 32 * 1024 * 1024;

/**
 * The stream out of a Redis: subscribes first, then reads the history after the reader's position, then passes on what
 * was published meanwhile (rule TRM1). A reader that history does not reach gets the snapshot, and what follows it.
 */
export class RedisSource implements StreamSource {
  readonly name: string;
  readonly #options: Required<RedisSourceOptions>;

  constructor(options: RedisSourceOptions) {
    this.#options = { onFault: () => {}, renewEveryMs: null, onlyWhileWritten: false, ...options };
    this.name = options.connection.name;
  }

  open(request: StreamRequest, sink: SourceSink): OpenStream {
    const reading = new Reading(this.#options, this.name, request, sink);
    reading.begin();
    return { close: () => reading.end('closed by us') };
  }

  history(after: Position | null): Promise<readonly Batch[]> {
    return readPage(this.#options, after === null ? '-' : `(${entryId(after)}`);
  }
}

/** What the first look at the history says about a reader's position. */
type Beginning = { readonly snapshot: SnapshotReason | null; readonly entries: readonly Batch[] };

class Reading {
  readonly #options: Required<RedisSourceOptions>;
  readonly #name: string;
  readonly #request: StreamRequest;
  readonly #sink: SourceSink;
  #subscription: RedisSubscription | null = null;
  /** Live messages that came before history was read; `null` from then on. */
  #waiting: string[] | null = [];
  #waitingLength = 0;
  #isOpen = true;
  #cancelDeadline: CancelTimer = () => {};
  readonly #written = Promise.withResolvers<void>();

  constructor(options: Required<RedisSourceOptions>, name: string, request: StreamRequest, sink: SourceSink) {
    this.#options = options;
    this.#name = name;
    this.#request = request;
    this.#sink = sink;
  }

  begin(): void {
    const late = () => this.end(`the subscription was not confirmed within ${SUBSCRIBE_WITHIN_MS} ms`);
    this.#cancelDeadline = this.#options.clock.setTimer(SUBSCRIBE_WITHIN_MS, late);
    this.#subscription = this.#subscribe({
      ready: () => {
        this.#cancelDeadline();
        this.#readHistory().catch((error: unknown) => this.end(error instanceof Error ? error.message : String(error)));
      },
      message: text => this.#live(text),
      closed: reason => this.end(reason),
    });
    if (!this.#isOpen) this.#subscription.close();
  }

  end(reason: string): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#waiting = null;
    this.#cancelDeadline();
    this.#subscription?.close();
    this.#sink.closed(reason, 'reconnect');
  }

  #subscribe(sink: SubscriptionSink): RedisSubscription {
    const { connection, clock, renewEveryMs: everyMs } = this.#options;
    if (everyMs === null) return connection.subscribe(STREAM_CHANNEL, sink);
    return subscribeRenewed({ connection, channel: STREAM_CHANNEL, clock, everyMs }, sink);
  }

  async #readHistory(): Promise<void> {
    const { position } = this.#request;
    const [head, tail, page] = await Promise.all([
      this.#readHead(),
      this.#readTail(),
      position === null ? [] : this.#readAfter(position),
    ]);
    if (!this.#isOpen) return;
    if (head === null && tail === null) throw new Error('Redis holds no stream yet');
    if (this.#options.onlyWhileWritten) await this.#whenWritten();
    if (!this.#isOpen) return;
    const lineage = newestLineage(head, page);
    this.#hello(newest(head, tail), lineage);
    const beginning = this.#plan(position, page, newest(head, tail), lineage);
    if (beginning.snapshot === null) await this.#follow(beginning.entries);
    else await this.#beginAnew(beginning.snapshot);
    this.#goLive();
  }

  /** Rule HB1: a leader that writes here says so twice a second. */
  #whenWritten(): Promise<void> {
    const nobody = () => this.end(`nobody has written to it for ${HOP_DEAD_AFTER_MS} ms`);
    this.#cancelDeadline = this.#options.clock.setTimer(HOP_DEAD_AFTER_MS, nobody);
    return this.#written.promise.then(() => this.#cancelDeadline());
  }

  /** Rules RES1, GAP1, EPO1: whether what history holds continues from the reader's position. */
  #plan(position: Position | null, entries: readonly Batch[], head: Position, lineage: Lineage): Beginning {
    if (position === null || position.epoch === 0) return { snapshot: 'initial', entries: [] };
    const first = entries[0];
    if (first?.epoch === position.epoch) {
      return { snapshot: first.first <= position.offset + 1 ? null : 'lost', entries };
    }
    switch (relate(position, head, lineage)) {
      case 'ahead':
        return { snapshot: null, entries: [] };
      case 'diverged':
        return { snapshot: 'diverged', entries };
      case 'unknown':
        return { snapshot: 'lost', entries };
      case 'known': {
        const place = normalise(position, head, lineage);
        const next = first === undefined ? head : { epoch: first.epoch, offset: first.first - 1 };
        return { snapshot: comparePositions(next, place) <= 0 ? null : 'lost', entries };
      }
    }
  }

  #hello({ epoch, offset }: Position, lineage: Lineage): void {
    const { cut } = this.#request;
    this.#say({ type: 'hello', protocol: PROTOCOL_VERSION, server: this.#name, cut, epoch, offset, lineage });
  }

  /** Hands over a page of history and reads on from its end. */
  async #follow(first: readonly Batch[]): Promise<void> {
    let page = first;
    while (this.#isOpen && page.length > 0) {
      for (const batch of page) this.#batch(batch);
      const { epoch, next } = page.at(-1)!;
      page = await this.#readAfter({ epoch, offset: next - 1 });
    }
  }

  async #beginAnew(reason: SnapshotReason): Promise<void> {
    const position = await this.#snapshot(reason);
    if (this.#isOpen) await this.#follow(await this.#readAfter(position));
  }

  async #snapshot(wanted: SnapshotReason): Promise<Position> {
    const head = await this.#readHead();
    if (head === null) throw new Error('Redis holds no snapshot yet');
    const { position, parts, lineage } = head;
    const ours = this.#request.position;
    // Only from the beginning of the next epoch on nothing of it is left out.
    const isWhole = position.offset === 0 && epochAfter(ours?.epoch ?? 0, position.epoch, lineage) === position.epoch;
    const reason = wanted === 'diverged' && !isWhole ? 'lost' : wanted;
    if (ours !== null && comparePositions(position, ours) < 0) throw new Error('the snapshot is behind its reader');
    const numbers = Array.from({ length: parts }, (_, index) => index + 1);
    const replies = await this.#command('HMGET', SNAPSHOT_KEY, ...numbers);
    const messages = replies.map(readSnapshotPart);
    // A newer one may have been written between the two reads: the next attempt reads that.
    if (messages.some(part => part?.epoch !== position.epoch || part.offset !== position.offset)) {
      if (messages.includes(null)) this.#options.onFault(`${SNAPSHOT_KEY} holds a part that is none`);
      throw new Error('the snapshot changed while it was read');
    }
    const { cut } = this.#request;
    for (const message of messages) {
      const events = message!.events.filter(event => isInCut(event, cut));
      this.#say({ ...message!, reason, recovered: reason !== 'lost', events });
    }
    return position;
  }

  #goLive(): void {
    const waiting = this.#waiting ?? [];
    this.#waiting = null;
    for (const text of waiting) this.#live(text);
  }

  #live(text: string): void {
    if (!this.#isOpen) return;
    this.#written.resolve();
    if (this.#waiting !== null) {
      this.#waiting.push(text);
      this.#waitingLength += text.length;
      if (this.#waitingLength > MAX_WAITING) this.end('reading history took too long');
      return;
    }
    const batch = readBatch(text);
    if (batch === null) this.#options.onFault(`channel ${STREAM_CHANNEL} carried a message that is none`);
    else this.#batch(batch);
  }

  #batch(batch: Batch): void {
    this.#say(cutOf(batch, this.#request.cut));
  }

  #say(message: ServerMessage): void {
    if (this.#isOpen) this.#sink.message(message);
  }

  #readAfter(position: Position): Promise<readonly Batch[]> {
    return readPage(this.#options, `(${entryId(position)}`);
  }

  async #readTail(): Promise<Position | null> {
    const [entry] = await this.#command('XREVRANGE', HISTORY_KEY, '+', '-', 'COUNT', 1);
    const batch = entry === undefined ? undefined : readEntry(entry).batches?.at(-1);
    return batch === undefined ? null : { epoch: batch.epoch, offset: batch.next - 1 };
  }

  async #readHead(): Promise<SnapshotHead | null> {
    const head = readSnapshotHead(await this.#command('HMGET', SNAPSHOT_KEY, ...SNAPSHOT_HEAD_FIELDS));
    if (head !== 'garbage') return head;
    this.#options.onFault(`${SNAPSHOT_KEY} holds no position`);
    return null;
  }

  async #command(...words: readonly (string | number)[]): Promise<readonly RedisReply[]> {
    return listOf(await this.#options.connection.command(...words));
  }
}

/** One page of the history from an id on, in order; what is no entry of ours is passed over. */
async function readPage({ connection, onFault }: Required<RedisSourceOptions>, fromId: string): Promise<Batch[]> {
  for (let from = fromId; ; ) {
    const reply = await connection.command('XRANGE', HISTORY_KEY, from, '+', 'COUNT', PAGE_ENTRIES);
    const page = listOf(reply).map(readEntry);
    for (const { id, batches } of page) {
      if (batches === null) onFault(`${HISTORY_KEY} holds ${id}, which is no batch`);
    }
    const batches = page.flatMap(entry => entry.batches ?? []);
    const last = page.at(-1);
    if (batches.length > 0 || last === undefined) return batches;
    from = `(${last.id}`;
  }
}

function listOf(reply: RedisReply): readonly RedisReply[] {
  return Array.isArray(reply) ? reply : [];
}

function newest(head: SnapshotHead | null, tail: Position | null): Position {
  if (head === null) return tail!;
  return tail !== null && comparePositions(tail, head.position) > 0 ? tail : head.position;
}

/** The lineage of the latest epoch that says any: of the snapshot, or of a first batch that is newer. */
function newestLineage(head: SnapshotHead | null, entries: readonly Batch[]): Lineage {
  const latest = entries.findLast(({ lineage }) => lineage !== undefined);
  if (latest?.lineage !== undefined && latest.epoch > (head?.position.epoch ?? 0)) return latest.lineage;
  return head?.lineage ?? [];
}

function cutOf(batch: Batch, cut: Cut): Batch {
  return cut === 'full' ? batch : { ...batch, events: batch.events.filter(event => isInCut(event, cut)) };
}

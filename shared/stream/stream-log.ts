import type { MarketEvent } from '../model/market-event.ts';
import { encodeMessage } from '../wire/json-codec.ts';
import { type Batch, CUTS, type Cut, isInCut, type SnapshotReason } from '../wire/messages.ts';
import { comparePositions, type Lineage, type Position } from '../wire/position.ts';
import { DEFAULT_RING_BOUNDS, HistoryRing, type RingBounds } from './history-ring.ts';
import { LatestTexts } from './latest-texts.ts';
import { epochAfter, normalise, relate } from './lineage.ts';
import { joinParts, withEvents } from './parts.ts';
import { RememberedBatch } from './remembered-batch.ts';

/** What somebody who brings a position is to be sent first. */
export type ResumePlan =
  | { readonly kind: 'resume'; readonly from: number }
  | { readonly kind: 'snapshot'; readonly reason: SnapshotReason };

/** A snapshot in encoded messages, and the position that it stands at. */
export type EncodedState = { readonly position: Position; readonly messages: readonly string[] };

/** What was known when an epoch began: who took a wrong turn in the one before begins again from there (rule EPO1). */
type Beginning = {
  readonly epoch: number;
  readonly lineage: Lineage;
  /** The events of each cut, encoded one by one. */
  readonly texts: ReadonlyMap<Cut, readonly string[]>;
  readonly encoded: Map<Cut, readonly string[]>;
};

type EncodedSnapshot = {
  readonly position: Position;
  readonly parts: readonly string[];
  readonly messages: Map<SnapshotReason, readonly string[]>;
};

/**
 * Batches that keep their events: what readers ask for who take a few at a time, such as a sink that paces itself. The
 * collector of young objects finds no more than these of the past.
 */
const KEPT_DECODED = 8;

/**
 * The sealed stream as one node knows it: position, lineage, latest state and recent history, which move together and
 * only by whole batches. The leader appends what it seals; followers and edge hubs append what they receive; every
 * session and every sink reads it through a cursor. There is no other copy of the stream and no queue per reader.
 */
export class StreamLog {
  readonly ring: HistoryRing;
  readonly #latest = new LatestTexts();
  readonly #listeners = new Set<() => void>();
  #generation = 0;
  #writer = 0;
  #position: Position = { epoch: 0, offset: 0 };
  #lineage: Lineage = [];
  #snapshots = new Map<Cut, EncodedSnapshot>();
  /** Of the epochs whose beginning the ring reaches back to, oldest first. */
  #beginnings: Beginning[] = [];
  #encoded = new WeakMap<Batch, Map<Cut, string>>();
  /** The newest batches, which still have their events. */
  #decoded: RememberedBatch[] = [];

  constructor(bounds: RingBounds = DEFAULT_RING_BOUNDS) {
    this.ring = new HistoryRing(bounds);
  }

  /** The last offset appended, and its epoch. Epoch 0 means: nothing is known yet. */
  get position(): Position {
    return this.#position;
  }

  /** Counts the times history was thrown away: a cursor of an older generation asks for a new plan. */
  get generation(): number {
    return this.#generation;
  }

  get writer(): number {
    return this.#writer;
  }

  get lineage(): Lineage {
    return this.#lineage;
  }

  get latest(): LatestTexts {
    return this.#latest;
  }

  /** Called after every change; returns how to stop. Listeners must not throw. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * A new epoch begins at offset 0; `lineage` ends with the epoch before it, if that is known. History is kept only when
   * the new epoch continues it: a ring with a hole, or with events that no successor knows, would serve them as whole.
   */
  beginEpoch(epoch: number, lineage: Lineage): void {
    const ended = this.#position;
    if (epoch <= ended.epoch) throw new RangeError(`epoch ${epoch} is not above ${ended.epoch}`);
    const head = { epoch, offset: 0 };
    const continues = ended.epoch === 0 || comparePositions(normalise(ended, head, lineage), head) === 0;
    this.#writer = epoch;
    this.#position = head;
    this.#lineage = lineage;
    if (!continues) {
      this.ring.clear();
      this.#beginnings = [];
      this.#generation++;
    }
    this.#rememberBeginning();
  }

  /**
   * Appends the next batch: of this epoch and contiguous. Who receives batches trims them first
   * ({@link StreamReceiver}); what is not contiguous here is a bug of ours, never of the network.
   */
  append(batch: Batch, at: number): void {
    if (
      batch.epoch !== this.#position.epoch ||
      batch.first !== this.#position.offset + 1 ||
      batch.next <= batch.first
    ) {
      throw new RangeError(
        `batch ${batch.epoch}:${batch.first}–${batch.next} does not follow ${this.#position.epoch}:${this.#position.offset}`,
      );
    }
    this.#writer = batch.writer;
    this.#position = { epoch: batch.epoch, offset: batch.next - 1 };
    const { events, ...envelope } = batch;
    const texts = events.map(event => {
      const text = JSON.stringify(event);
      this.#latest.apply(event, batch.epoch, text);
      return text;
    });
    this.#remember(batch, withEvents(envelope, texts.join(',')), at);
    this.#forgetBeginnings();
    this.#notify();
  }

  /** Starts anew from a snapshot: history before it is not ours to serve. */
  reset(position: Position, writer: number, lineage: Lineage, events: readonly MarketEvent[]): void {
    this.#writer = writer;
    this.#position = position;
    this.#lineage = lineage;
    this.#latest.reset(events);
    this.ring.clear();
    this.#generation++;
    this.#snapshots.clear();
    this.#beginnings = [];
    if (position.offset === 0) this.#rememberBeginning();
    this.#notify();
  }

  /** Rules RES1, SNP1, GAP1, EPO1: what follows from a consumer's position. */
  plan(position: Position | null): ResumePlan {
    if (position === null || position.epoch === 0) return { kind: 'snapshot', reason: 'initial' };
    const head = this.#position;
    switch (relate(position, head, this.#lineage)) {
      case 'ahead':
        // We are behind this consumer. It trims what it has; what it lacks will come this way.
        return { kind: 'resume', from: this.ring.end };
      case 'diverged':
        return { kind: 'snapshot', reason: this.#beginningAfter(position.epoch) === null ? 'lost' : 'diverged' };
      case 'unknown':
        return { kind: 'snapshot', reason: 'lost' };
      case 'known': {
        const place = normalise(position, head, this.#lineage);
        const floor = this.ring.floor ?? head;
        return comparePositions(place, floor) >= 0
          ? { kind: 'resume', from: this.ring.firstAfter(place) }
          : { kind: 'snapshot', reason: 'lost' };
      }
    }
  }

  /**
   * Where somebody who diverged in `epoch` begins again: at the beginning of the next one, with the state of that moment;
   * `null` when history does not reach back there.
   */
  beginningAfter(epoch: number, cut: Cut): EncodedState | null {
    const beginning = this.#beginningAfter(epoch);
    if (beginning === null) return null;
    const position = { epoch: beginning.epoch, offset: 0 };
    let messages = beginning.encoded.get(cut);
    if (messages === undefined) {
      const parts = joinParts(beginning.texts.get(cut)!);
      messages = snapshotOf(position, 'diverged', beginning.lineage, parts);
      beginning.encoded.set(cut, messages);
    }
    return { position, messages };
  }

  /** The snapshot at the present position, in encoded messages; encoded once however many ask for it. */
  snapshotMessages(cut: Cut, reason: SnapshotReason): readonly string[] {
    let cached = this.#snapshots.get(cut);
    if (cached === undefined || comparePositions(cached.position, this.#position) !== 0) {
      cached = { position: this.#position, parts: joinParts(this.#latest.textsOf(cut)), messages: new Map() };
      this.#snapshots.set(cut, cached);
    }
    const known = cached.messages.get(reason);
    if (known !== undefined) return known;
    const messages = snapshotOf(this.#position, reason, this.#lineage, cached.parts);
    cached.messages.set(reason, messages);
    return messages;
  }

  /** A sealed batch as it goes to a cut, encoded once. */
  encodedBatch(batch: Batch, cut: Cut): string {
    let byCut = this.#encoded.get(batch);
    if (byCut === undefined) {
      byCut = new Map();
      this.#encoded.set(batch, byCut);
    }
    let text = byCut.get(cut);
    if (text === undefined) {
      const events = batch.events.filter(event => isInCut(event, cut));
      // A cut that leaves nothing out shares the text of the whole.
      const isWhole = events.length === batch.events.length;
      text = isWhole && cut !== 'full' ? this.encodedBatch(batch, 'full') : encodeMessage({ ...batch, events });
      byCut.set(cut, text);
    }
    return text;
  }

  #remember(sealed: Batch, text: string, at: number): void {
    const remembered = new RememberedBatch(sealed, text);
    const { batch } = remembered;
    this.#encoded.set(batch, new Map([['full', text]]));
    this.#decoded.push(remembered);
    if (this.#decoded.length > KEPT_DECODED) this.#decoded.shift()!.letGo();
    this.ring.push({ batch, bytes: text.length, at });
  }

  #rememberBeginning(): void {
    const { epoch } = this.#position;
    const texts = new Map(CUTS.map(cut => [cut, this.#latest.textsOf(cut)]));
    this.#beginnings.push({ epoch, lineage: this.#lineage, texts, encoded: new Map() });
  }

  #forgetBeginnings(): void {
    const { floor } = this.ring;
    if (floor === null) return;
    const isReached = ({ epoch }: Beginning) => comparePositions(this.#beginningOf(epoch), floor) >= 0;
    if (!this.#beginnings.every(isReached)) this.#beginnings = this.#beginnings.filter(isReached);
  }

  #beginningAfter(epoch: number): Beginning | null {
    const place = this.#beginningOf(epochAfter(epoch, this.#position.epoch, this.#lineage));
    const isThere = (other: number) => other > epoch && comparePositions(this.#beginningOf(other), place) === 0;
    return this.#beginnings.find(beginning => isThere(beginning.epoch)) ?? null;
  }

  /** Epochs that hold nothing begin where the next one does; who follows may never have heard of them. */
  #beginningOf(epoch: number): Position {
    return normalise({ epoch, offset: 0 }, this.#position, this.#lineage);
  }

  #notify(): void {
    for (const listener of this.#listeners) listener();
  }
}

function snapshotOf(
  { epoch, offset }: Position,
  reason: SnapshotReason,
  lineage: Lineage,
  encoded: readonly string[],
): string[] {
  const parts = encoded.length;
  const recovered = reason !== 'lost';
  return encoded.map((events, index) =>
    withEvents({ type: 'snapshot', epoch, offset, part: index + 1, parts, reason, recovered, lineage }, events),
  );
}

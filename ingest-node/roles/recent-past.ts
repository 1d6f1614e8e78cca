import type { Clock } from '../../shared/base/clock.ts';
import { within } from '../../shared/base/within.ts';
import { catchUp } from '../../shared/stream/catch-up.ts';
import { normalise } from '../../shared/stream/lineage.ts';
import type { StreamSource } from '../../shared/stream/source.ts';
import { type ReceivedBatch, StreamReceiver } from '../../shared/stream/stream-receiver.ts';
import type { Batch } from '../../shared/wire/messages.ts';
import { comparePositions, type Lineage, type Position } from '../../shared/wire/position.ts';
import { PROTOCOL_VERSION } from '../../shared/wire/protocol-version.ts';

export type RecentPastRequest = {
  /** Best first. */
  readonly sources: readonly StreamSource[];
  /** Where the reader stands; what comes after it is not wanted. */
  readonly head: Position;
  readonly lineage: Lineage;
  readonly withinMs: number;
  readonly clock: Clock;
};

/** Where a path cannot say how far back it reaches, these distances are tried, the farthest first. */
const EVENTS_BACK = [256_000, 128_000, 64_000, 32_000, 16_000, 8_000, 4_000, 2_000, 1_000, 500];

/** A path may be this far behind the reader's own, and brings the rest soon. */
const LOOK_AGAIN_MS = 20;
/** One that brings nothing for so long is not written any more: what it holds is of another time. */
const QUIET_MS = 2_000;

/**
 * What a node that joins in mid-stream has not heard: as much of the stream before `head` as any path still holds. Its
 * state it has from the snapshot; this is for its memory of trades (TRD1), of which a snapshot says nothing.
 *
 * @returns in order, without a hole, up to `head`; nothing where no path has anything
 */
export async function readRecentPast(request: RecentPastRequest): Promise<readonly ReceivedBatch[]> {
  const { sources, head, lineage, withinMs, clock } = request;
  const until = clock.monotonic() + withinMs;
  const leftMs = () => until - clock.monotonic();
  /** What they hold does not lead to the head. */
  const asked = new Set<StreamSource>();
  for (const source of sources) {
    if (source.history === undefined || leftMs() <= 0) continue;
    asked.add(source);
    const batches = await within(readHistory(source, request, until), leftMs(), clock).catch(() => []);
    if (batches.length > 0) return batches;
  }
  for (const from of placesBefore(head, lineage)) {
    for (const source of sources) {
      if (leftMs() <= 0) return [];
      if (asked.has(source)) continue;
      const wanted = { source, from, to: head, withinMs: leftMs(), quietMs: QUIET_MS, clock, takesSnapshot: false };
      const { outcome, batches } = await catchUp(wanted);
      if (outcome === 'reached') return batches;
      if (outcome === 'late') asked.add(source);
    }
  }
  return [];
}

/** From the oldest that is there. While it is read it is forgotten at that end, and may have to begin anew. */
async function readHistory(
  source: StreamSource,
  { head, lineage, clock }: RecentPastRequest,
  until: number,
): Promise<readonly ReceivedBatch[]> {
  const past = new WholePast(head, lineage);
  let heardAt = clock.monotonic();
  for (let after: Position | null = null; clock.monotonic() < until; ) {
    const page: readonly Batch[] = await source.history!(after);
    for (const batch of page) past.add(batch);
    const last = page.at(-1);
    if (last !== undefined) after = { epoch: last.epoch, offset: last.next - 1 };
    if (past.hasReachedHead) return past.batches;
    if (last !== undefined) heardAt = clock.monotonic();
    if (after === null || clock.monotonic() - heardAt > QUIET_MS) return [];
    if (last === undefined) await new Promise<void>(resolve => clock.setTimer(LOOK_AGAIN_MS, resolve));
  }
  return [];
}

/** The last part of what is added that has no hole. */
class WholePast {
  batches: ReceivedBatch[] = [];
  readonly #head: Position;
  readonly #lineage: Lineage;
  #receiver = new StreamReceiver(null);

  constructor(head: Position, lineage: Lineage) {
    this.#head = head;
    this.#lineage = lineage;
  }

  get hasReachedHead(): boolean {
    const { position } = this.#receiver;
    // The end of an epoch is the beginning of the next one.
    return position !== null && comparePositions(normalise(position, this.#head, this.#lineage), this.#head) >= 0;
  }

  add(batch: Batch): void {
    if (this.#receiver.position === null) this.#beginAt(batch);
    let received = this.#receiver.receive(batch);
    if (received.kind === 'hole') {
      this.#beginAt(batch);
      received = this.#receiver.receive(batch);
    }
    if (received.kind === 'batch') this.batches.push(received.batch);
  }

  #beginAt({ epoch, first }: Batch): void {
    this.batches = [];
    this.#receiver = new StreamReceiver({ epoch, offset: first - 1 });
    const hello = { type: 'hello', protocol: PROTOCOL_VERSION, server: '', cut: 'full' } as const;
    this.#receiver.receive({ ...hello, ...this.#head, lineage: this.#lineage });
  }
}

/** Positions that history may still reach back to, the farthest first. */
function placesBefore(head: Position, lineage: Lineage): Position[] {
  const places: Position[] = [];
  for (const place of EVENTS_BACK.map(back => placeBack(head, lineage, back))) {
    const last = places.at(-1) ?? head;
    if (place.epoch !== last.epoch || place.offset !== last.offset) places.push(place);
  }
  return places;
}

/** So many events before `head`, or the beginning of the oldest epoch that is known. */
function placeBack(head: Position, lineage: Lineage, events: number): Position {
  let place = head;
  let left = events;
  for (const { epoch, end } of lineage.toReversed()) {
    if (place.offset >= left) break;
    left -= place.offset;
    place = { epoch, offset: end };
  }
  return { epoch: place.epoch, offset: Math.max(0, place.offset - left) };
}

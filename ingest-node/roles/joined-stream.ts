import type { Clock } from '../../shared/base/clock.ts';
import { within } from '../../shared/base/within.ts';
import type { MarketEvent } from '../../shared/model/market-event.ts';
import type { EpochMillis } from '../../shared/model/time.ts';
import type { StreamSource } from '../../shared/stream/source.ts';
import type { Lineage, Position } from '../../shared/wire/position.ts';
import { readRecentPast } from './recent-past.ts';

/** As much of a batch as a memory of the stream needs. */
export type HeardBatch = {
  /** 1: an epoch begins with it. */
  readonly first: number;
  readonly events: readonly MarketEvent[];
};

export type JoinedStreamOptions = {
  /** Best first. */
  readonly sources: readonly StreamSource[];
  readonly clock: Clock;
  /** Told of every batch once, in order, without a hole from {@link JoinedStream.knownSince} on. */
  readonly hear: (batch: HeardBatch) => void;
};

/** How long the past is looked for; a busy minute of ten exchanges is a hundred megabytes. */
const PAST_WITHIN_MS = 20_000;

/**
 * What a node hears of the stream, though it joins in mid-stream: a snapshot gives it the state, and of trades nothing
 * (rule TRD1). So it reads what is still there of the past, and hears that first; what comes meanwhile waits.
 */
export class JoinedStream {
  readonly #options: JoinedStreamOptions;
  /** While the past is read: what has come since. */
  #waiting: HeardBatch[] | null = null;
  #reading: Promise<void> = Promise.resolve();
  #turn = 0;
  #knownSince: EpochMillis | null = null;

  constructor(options: JoinedStreamOptions) {
    this.#options = options;
  }

  /** From when on every trade of the stream has been heard; `null` before anything was. */
  get knownSince(): EpochMillis | null {
    return this.#knownSince;
  }

  batch(batch: HeardBatch): void {
    if (this.#waiting === null) this.#options.hear(batch);
    else this.#waiting.push(batch);
  }

  /** The node has its place from a snapshot: nothing that it heard before leads there. */
  begin(head: Position, lineage: Lineage): void {
    this.#knownSince = this.#options.clock.now();
    this.#waiting = [];
    this.#reading = this.#readPast(++this.#turn, head, lineage);
  }

  /** From now on nothing goes by unheard: the node publishes itself. */
  know(): void {
    this.#knownSince ??= this.#options.clock.now();
  }

  /** Resolves when everything has been heard that has come; what of the past is not there by then is done without. */
  async settle(withinMs: number): Promise<void> {
    await within(this.#reading, withinMs, this.#options.clock).catch(() => {});
    this.#turn++;
    this.#hearWaiting([]);
  }

  async #readPast(turn: number, head: Position, lineage: Lineage): Promise<void> {
    const { sources, clock } = this.#options;
    const past = await readRecentPast({ sources, head, lineage, withinMs: PAST_WITHIN_MS, clock });
    if (turn === this.#turn) this.#hearWaiting(past);
  }

  #hearWaiting(past: readonly HeardBatch[]): void {
    const waiting = this.#waiting ?? [];
    this.#waiting = null;
    const since = past.find(({ events }) => events.length > 0)?.events[0]?.receivedTime;
    if (since !== undefined) this.#knownSince = Math.min(this.#knownSince ?? since, since);
    for (const batch of [...past, ...waiting]) this.#options.hear(batch);
  }
}

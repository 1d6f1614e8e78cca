import type { Clock } from '../../shared/base/clock.ts';
import { finish, type Steps } from '../../shared/base/steps.ts';
import { within } from '../../shared/base/within.ts';
import type { MarketEvent } from '../../shared/model/market-event.ts';
import type { StreamSource } from '../../shared/stream/source.ts';
import type { Lineage, Position } from '../../shared/wire/position.ts';
import { inTurns } from '../feeds/in-turns.ts';
import { readRecentPast } from './recent-past.ts';

/** As much of a batch as a memory of the stream needs. */
export type HeardBatch = {
  /** 1: an epoch begins with it. */
  readonly first: number;
  /** Then: the epochs before it. */
  readonly lineage?: Lineage | null;
  readonly events: readonly MarketEvent[];
};

export type JoinedStreamOptions = {
  /** Best first. */
  readonly sources: readonly StreamSource[];
  readonly clock: Clock;
  /** Told of every batch once, in order, without a hole from the first one on. */
  readonly hear: (batch: HeardBatch) => void;
};

/** How long the past is looked for; a busy minute of ten exchanges is a hundred megabytes. */
const PAST_WITHIN_MS = 20_000;

/**
 * What a node hears of the stream, though it joins in mid-stream: a snapshot gives it the state, and of trades nothing
 * (rule TRD1). So it reads what is still there of the past, and hears that first; what comes meanwhile waits. The past can
 * be a quarter of a million events: it is heard in turns, or the node's own clients would hear nothing for a second.
 */
export class JoinedStream {
  readonly #options: JoinedStreamOptions;
  /** While the past is read, and heard: what is to be heard then. */
  #waiting: HeardBatch[] | null = null;
  /** How many of them have been heard. */
  #heard = 0;
  #reading: Promise<void> = Promise.resolve();
  #turn = 0;

  constructor(options: JoinedStreamOptions) {
    this.#options = options;
  }

  /** Whether everything has been heard that has come. */
  get isSettled(): boolean {
    return this.#waiting === null;
  }

  batch(batch: HeardBatch): void {
    if (this.#waiting === null) this.#options.hear(batch);
    else this.#waiting.push(batch);
  }

  /** The node has its place from a snapshot: nothing that it heard before leads there. */
  begin(head: Position, lineage: Lineage): void {
    this.#waiting = [];
    this.#heard = 0;
    this.#reading = this.#readPast(++this.#turn, head, lineage);
  }

  /** Resolves when everything has been heard that has come; what of the past is not there by then is done without. */
  async settle(withinMs: number): Promise<void> {
    await within(this.#reading, withinMs, this.#options.clock).catch(() => {});
    finish(this.#hearWaiting(++this.#turn));
  }

  async #readPast(turn: number, head: Position, lineage: Lineage): Promise<void> {
    const { sources, clock } = this.#options;
    const past: readonly HeardBatch[] = await readRecentPast({
      sources,
      head,
      lineage,
      withinMs: PAST_WITHIN_MS,
      clock,
    });
    if (turn !== this.#turn) return;
    this.#waiting = past.concat(this.#waiting ?? []);
    await inTurns(this.#hearWaiting(turn));
  }

  *#hearWaiting(turn: number): Steps<void> {
    while (turn === this.#turn && this.#waiting !== null) {
      const batch = this.#waiting[this.#heard];
      if (batch === undefined) {
        this.#waiting = null;
        return;
      }
      this.#heard += 1;
      this.#options.hear(batch);
      yield;
    }
  }
}

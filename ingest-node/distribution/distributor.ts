import type { Clock } from '../../shared/base/clock.ts';
import type { MarketEvent } from '../../shared/model/market-event.ts';
import { conflate } from '../../shared/stream/conflate.ts';
import type { StreamLog } from '../../shared/stream/stream-log.ts';
import { HEARTBEAT_INTERVAL_MS, MAX_PART_BYTES } from '../../shared/wire/messages.ts';
import type { Lineage } from '../../shared/wire/position.ts';

export type DistributorOptions = {
  readonly log: StreamLog;
  readonly clock: Clock;
  /** How long events are collected before they are sealed. */
  readonly sealIntervalMs?: number;
  /** Sealed earlier when this much was collected, by estimate. */
  readonly maxBatchBytes?: number;
  /** Which events are published, asked for each as it is offered; all of them by default. */
  readonly carries?: (event: MarketEvent) => boolean;
  /** Called every 500 ms while the term lasts (rule HB1). */
  readonly onHeartbeat: () => void;
  /** How much is held, by estimate and after conflation, while this node may not write (rule FEN1). */
  readonly maxHeldBytes?: number;
  /** So much is held: no more should be offered until something was sealed. What is offered all the same is held too. */
  readonly onOverflow?: () => void;
};

/** Two to three minutes of the whole market: the trades of that time, and the newest of all else. */
const MAX_HELD_BYTES = 64 * 1024 * 1024;

type Running = { readonly epoch: number; readonly mayWrite: () => boolean };

/**
 * The leader's pen: collects converted events and seals them into numbered batches. Only at sealing do events get their
 * offsets, and only then do position, latest state and history move.
 */
export class Distributor {
  readonly #log: StreamLog;
  readonly #clock: Clock;
  readonly #sealIntervalMs: number;
  readonly #maxBatchBytes: number;
  readonly #maxHeldBytes: number;
  readonly #onHeartbeat: () => void;
  readonly #onOverflow: () => void;
  readonly #carries: (event: MarketEvent) => boolean;
  #term: Running | null = null;
  #lineage: Lineage = [];
  #pending: MarketEvent[] = [];
  #pendingBytes = 0;
  #cancelSeal: (() => void) | null = null;
  #cancelHeartbeat: () => void = () => {};
  #conflateAtBytes: number;
  #isOverflowing = false;
  /** Events that came outside a term, or were held when the term was lost (rule FEN1): no reader has seen them. */
  refused = 0;

  constructor(options: DistributorOptions) {
    const { log, clock, sealIntervalMs = 20, maxBatchBytes = MAX_PART_BYTES, onHeartbeat } = options;
    this.#carries = options.carries ?? (() => true);
    this.#log = log;
    this.#clock = clock;
    this.#sealIntervalMs = sealIntervalMs;
    this.#maxBatchBytes = maxBatchBytes;
    this.#conflateAtBytes = maxBatchBytes;
    this.#maxHeldBytes = options.maxHeldBytes ?? MAX_HELD_BYTES;
    this.#onHeartbeat = onHeartbeat;
    this.#onOverflow = options.onOverflow ?? (() => {});
  }

  /** Begins an epoch. `lineage` ends with the epoch before it, when its end is known. */
  begin(term: Running, lineage: Lineage): void {
    this.#log.beginEpoch(term.epoch, lineage);
    this.#term = term;
    this.#lineage = lineage;
    this.#beat();
  }

  /** Takes events over, in order; they must not be touched afterwards. */
  offer(events: readonly MarketEvent[]): void {
    if (this.#term === null) {
      this.refused += events.length;
      return;
    }
    for (const event of events) {
      if (!this.#carries(event)) continue;
      this.#pending.push(event);
      this.#pendingBytes += estimatedBytes(event);
    }
    if (this.#pendingBytes >= this.#maxBatchBytes && this.#term.mayWrite()) this.seal();
    else if (this.#pending.length > 0) this.#sealLater();
  }

  /**
   * Seals what was collected, if anything. While this node may not write (rule FEN1) it is held and tried again: if it
   * turns out that nobody led meanwhile, nothing is lost.
   */
  seal(): void {
    this.#cancelSeal?.();
    this.#cancelSeal = null;
    const term = this.#term;
    if (term === null || this.#pending.length === 0) return;
    if (!term.mayWrite()) {
      this.#hold();
      return;
    }
    const events = conflate(this.#pending);
    this.#forgetPending();
    for (let from = 0, to = 0; from < events.length; from = to) {
      for (let bytes = 0; to < events.length && bytes < this.#maxBatchBytes; to++) bytes += estimatedBytes(events[to]!);
      this.#append(term, from === 0 && to === events.length ? events : events.slice(from, to));
    }
  }

  /** Seals the rest, if this node still may, and ends the term. Answers what could not be sealed: nobody has seen it. */
  end(): readonly MarketEvent[] {
    this.seal();
    this.#cancelSeal?.();
    this.#cancelSeal = null;
    this.#cancelHeartbeat();
    this.#term = null;
    const unsealed = this.#pending;
    this.refused += unsealed.length;
    this.#forgetPending();
    return unsealed;
  }

  #append({ epoch }: Running, events: MarketEvent[]): void {
    const first = this.#log.position.offset + 1;
    let offset = first;
    for (const event of events) event.offset = offset++;
    const lineage = first === 1 ? { lineage: this.#lineage } : {};
    this.#log.append(
      { type: 'batch', writer: epoch, epoch, first, next: offset, ...lineage, events },
      this.#clock.monotonic(),
    );
  }

  /** Conflates what is held each time that it has doubled: whoever holds for minutes must not sort for minutes. */
  #hold(): void {
    this.#sealLater();
    if (this.#pendingBytes < this.#conflateAtBytes) return;
    this.#pending = conflate(this.#pending);
    this.#pendingBytes = this.#pending.reduce((bytes, event) => bytes + estimatedBytes(event), 0);
    this.#conflateAtBytes = Math.max(this.#maxBatchBytes, 2 * this.#pendingBytes);
    if (this.#pendingBytes < this.#maxHeldBytes || this.#isOverflowing) return;
    this.#isOverflowing = true;
    this.#onOverflow();
  }

  #forgetPending(): void {
    this.#pending = [];
    this.#pendingBytes = 0;
    this.#conflateAtBytes = this.#maxBatchBytes;
    this.#isOverflowing = false;
  }

  #sealLater(): void {
    this.#cancelSeal ??= this.#clock.setTimer(this.#sealIntervalMs, () => this.seal());
  }

  #beat(): void {
    this.#cancelHeartbeat = this.#clock.setTimer(HEARTBEAT_INTERVAL_MS, () => {
      if (this.#term?.mayWrite() === true) this.#onHeartbeat();
      if (this.#term !== null) this.#beat();
    });
  }
}

/** Near enough to bound a batch; measured on encoded events of the three exchanges. */
function estimatedBytes(event: MarketEvent): number {
  return event.type === 'orderBook' ? 200 + 26 * (event.bids.length + event.asks.length) : 280;
}

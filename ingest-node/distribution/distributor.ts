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
  /** Called every 500 ms while the term lasts (rule HB1). */
  readonly onHeartbeat: () => void;
};

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
  readonly #onHeartbeat: () => void;
  #term: Running | null = null;
  #lineage: Lineage = [];
  #pending: MarketEvent[] = [];
  #pendingBytes = 0;
  #cancelSeal: (() => void) | null = null;
  #cancelHeartbeat: () => void = () => {};
  /** Events that came while this node might not write (rule FEN1), or outside a term. */
  refused = 0;

  constructor({ log, clock, sealIntervalMs = 20, maxBatchBytes = MAX_PART_BYTES, onHeartbeat }: DistributorOptions) {
    this.#log = log;
    this.#clock = clock;
    this.#sealIntervalMs = sealIntervalMs;
    this.#maxBatchBytes = maxBatchBytes;
    this.#onHeartbeat = onHeartbeat;
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
      this.#pending.push(event);
      this.#pendingBytes += estimatedBytes(event);
    }
    if (this.#pendingBytes >= this.#maxBatchBytes) this.seal();
    else if (this.#cancelSeal === null && this.#pending.length > 0) {
      this.#cancelSeal = this.#clock.setTimer(this.#sealIntervalMs, () => this.seal());
    }
  }

  /** Seals what was collected, if anything. */
  seal(): void {
    this.#cancelSeal?.();
    this.#cancelSeal = null;
    const term = this.#term;
    if (term === null || this.#pending.length === 0) return;
    const events = conflate(this.#pending);
    this.#pending = [];
    this.#pendingBytes = 0;
    if (!term.mayWrite()) {
      this.refused += events.length;
      return;
    }
    const first = this.#log.position.offset + 1;
    let offset = first;
    for (const event of events) event.offset = offset++;
    this.#log.append(
      {
        type: 'batch',
        writer: term.epoch,
        epoch: term.epoch,
        first,
        next: offset,
        ...(first === 1 ? { lineage: this.#lineage } : {}),
        events,
      },
      this.#clock.monotonic(),
    );
  }

  /** Seals the rest and ends the term. */
  end(): void {
    this.seal();
    this.#cancelHeartbeat();
    this.#term = null;
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

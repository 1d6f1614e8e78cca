import { systemClock } from '../../../shared/base/clock.ts';
import { ResilientSource, type SourceCounters } from '../../../shared/stream/resilient-source.ts';
import type { StreamSource } from '../../../shared/stream/source.ts';
import type { Position } from '../../../shared/wire/position.ts';

/** A reader of one path that heals by itself: which trades reached it, and how long it heard nothing. */
export class TimedReader {
  /** Ids, in the order of their coming. */
  readonly trades: string[] = [];
  snapshots = 0;
  readonly #source: ResilientSource;
  #heardAt = systemClock.monotonic();
  #longestSilenceMs = 0;

  constructor(source: StreamSource, position: Position | null) {
    this.#source = new ResilientSource({
      sources: [source],
      clock: systemClock,
      position,
      onBatch: ({ events }) => {
        for (const event of events) if (event.type === 'trade') this.trades.push(event.id);
        this.#heard();
      },
      onHeartbeat: () => this.#heard(),
      onSnapshot: () => this.snapshots++,
    });
    this.#source.start();
  }

  get position(): Position | null {
    return this.#source.position;
  }

  get counters(): SourceCounters {
    return this.#source.counters;
  }

  /** The longest time without a message since this was last asked. */
  takeLongestSilenceMs(): number {
    this.#heard();
    const ms = this.#longestSilenceMs;
    this.#longestSilenceMs = 0;
    return Math.round(ms);
  }

  stop(): void {
    this.#source.stop();
  }

  #heard(): void {
    const now = systemClock.monotonic();
    this.#longestSilenceMs = Math.max(this.#longestSilenceMs, now - this.#heardAt);
    this.#heardAt = now;
  }
}

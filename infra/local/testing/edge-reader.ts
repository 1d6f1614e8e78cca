import { ResilientSource, type SourceCounters } from '../../../shared/stream/resilient-source.ts';
import { WebSocketSource } from '../../../shared/stream/websocket-source.ts';
import type { UpstreamState } from '../../../shared/wire/messages.ts';
import { comparePositions, type Position } from '../../../shared/wire/position.ts';

/** A browser's reader of one stream at the edge, and what it would have to complain about. */
export class EdgeReader {
  /** Batches that do not continue what came before, as it was delivered. */
  readonly faults: string[] = [];
  upstream: UpstreamState | null = null;
  longestSilenceMs = 0;
  readonly #source: ResilientSource;
  #position: Position | null = null;
  #lastAt: number | null = null;
  #waiting: { position: Position; resolve: () => void }[] = [];

  constructor(url: string) {
    this.#source = new ResilientSource({
      sources: [new WebSocketSource({ url })],
      onSnapshot: ({ position }) => this.#advance(position),
      onBatch: ({ epoch, first, next }) => {
        const before = this.#position;
        if (before !== null && epoch === before.epoch && first !== before.offset + 1) {
          this.faults.push(`${first} came after ${before.offset}`);
        }
        this.#advance({ epoch, offset: next - 1 });
      },
      onState: ({ name }) => {
        this.upstream = name === 'live' ? 'live' : 'seeking';
      },
    });
    this.#source.start();
  }

  get counters(): SourceCounters {
    return this.#source.counters;
  }

  reached(position: Position): Promise<void> {
    return new Promise(resolve => {
      this.#waiting.push({ position, resolve });
      this.#look();
    });
  }

  stop(): void {
    this.#source.stop();
  }

  #advance(position: Position): void {
    const now = performance.now();
    if (this.#lastAt !== null) this.longestSilenceMs = Math.max(this.longestSilenceMs, Math.round(now - this.#lastAt));
    this.#lastAt = now;
    this.#position = position;
    this.#look();
  }

  #look(): void {
    const { position } = this.#source;
    if (position === null) return;
    this.#waiting = this.#waiting.filter(waiting => {
      if (comparePositions(position, waiting.position) < 0) return true;
      waiting.resolve();
      return false;
    });
  }
}

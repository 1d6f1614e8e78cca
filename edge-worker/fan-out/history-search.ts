import type { CancelTimer, Clock } from '../../shared/base/clock.ts';
import type { StreamSource } from '../../shared/stream/source.ts';
import type { Batch } from '../../shared/wire/messages.ts';
import type { Position } from '../../shared/wire/position.ts';
import { readHistory } from './history-read.ts';

export type Unhealable = { readonly position: Position; readonly reason: 'lost' | 'diverged' };

export type HistorySearchOptions = {
  readonly clock: Clock;
  readonly sources: readonly StreamSource[];
  /** Where our own memory begins; `null` while there is none. */
  readonly floor: () => Position | null;
  readonly onFound: (batches: readonly Batch[]) => void;
  /** A search has ended; whoever still lacks something asks again, unless it is what is named here. */
  readonly onEnd: (unhealable: Unhealable | null) => void;
};

const READ_TIMEOUT_MS = 3_000;
const MAX_EVENTS = 100_000;
/** While no node answers, nothing is known to be lost; so often, and so long, it is hoped for. */
const AGAIN_MS = 500;
const MAX_FAILURES = 60;

/** Rule GAP1: fetches what came before our memory from whoever remembers it. One search at a time. */
export class HistorySearch {
  readonly #options: HistorySearchOptions;
  #isSearching = false;
  #failures = 0;
  /** Raised by {@link cancel}: answers to older searches mean nothing. */
  #generation = 0;
  #cancelAgain: CancelTimer = () => {};

  constructor(options: HistorySearchOptions) {
    this.#options = options;
  }

  seek(position: Position): void {
    const { clock, sources, floor } = this.#options;
    if (this.#isSearching || floor() === null) return;
    this.#isSearching = true;
    const generation = this.#generation;
    readHistory({
      sources,
      from: position,
      until: () => floor() ?? position,
      clock,
      timeoutMs: READ_TIMEOUT_MS,
      maxEvents: MAX_EVENTS,
    }).then(answer => {
      if (generation !== this.#generation) return;
      if (answer.kind === 'unreachable' && ++this.#failures < MAX_FAILURES) {
        this.#cancelAgain = clock.setTimer(AGAIN_MS, () => this.#end(null));
        return;
      }
      this.#failures = 0;
      if (answer.kind === 'read') this.#options.onFound(answer.batches);
      this.#end({ position, reason: answer.kind === 'unhealable' ? answer.reason : 'lost' });
    });
  }

  cancel(): void {
    this.#generation++;
    this.#cancelAgain();
    this.#isSearching = false;
    this.#failures = 0;
  }

  #end(unhealable: Unhealable | null): void {
    this.#isSearching = false;
    this.#options.onEnd(unhealable);
  }
}

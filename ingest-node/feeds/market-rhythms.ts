/**
 * Tells which markets of a feed have fallen silent against their own rhythm, while others go on: a subscription that was
 * lost looks like that, and so does a market that nobody trades any more. One that trades twice an hour is not silent for
 * a minute's sake, one that trades every second is.
 */

/** Until a market's rhythm is known: frames alone prove nothing, it takes time too. */
const FRAMES_TO_LEARN = 50;
const LEARNING_MS = 600_000;
/** Silence of this many times the longest pause seen lately is no chance any more. */
const PAUSES_ALLOWED = 10;
const SHORTEST_LIMIT_MS = 60_000;
/** The memory of a long pause fades by half in this time. */
const HALF_LIFE_MS = 3_600_000;

type Rhythm = {
  beats: number;
  learntMs: number;
  last: number;
  longestPauseMs: number;
  longestPauseAt: number;
  /** A silence is told once. */
  isTold: boolean;
};

export type SilentMarket = { readonly symbol: string; readonly silentMs: number };

export class MarketRhythms {
  readonly #rhythms = new Map<string, Rhythm>();

  /** Data of a market came, at this monotonic time. */
  beat(symbol: string, now: number): void {
    const rhythm = this.#rhythms.get(symbol);
    if (rhythm === undefined) {
      this.#rhythms.set(symbol, {
        beats: 1,
        learntMs: 0,
        last: now,
        longestPauseMs: 0,
        longestPauseAt: now,
        isTold: false,
      });
      return;
    }
    const pauseMs = now - rhythm.last;
    if (pauseMs >= faded(rhythm, now)) {
      rhythm.longestPauseMs = pauseMs;
      rhythm.longestPauseAt = now;
    }
    rhythm.beats++;
    rhythm.learntMs += pauseMs;
    rhythm.last = now;
    rhythm.isTold = false;
  }

  /** Markets whose silence is longer than their rhythm explains and has not been told yet. */
  silent(now: number): SilentMarket[] {
    const silent: SilentMarket[] = [];
    for (const [symbol, rhythm] of this.#rhythms) {
      if (rhythm.isTold || rhythm.beats < FRAMES_TO_LEARN || rhythm.learntMs < LEARNING_MS) continue;
      const silentMs = now - rhythm.last;
      if (silentMs <= Math.max(SHORTEST_LIMIT_MS, PAUSES_ALLOWED * faded(rhythm, now))) continue;
      rhythm.isTold = true;
      silent.push({ symbol, silentMs });
    }
    return silent;
  }

  /** What passed until now says nothing of the markets: the feed did not deliver, or we slept ourselves. */
  rest(now: number): void {
    for (const rhythm of this.#rhythms.values()) rhythm.last = now;
  }

  /** Forgets all but these. */
  keep(symbols: ReadonlySet<string>): void {
    for (const symbol of this.#rhythms.keys()) if (!symbols.has(symbol)) this.#rhythms.delete(symbol);
  }
}

function faded({ longestPauseMs, longestPauseAt }: Rhythm, now: number): number {
  return longestPauseMs * 0.5 ** ((now - longestPauseAt) / HALF_LIFE_MS);
}

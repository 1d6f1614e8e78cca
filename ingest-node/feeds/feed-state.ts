/**
 * What a feed can be in; how it moves from one state to another is in `feed-transitions.ts`.
 *
 * A feed outlives its sockets. Each attempt to have one is a *line*, known here by its number. Usually there is one; a
 * planned reconnection has two for a moment, the second one open and subscribed before the first one goes.
 */
import type { FeedStateName } from '../../shared/model/market-event.ts';
import type { EpochMillis } from '../../shared/model/time.ts';

export type LineNumber = number;

export type FeedMachineState = Idle | Connecting | Live | Stale | Down;

type Idle = { readonly name: 'idle'; readonly since: EpochMillis; readonly reason: 'not started' | 'stopped' };

/** A line is in the making: waiting for its turn, dialling, or subscribed without data so far. */
type Connecting = {
  readonly name: 'connecting';
  readonly since: EpochMillis;
  /** Why there is no data yet: how the line before ended, or what this one waits for. */
  readonly reason: string | null;
  readonly line: LineNumber;
  readonly refusal: Refusal;
  /** Attempts in a row that did not lead to healthy data. */
  readonly failures: number;
};

export type Live = {
  readonly name: 'live';
  readonly since: EpochMillis;
  readonly line: LineNumber;
  readonly refusal: Refusal;
  /** Monotonic time of this line's first data. */
  readonly firstData: number;
  readonly failures: number;
  readonly replacement: Replacement | null;
};

/** The socket lives, the data do not come. */
export type Stale = {
  readonly name: 'stale';
  readonly since: EpochMillis;
  readonly reason: string;
  readonly line: LineNumber;
  readonly refusal: Refusal;
  readonly failures: number;
  readonly replacement: Replacement | null;
};

/** No line; the next one is dialled at `wake`. */
type Down = {
  readonly name: 'down';
  readonly since: EpochMillis;
  readonly reason: string;
  readonly failures: number;
};

/** The second line of a planned reconnection. */
export type Replacement =
  /** Its last attempt failed; the next one starts at `wake`. */
  | { readonly phase: 'waiting'; readonly failures: number }
  | {
      readonly phase: 'connecting';
      readonly line: LineNumber;
      readonly refusal: Refusal;
      readonly failures: number;
    }
  /** It delivers, and so does the first line still: what was subscribed last has a moment to begin. */
  | {
      readonly phase: 'overlapping';
      readonly line: LineNumber;
      readonly refusal: Refusal;
      readonly firstData: number;
      readonly failures: number;
    };

/** What the exchange refused on a line, in words. A line may deliver in spite of it, the rest of the subscription. */
type Refusal = string | null;

export type FeedCondition = {
  readonly state: FeedStateName;
  readonly since: EpochMillis;
  readonly reason: string | null;
  /** We ended it, or never began: that nothing comes is no trouble. */
  readonly isStopped?: true;
};

/** What the world is told. */
export function conditionOf(state: FeedMachineState): FeedCondition {
  switch (state.name) {
    case 'idle':
      return { state: 'down', since: state.since, reason: state.reason, isStopped: true };
    case 'connecting':
      return { state: 'connecting', since: state.since, reason: state.refusal ?? state.reason };
    case 'live':
      return { state: 'live', since: state.since, reason: state.refusal };
    case 'stale':
    case 'down':
      return { state: state.name, since: state.since, reason: state.reason };
  }
}

/** Every line the state still holds. */
export function linesOf(state: FeedMachineState): readonly LineNumber[] {
  switch (state.name) {
    case 'idle':
    case 'down':
      return [];
    case 'connecting':
      return [state.line];
    case 'live':
    case 'stale': {
      const second = state.replacement;
      return second === null || second.phase === 'waiting' ? [state.line] : [state.line, second.line];
    }
  }
}

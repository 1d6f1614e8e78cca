/**
 * The life of one feed as a table of states and events, in which a missing cell does not compile. No socket, clock or
 * timer in sight: `feed.ts` carries out the effects.
 *
 * ```text
 *          start            first data           data silent
 *   idle ────────▶ connecting ────────▶ live ◀──────────────▶ stale     replaceDue, relisted, patience over:
 *    ▲                │  ▲               │        data          │       a second line is dialled, then overlaps,
 *    │ stop           │  │ wake          │ ended                │       then takes over
 *    └── (any)        └──┴──── down ◀────┴──────────────────────┘
 * ```
 */
import type { EpochMillis } from '../../shared/model/time.ts';
import {
  type FeedMachineState,
  type LineNumber,
  type Live,
  linesOf,
  type Replacement,
  type Stale,
} from './feed-state.ts';

export type FeedMachineEvent =
  | { readonly type: 'start' }
  | { readonly type: 'stop' }
  /** A line has to wait for its turn to dial. */
  | { readonly type: 'delayed'; readonly line: LineNumber; readonly reason: string }
  /** The exchange refused a request on a line that goes on, or does not answer it; `null` when that is over. */
  | { readonly type: 'refused'; readonly line: LineNumber; readonly reason: string | null }
  /** Data came. A second line says so only once it has subscribed to everything. */
  | { readonly type: 'data'; readonly line: LineNumber }
  /** The data of a line stay away. */
  | { readonly type: 'quiet'; readonly line: LineNumber; readonly reason: string }
  /** A line is gone, at least `pauseMs` are to pass before the next one. */
  | { readonly type: 'ended'; readonly line: LineNumber; readonly reason: string; readonly pauseMs: number }
  /** A line is too old, or the exchange asked us to reconnect. */
  | { readonly type: 'replaceDue'; readonly line: LineNumber; readonly reason: string }
  /** The instruments changed: every line so far has subscribed to the wrong ones. */
  | { readonly type: 'relisted' }
  /** The wait asked for with the effect `wake` is over. */
  | { readonly type: 'wake' }
  /** The overlap of a second line is over. */
  | { readonly type: 'settled'; readonly line: LineNumber };

/** What is to be done, in this order. */
export type FeedEffect =
  | { readonly type: 'dial'; readonly line: LineNumber }
  /** Lets go of a line: nothing of it is handed over any more. */
  | { readonly type: 'release'; readonly line: LineNumber }
  /** Asks for one `wake` after this time; takes the place of an earlier one. */
  | { readonly type: 'wake'; readonly afterMs: number }
  /** Asks for one `settled` after the overlap. */
  | { readonly type: 'settle'; readonly line: LineNumber };

/** What a transition may know of the world. */
export type FeedTools = {
  readonly now: EpochMillis;
  readonly monotonic: number;
  nextLine(): LineNumber;
  /** How long to wait after this many failures in a row. */
  backoffMs(failures: number): number;
};

export type FeedStep = { readonly state: FeedMachineState; readonly effects: readonly FeedEffect[] };

/** Data for this long without a break make up for all failures before. */
export const HEALTHY_AFTER_MS = 60_000;

/** So long a feed may be stale before a second line is tried: the first one may only have lost its subscription. */
export const STALE_PATIENCE_MS = 60_000;

type Cell<State, Event> = (state: State, event: Event, tools: FeedTools) => FeedStep;

type TransitionTable = {
  readonly [S in FeedMachineState as S['name']]: { readonly [E in FeedMachineEvent as E['type']]: Cell<S, E> };
};

const stay = (state: FeedMachineState): FeedStep => ({ state, effects: [] });

const goIdle = (state: FeedMachineState, _event: FeedMachineEvent, tools: FeedTools): FeedStep => ({
  state: { name: 'idle', since: tools.now, reason: 'stopped' },
  effects: linesOf(state).map(line => ({ type: 'release', line })),
});

const TRANSITIONS: TransitionTable = {
  idle: {
    start: (_state, _event, tools) => connect(null, 0, tools),
    stop: stay,
    delayed: stay,
    refused: stay,
    data: stay,
    quiet: stay,
    ended: stay,
    replaceDue: stay,
    relisted: stay,
    wake: stay,
    settled: stay,
  },
  connecting: {
    start: stay,
    stop: goIdle,
    delayed: (state, event) => stay(event.line === state.line ? { ...state, reason: event.reason } : state),
    refused: (state, event) => stay(event.line === state.line ? { ...state, refusal: event.reason } : state),
    data: (state, event, tools) => {
      if (event.line !== state.line) return stay(state);
      return stay({
        name: 'live',
        since: tools.now,
        line: state.line,
        refusal: state.refusal,
        firstData: tools.monotonic,
        failures: state.failures,
        replacement: null,
      });
    },
    // Without data there is no rhythm to fall out of; the line itself gives up when none come at all.
    quiet: stay,
    ended: (state, event, tools) =>
      event.line === state.line ? goDown(event.reason, event.pauseMs, state.failures, tools) : stay(state),
    replaceDue: (state, event, tools) => {
      if (event.line !== state.line) return stay(state);
      return withRelease(state.line, goDown(event.reason, 0, state.failures, tools));
    },
    relisted: (state, _event, tools) => {
      const line = tools.nextLine();
      return {
        state: { ...state, line, refusal: null },
        effects: [
          { type: 'release', line: state.line },
          { type: 'dial', line },
        ],
      };
    },
    wake: stay,
    settled: stay,
  },
  live: {
    start: stay,
    stop: goIdle,
    delayed: stay,
    refused: (state, event) => stay(recordRefusal(state, event.line, event.reason)),
    data: (state, event, tools) => {
      const second = state.replacement;
      if (second?.phase !== 'connecting' || second.line !== event.line) return stay(state);
      return {
        state: { ...state, replacement: { ...second, phase: 'overlapping', firstData: tools.monotonic } },
        effects: [{ type: 'settle', line: event.line }],
      };
    },
    quiet: (state, event, tools) => {
      if (event.line !== state.line) return stay(state);
      const second = state.replacement;
      // The second line delivers already: the first one's silence is no loss.
      if (second?.phase === 'overlapping') return takeOver(state, second, second.firstData, tools);
      return {
        state: {
          name: 'stale',
          since: tools.now,
          reason: event.reason,
          line: state.line,
          refusal: state.refusal,
          failures: failuresOf(state, tools),
          replacement: second,
        },
        effects: second === null ? [{ type: 'wake', afterMs: STALE_PATIENCE_MS }] : [],
      };
    },
    ended: (state, event, tools) => {
      const second = state.replacement;
      if (event.line !== state.line) return replacementEnded(state, event, tools);
      if (second?.phase === 'overlapping') return takeOver(state, second, second.firstData, tools);
      return loseFirstLine(second, failuresOf(state, tools), event, tools);
    },
    replaceDue: (state, event, tools) => {
      if (event.line !== state.line) return replacementUnfit(state, event.line, tools);
      if (state.replacement !== null) return stay(state);
      if (isHealthy(state, tools)) return dialReplacement(state, 0, tools);
      // An exchange that sends us away again and again is met with backoff; the first time we go at once.
      if (state.failures === 0) return dialReplacement(state, 1, tools);
      return awaitReplacement(state, state.failures, 0, tools);
    },
    relisted: (state, _event, tools) => dialReplacement(state, failuresOf(state, tools), tools),
    wake: (state, _event, tools) =>
      state.replacement?.phase === 'waiting' ? dialReplacement(state, state.replacement.failures, tools) : stay(state),
    settled: (state, event, tools) => {
      const second = state.replacement;
      if (second?.phase !== 'overlapping' || second.line !== event.line) return stay(state);
      return takeOver(state, second, second.firstData, tools);
    },
  },
  stale: {
    start: stay,
    stop: goIdle,
    delayed: stay,
    refused: (state, event) => stay(recordRefusal(state, event.line, event.reason)),
    data: (state, event, tools) => {
      if (event.line === state.line) {
        return stay({
          name: 'live',
          since: tools.now,
          line: state.line,
          refusal: state.refusal,
          firstData: tools.monotonic,
          failures: state.failures,
          replacement: state.replacement,
        });
      }
      const second = state.replacement;
      if (second?.phase !== 'connecting' || second.line !== event.line) return stay(state);
      return takeOver(state, second, tools.monotonic, tools);
    },
    quiet: stay,
    ended: (state, event, tools) => {
      if (event.line !== state.line) return replacementEnded(state, event, tools);
      return loseFirstLine(state.replacement, state.failures, event, tools);
    },
    replaceDue: (state, event, tools) => {
      if (event.line !== state.line) return replacementUnfit(state, event.line, tools);
      return state.replacement === null ? dialReplacement(state, state.failures, tools) : stay(state);
    },
    relisted: (state, _event, tools) => dialReplacement(state, state.failures, tools),
    wake: (state, _event, tools) => {
      if (state.replacement === null) return dialReplacement(state, state.failures, tools);
      return state.replacement.phase === 'waiting'
        ? dialReplacement(state, state.replacement.failures, tools)
        : stay(state);
    },
    settled: stay,
  },
  down: {
    start: stay,
    stop: goIdle,
    delayed: stay,
    refused: stay,
    data: stay,
    quiet: stay,
    ended: stay,
    replaceDue: stay,
    // The next line subscribes to the new list by itself.
    relisted: stay,
    wake: (state, _event, tools) => connect(state.reason, state.failures, tools),
    settled: stay,
  },
};

/** The one way a feed moves. */
export function stepFeed(state: FeedMachineState, event: FeedMachineEvent, tools: FeedTools): FeedStep {
  // The table proves that state and event fit; the compiler cannot follow the two names at once.
  const cell = TRANSITIONS[state.name][event.type] as Cell<FeedMachineState, FeedMachineEvent>;
  return cell(state, event, tools);
}

export const FEED_STATE_NAMES = Object.keys(TRANSITIONS) as readonly FeedMachineState['name'][];
export const FEED_EVENT_TYPES = Object.keys(TRANSITIONS.idle) as readonly FeedMachineEvent['type'][];

function recordRefusal<S extends Live | Stale>(state: S, line: LineNumber, refusal: string | null): S {
  const second = state.replacement;
  if (line === state.line) return { ...state, refusal };
  if (second === null || second.phase === 'waiting' || second.line !== line) return state;
  return { ...state, replacement: { ...second, refusal } };
}

function isHealthy(state: Live, tools: FeedTools): boolean {
  return tools.monotonic - state.firstData >= HEALTHY_AFTER_MS;
}

/** Failures that still count once this line has delivered for a while. */
function failuresOf(state: Live, tools: FeedTools): number {
  return isHealthy(state, tools) ? 0 : state.failures;
}

function connect(reason: string | null, failures: number, tools: FeedTools): FeedStep {
  const line = tools.nextLine();
  return {
    state: { name: 'connecting', since: tools.now, reason, line, refusal: null, failures },
    effects: [{ type: 'dial', line }],
  };
}

function goDown(reason: string, pauseMs: number, failures: number, tools: FeedTools): FeedStep {
  return {
    state: { name: 'down', since: tools.now, reason, failures: failures + 1 },
    effects: [{ type: 'wake', afterMs: Math.max(pauseMs, tools.backoffMs(failures)) }],
  };
}

function withRelease(line: LineNumber, step: FeedStep): FeedStep {
  return { state: step.state, effects: [{ type: 'release', line }, ...step.effects] };
}

/** The first line is gone before the second one delivers. */
function loseFirstLine(
  second: Replacement | null,
  failures: number,
  ended: { readonly reason: string; readonly pauseMs: number },
  tools: FeedTools,
): FeedStep {
  if (second === null || second.phase === 'waiting') {
    return goDown(ended.reason, ended.pauseMs, Math.max(failures, second?.failures ?? 0), tools);
  }
  return stay({
    name: 'connecting',
    since: tools.now,
    reason: ended.reason,
    line: second.line,
    refusal: second.refusal,
    failures: Math.max(failures, second.failures),
  });
}

function dialReplacement(state: Live | Stale, failures: number, tools: FeedTools): FeedStep {
  const second = state.replacement;
  const line = tools.nextLine();
  return {
    state: { ...state, replacement: { phase: 'connecting', line, refusal: null, failures } },
    effects: [
      ...(second === null || second.phase === 'waiting' ? [] : [{ type: 'release', line: second.line } as const]),
      { type: 'dial', line },
    ],
  };
}

function awaitReplacement(state: Live | Stale, failures: number, pauseMs: number, tools: FeedTools): FeedStep {
  return {
    state: { ...state, replacement: { phase: 'waiting', failures: failures + 1 } },
    effects: [{ type: 'wake', afterMs: Math.max(pauseMs, tools.backoffMs(failures)) }],
  };
}

/** The second line failed while the first one goes on: try again later. */
function replacementEnded(
  state: Live | Stale,
  ended: { readonly line: LineNumber; readonly pauseMs: number },
  tools: FeedTools,
): FeedStep {
  const second = state.replacement;
  if (second === null || second.phase === 'waiting' || second.line !== ended.line) return stay(state);
  return awaitReplacement(state, second.failures, ended.pauseMs, tools);
}

/** The second line is to be replaced before it has taken over: another one is tried later. */
function replacementUnfit(state: Live | Stale, line: LineNumber, tools: FeedTools): FeedStep {
  const second = state.replacement;
  if (second?.phase !== 'connecting' || second.line !== line) return stay(state);
  return withRelease(line, awaitReplacement(state, second.failures, 0, tools));
}

/** The second line becomes the first one. Who was live stays live: the world need not know. */
function takeOver(
  state: Live | Stale,
  second: Exclude<Replacement, { readonly phase: 'waiting' }>,
  firstData: number,
  tools: FeedTools,
): FeedStep {
  return {
    state: {
      name: 'live',
      since: state.name === 'live' ? state.since : tools.now,
      line: second.line,
      refusal: second.refusal,
      firstData,
      failures: second.failures,
      replacement: null,
    },
    effects: [{ type: 'release', line: state.line }],
  };
}

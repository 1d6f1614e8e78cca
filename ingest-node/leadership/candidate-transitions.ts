/**
 * The life of one candidate as a table of states and events, in which a missing cell does not compile. No ZooKeeper,
 * clock or timer in sight: `zookeeper-leader-election.ts` carries out the effects.
 *
 * ```text
 *         start               attached           placed              placed, and named
 *   idle ──────▶ disconnected ────────▶ joining ────────▶ following ◀──────────────────▶ preparing
 *                     ▲                   ▲  │                │  placed, not named          │
 *                     │ expired           │  └───────────┐    │ elected                     │ elected
 *                     │ evicted           │              ▼    ▼                             │
 *                     │                   │             leading ◀───────────────────────────┘
 *                     │                   │              │ ▲  │ ▲
 *                     │                   │     handOver │ │  │ │ confirmed
 *                     │                   │              ▼ │  │ │
 *                     │                   │      handingOver  │ │
 *                     │                   │                │  ▼ │
 *                     └── (any) ──────────┴──────────── suspended ◀─── lapsed ─── (joining … preparing, too)
 *                                     confirmed (no term)
 *
 *   leading, handingOver ── release ──▶ releasing ── released, or nothing more can be done ──▶ stopping ◀── stop ── (any)
 * ```
 */
import type { EpochMillis } from '../../shared/model/time.ts';
import { type CandidateState, type RevocableTerm, termOf } from './candidate-state.ts';
import type {
  HandoverAnswer,
  LeaderInfo,
  LeadershipEvent,
  PreviousTerm,
  StopReason,
  TermEnd,
} from './leader-election.ts';

export type CandidateEvent =
  | { readonly type: 'start' }
  /** A link serves the session, and a write has gone through it. Watches of earlier links are gone. */
  | { readonly type: 'attached' }
  /** A write was acknowledged, and with it that the candidacy and the term are as they were. */
  | { readonly type: 'confirmed' }
  /** Half a session timeout has passed since the sending of the last acknowledged write. */
  | { readonly type: 'lapsed'; readonly reason: string }
  /** The session is gone, and with it the candidate's node. */
  | { readonly type: 'expired'; readonly reason: string }
  /** The candidacy was taken away, or another node began a term, while the session lives. */
  | { readonly type: 'evicted'; readonly reason: string }
  /** Somebody stands before us; the leader may have named us to follow it. */
  | { readonly type: 'placed'; readonly leader: LeaderInfo | null; readonly namedBy: LeaderInfo | null }
  /** Nobody stands before us, and our term is written. */
  | { readonly type: 'elected'; readonly term: RevocableTerm; readonly previous: PreviousTerm | null }
  /** The owner found that a higher epoch has written. */
  | { readonly type: 'resign'; readonly reason: string }
  /** The owner wants a successor. */
  | { readonly type: 'handOver' }
  /** The search for a successor came to an end. */
  | { readonly type: 'succession'; readonly answer: 'ready' | 'nobody' }
  /** The owner will not wait for its successor any longer. */
  | { readonly type: 'impatient' }
  /** The owner could lead now. */
  | { readonly type: 'ready' }
  /** The owner has written its last. */
  | { readonly type: 'release'; readonly end: TermEnd }
  /** The end is written, or cannot be. */
  | { readonly type: 'released' }
  | { readonly type: 'stop' };

/** What is to be done, in this order. */
export type CandidateEffect =
  /** Opens a session and keeps one open from now on. */
  | { readonly type: 'connect' }
  /** Finds out the place in the queue, taking one before if there is none. */
  | { readonly type: 'look' }
  /** The node in the queue is gone or worthless: the next look takes a new one. */
  | { readonly type: 'forget' }
  /** Ends the session, for ZooKeeper to remove all that is ours, and opens another one. */
  | { readonly type: 'renew' }
  | { readonly type: 'revoke'; readonly term: RevocableTerm }
  | { readonly type: 'tell'; readonly event: Exclude<LeadershipEvent, { readonly type: 'leader' }> }
  /** `self`: the term of this node. */
  | { readonly type: 'announce'; readonly leader: LeaderInfo | { readonly self: RevocableTerm } | null }
  /** Asks who else remembers epochs, so that it need not be asked when every millisecond counts. */
  | { readonly type: 'foresee' }
  /** Lets the leader of this epoch know that we could follow it; `null` takes that back. */
  | { readonly type: 'sayReady'; readonly epoch: number | null }
  /** Names the next in the queue, and another one if that dies, until one is ready or nobody is left. */
  | { readonly type: 'seekSuccessor'; readonly term: RevocableTerm }
  | { readonly type: 'takeBackName' }
  /** Answers who asked for a handover. */
  | { readonly type: 'answer'; readonly answer: HandoverAnswer }
  /** Writes the end of our term and ends our candidacy, in one. */
  | { readonly type: 'handIn'; readonly end: TermEnd }
  /** Ends the session for good. */
  | { readonly type: 'leave' };

export type CandidateStep = { readonly state: CandidateState; readonly effects: readonly CandidateEffect[] };

type Cell<State, Event> = (state: State, event: Event, now: EpochMillis) => CandidateStep;

type Named<Name extends CandidateState['name']> = Extract<CandidateState, { readonly name: Name }>;

type TransitionTable = {
  readonly [S in CandidateState as S['name']]: { readonly [E in CandidateEvent as E['type']]: Cell<S, E> };
};

const stay = (state: CandidateState): CandidateStep => ({ state, effects: [] });

const lookAgain = (state: CandidateState): CandidateStep => ({ state, effects: [{ type: 'look' }] });

/** A term that was written for a state of things that is no more. The next look finds and takes it up if it is ours still. */
const refuse = (state: CandidateState, event: { readonly term: RevocableTerm }): CandidateStep => ({
  state,
  effects: [{ type: 'revoke', term: event.term }],
});

const answerNobody = (state: CandidateState): CandidateStep => ({
  state,
  effects: [{ type: 'answer', answer: 'nobody' }],
});

const lose = (
  state: CandidateState,
  event: { readonly type: 'expired' | 'evicted' | 'resign'; readonly reason: string },
  now: EpochMillis,
): CandidateStep => ({
  state: { name: 'disconnected', since: now, reason: event.reason },
  effects: [
    ...endOfRole(state, event.type === 'expired' ? 'sessionExpired' : 'replaced', event.reason),
    { type: 'forget' },
    ...(event.type === 'expired' ? [] : [{ type: 'renew' } as const]),
  ],
});

const suspend = (state: CandidateState, event: { readonly reason: string }, now: EpochMillis): CandidateStep => {
  const term = termOf(state);
  const { reason } = event;
  const effects: CandidateEffect[] =
    term === null
      ? endOfPreparation(state, reason)
      : [
          { type: 'tell', event: { type: 'suspended', term, reason } },
          { type: 'announce', leader: null },
        ];
  return { state: { name: 'suspended', since: now, reason, term, isHandingOver: isHandingOver(state) }, effects };
};

const follow = (
  state: CandidateState,
  event: { readonly leader: LeaderInfo | null; readonly namedBy: LeaderInfo | null },
  now: EpochMillis,
): CandidateStep => {
  const announce: CandidateEffect = { type: 'announce', leader: event.leader };
  const { namedBy } = event;
  if (state.name === 'preparing' && state.epoch === namedBy?.epoch) return { state, effects: [announce] };
  const effects = [announce, ...endOfPreparation(state, 'the leader stays, or has named another node')];
  if (namedBy === null)
    return { state: state.name === 'following' ? state : { name: 'following', since: now }, effects };
  return {
    state: { name: 'preparing', since: now, epoch: namedBy.epoch },
    effects: [...effects, { type: 'foresee' }, { type: 'tell', event: { type: 'prepare', leader: namedBy } }],
  };
};

const lead = (
  _state: CandidateState,
  { term, previous }: { readonly term: RevocableTerm; readonly previous: PreviousTerm | null },
  now: EpochMillis,
): CandidateStep => ({
  state: { name: 'leading', since: now, term },
  effects: [
    { type: 'tell', event: { type: 'lead', term, previous } },
    { type: 'announce', leader: { self: term } },
  ],
});

const release = (
  state: Named<'leading'> | Named<'handingOver'>,
  event: { readonly type: 'release'; readonly end: TermEnd },
  now: EpochMillis,
): CandidateStep => {
  if (event.end.epoch !== state.term.epoch) return leave(state, event, now);
  return {
    state: { name: 'releasing', since: now, end: event.end },
    effects: [...endOfRole(state, 'released', 'released'), { type: 'handIn', end: event.end }],
  };
};

const leave = (state: CandidateState, event: CandidateEvent, now: EpochMillis): CandidateStep => {
  const reason = event.type === 'release' ? 'released' : 'stopped';
  return {
    state: { name: 'stopping', since: now },
    effects: [...endOfRole(state, reason, reason), { type: 'leave' }],
  };
};

/** What the owner may ask at any time, of a node that has no term. */
const WITHOUT_TERM = {
  elected: refuse,
  resign: stay,
  handOver: answerNobody,
  succession: stay,
  impatient: stay,
  ready: stay,
  release: leave,
  released: stay,
  stop: leave,
} as const;

/** Nothing that comes from a session means anything. */
const WITHOUT_SESSION = {
  start: stay,
  attached: stay,
  confirmed: stay,
  lapsed: stay,
  expired: stay,
  evicted: stay,
  placed: stay,
} as const;

const IN_QUEUE = {
  ...WITHOUT_TERM,
  start: stay,
  attached: lookAgain,
  confirmed: stay,
  lapsed: suspend,
  expired: lose,
  evicted: lose,
  placed: follow,
  elected: lead,
} as const;

const IN_TERM = {
  start: stay,
  confirmed: stay,
  lapsed: suspend,
  expired: lose,
  evicted: lose,
  // Who leads has nobody before it; a look that began earlier is about the past.
  placed: stay,
  elected: refuse,
  resign: lose,
  ready: stay,
  release,
  released: stay,
  stop: leave,
} as const;

const TRANSITIONS: TransitionTable = {
  idle: {
    ...WITHOUT_SESSION,
    ...WITHOUT_TERM,
    start: (_state, _event, now) => ({
      state: { name: 'disconnected', since: now, reason: 'not connected yet' },
      effects: [{ type: 'connect' }],
    }),
  },
  disconnected: {
    ...WITHOUT_SESSION,
    ...WITHOUT_TERM,
    attached: (_state, _event, now) => lookAgain({ name: 'joining', since: now }),
    expired: (state, event) => stay({ ...state, reason: event.reason }),
  },
  joining: IN_QUEUE,
  following: IN_QUEUE,
  // Suspended, it is named no more: the leader may name another one meanwhile, and two must not dial at once. Elected, it
  // goes on: the leader has left, or died, and what was prepared is worth the same.
  preparing: {
    ...IN_QUEUE,
    ready: state => ({ state, effects: [{ type: 'sayReady', epoch: state.epoch }] }),
  },
  leading: {
    ...IN_TERM,
    // A leader's every write checks that its node is there and the term its own: there is nothing to look for.
    attached: stay,
    handOver: ({ term }, _event, now) => seek(term, now),
    succession: stay,
    impatient: stay,
  },
  handingOver: {
    ...IN_TERM,
    // The watch on the successor went with the earlier link.
    attached: state => ({ state, effects: [{ type: 'seekSuccessor', term: state.term }] }),
    // Whoever asks again gets the same answer.
    handOver: stay,
    succession: ({ term }, { answer }, now) => ({
      state: { name: 'leading', since: now, term },
      effects: [{ type: 'answer', answer }],
    }),
    impatient: ({ term }, _event, now) => ({
      state: { name: 'leading', since: now, term },
      effects: [{ type: 'takeBackName' }, { type: 'answer', answer: 'timeout' }],
    }),
  },
  suspended: {
    start: stay,
    attached: state => (state.term === null ? lookAgain(state) : stay(state)),
    // Our node has been there all the time, first in the queue, and the term is the newest: nobody led in between.
    confirmed: (state, _event, now) => {
      const { term } = state;
      if (term === null) return lookAgain({ name: 'joining', since: now });
      const next = state.isHandingOver ? seek(term, now) : stay({ name: 'leading', since: now, term });
      return {
        state: next.state,
        effects: [
          { type: 'tell', event: { type: 'resumed', term } },
          { type: 'announce', leader: { self: term } },
          ...next.effects,
        ],
      };
    },
    lapsed: stay,
    expired: lose,
    evicted: lose,
    placed: stay,
    elected: refuse,
    resign: (state, event, now) => (state.term === null ? stay(state) : lose(state, event, now)),
    // Begins when the term goes on.
    handOver: state => (state.term === null ? answerNobody(state) : stay({ ...state, isHandingOver: true })),
    // Found out before: sought again when the term goes on.
    succession: stay,
    impatient: state =>
      state.isHandingOver
        ? {
            state: { ...state, isHandingOver: false },
            effects: [{ type: 'takeBackName' }, { type: 'answer', answer: 'timeout' }],
          }
        : stay(state),
    ready: stay,
    // Nobody would hear of the end in time.
    release: leave,
    released: stay,
    stop: leave,
  },
  releasing: {
    ...WITHOUT_TERM,
    start: stay,
    attached: state => ({ state, effects: [{ type: 'handIn', end: state.end }] }),
    confirmed: stay,
    lapsed: leave,
    expired: leave,
    // It was written, only the answer was lost; or somebody took the candidacy away: over in either case.
    evicted: leave,
    placed: stay,
    release: stay,
    released: leave,
    // Waits for the end to be written: until it lapses at the latest.
    stop: stay,
  },
  stopping: { ...WITHOUT_SESSION, ...WITHOUT_TERM, release: stay, stop: stay },
};

/** The one way a candidate moves. */
export function stepCandidate(state: CandidateState, event: CandidateEvent, now: EpochMillis): CandidateStep {
  // The table proves that state and event fit; the compiler cannot follow the two names at once.
  const cell = TRANSITIONS[state.name][event.type] as Cell<CandidateState, CandidateEvent>;
  return cell(state, event, now);
}

export const CANDIDATE_STATE_NAMES = Object.keys(TRANSITIONS) as readonly CandidateState['name'][];
export const CANDIDATE_EVENT_TYPES = Object.keys(TRANSITIONS.idle) as readonly CandidateEvent['type'][];

const seek = (term: RevocableTerm, now: EpochMillis): CandidateStep => ({
  state: { name: 'handingOver', since: now, term },
  effects: [{ type: 'seekSuccessor', term }],
});

export const isHandingOver = (state: CandidateState): boolean =>
  state.name === 'handingOver' || (state.name === 'suspended' && state.isHandingOver);

/** Revoked before it is told: who hears of the end can write no more. */
function endOfRole(state: CandidateState, reason: StopReason, detail: string): CandidateEffect[] {
  const term = termOf(state);
  if (term === null) return endOfPreparation(state, detail);
  return [
    { type: 'revoke', term },
    { type: 'tell', event: { type: 'stopLeading', term, reason, detail } },
    { type: 'announce', leader: null },
    ...(isHandingOver(state) ? [{ type: 'answer', answer: 'nobody' } as const] : []),
  ];
}

function endOfPreparation(state: CandidateState, reason: string): CandidateEffect[] {
  if (state.name !== 'preparing') return [];
  return [
    { type: 'sayReady', epoch: null },
    { type: 'tell', event: { type: 'prepareCancelled', reason } },
  ];
}

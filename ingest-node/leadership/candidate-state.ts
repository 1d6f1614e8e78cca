/** What a candidate can be in; how it moves from one state to another is in `candidate-transitions.ts`. */
import type { EpochMillis } from '../../shared/model/time.ts';
import type { Term, TermEnd } from './leader-election.ts';

export type CandidateState =
  | Idle
  | Disconnected
  | Joining
  | Following
  | Preparing
  | Leading
  | HandingOver
  | Suspended
  | Releasing
  | Stopping;

type Idle = { readonly name: 'idle'; readonly since: EpochMillis };

/** No session. Whatever this node was before, it is no candidate now. */
type Disconnected = { readonly name: 'disconnected'; readonly since: EpochMillis; readonly reason: string };

/** There is a session; the place in the queue is not known yet. */
type Joining = { readonly name: 'joining'; readonly since: EpochMillis };

/** Somebody stands before this node in the queue. */
type Following = { readonly name: 'following'; readonly since: EpochMillis };

/** The leader of this epoch has named this node: it alone may dial the exchanges besides. */
type Preparing = { readonly name: 'preparing'; readonly since: EpochMillis; readonly epoch: number };

type Leading = { readonly name: 'leading'; readonly since: EpochMillis; readonly term: RevocableTerm };

/** Leads, while the next in the queue is looked for, named, and waited for. */
type HandingOver = { readonly name: 'handingOver'; readonly since: EpochMillis; readonly term: RevocableTerm };

/**
 * For half a session timeout nothing was acknowledged. The session may be alive or dead, and so the candidacy and, if
 * there is one, the term.
 */
type Suspended = {
  readonly name: 'suspended';
  readonly since: EpochMillis;
  readonly reason: string;
  readonly term: RevocableTerm | null;
  /** The search for a successor goes on where the term does. */
  readonly isHandingOver: boolean;
};

/** The term is over; its end is being written. */
type Releasing = { readonly name: 'releasing'; readonly since: EpochMillis; readonly end: TermEnd };

type Stopping = { readonly name: 'stopping'; readonly since: EpochMillis };

/** A term seen from the inside of the election. */
export type RevocableTerm = Term & {
  /** From now on it may never write again. */
  revoke(): void;
};

export function termOf(state: CandidateState): RevocableTerm | null {
  switch (state.name) {
    case 'leading':
    case 'handingOver':
    case 'suspended':
      return state.term;
    default:
      return null;
  }
}

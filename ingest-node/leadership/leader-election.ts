/**
 * Who leads. Exactly one node holds the exchange sockets and seals the stream; it leads for one *term*, and the term's
 * epoch is above every epoch that was ever remembered and never below the current Unix second (rule EPO2), so that wiped
 * storage cannot take consumers back.
 *
 * The owner starts the election once and is told what to do. Events come one at a time and never within `start`'s or
 * `stop`'s callers' own stack before those have begun:
 *
 * ```text
 *            ┌──────────────────────────────────────────────┐
 *            ▼                                              │
 *   (not leading) ── lead ──▶ leading ── stopLeading ───────┘
 *                              │    ▲          ▲
 *                        suspended  resumed    │
 *                              ▼    │          │
 *                             suspended ───────┘
 * ```
 *
 * A leader that leaves on purpose hands over first (rule HND1), so that nobody sees a silence. Everything goes through
 * what both nodes have in the election; the `end` and the leaving are one write, so there is never one without the other:
 *
 * ```text
 *   leader                                                            next in the queue
 *   handOver() ────────────────── names it ───────────────▶ prepare: dial the exchanges, warm up
 *     'ready'  ◀──────────────────────────────────────────── ready()
 *   seal, flush
 *   release(end) ── stopLeading, then: the end, and gone ──▶ lead { previous: { epoch, end } }
 * ```
 *
 * What an implementation promises, and `leader-election.suite.ts` proves:
 * - `lead`, then any number of `suspended` and `resumed` in turn, then one `stopLeading`, all with the same `Term`.
 * - Before `suspended` and before `stopLeading` are told, `mayWrite()` is false; before `lead` and `resumed`, true.
 * - After `stopLeading` its `mayWrite()` is false for ever. A later term has a higher epoch.
 * - `suspended` is the stop of FEN1: whether this node still leads is not known. `resumed` comes only when it is known
 *   that nobody led in between; the epoch and its offsets go on. What could not be sealed meanwhile is the owner's loss:
 *   it fetches it again or declares it.
 * - After `prepare` comes either `prepareCancelled` or `lead`, whatever dies in between. At most one node is told to
 *   prepare at a time, but for one that cannot be reached: it hears of its cancellation by half a session timeout.
 * - Nothing throws into the owner, and an owner that throws ends the process, not the election.
 */

import type { EpochMillis } from '../../shared/model/time.ts';
import type { ComponentHealth } from '../../shared/wire/service-info.ts';

export type LeaderElection = {
  /**
   * Enters the race, once. Resolves when the election runs, which may be long before this node leads.
   * Rejects when it can never run: a node on its own that cannot know which epoch is new.
   */
  start(onEvent: (event: LeadershipEvent) => void): Promise<void>;
  /**
   * Leaves the race. A term ends first (`stopLeading`, reason `stopped`), so flush before calling. Resolves when another
   * node may lead, or when nothing more can be done for that. Safe at any time and twice.
   */
  stop(): Promise<void>;
  /**
   * On the leader, before it leaves: names the next in the queue and resolves when that one is ready to lead. The term
   * goes on meanwhile and after it; only `release` and `stop` end it. After `timeout` the name is taken back.
   */
  handOver(options: { readonly readyWithinMs: number }): Promise<HandoverAnswer>;
  /** After `ready`: where the stream of the named node is; `null` when nobody is named and ready, or it does not say. */
  readonly successorUrl: string | null;
  /** On the successor, after `prepare`: it could lead now. Says nothing at any other time. */
  ready(): void;
  /**
   * Leaves the race as {@link stop} does (`stopLeading`, reason `released`), and lets the next leader know where the
   * term ended: seal and flush before, and nothing after. Where the end cannot be told any more it is a plain `stop`.
   *
   * @param end the last position of the running term
   */
  release(end: TermEnd): Promise<void>;
  /**
   * On the leader that was refused because a higher epoch has written (rule EPO2): ends the term (`stopLeading`, reason
   * `replaced`) and stands again after a pause, behind the others. Nothing at any other time.
   */
  resign(reason: string): void;
  readonly status: ElectionStatus;
  /** The nodes as this one knows them, itself first. About a second old; older while ZooKeeper cannot be asked. */
  nodes(): readonly NodeInfo[];
  /** What the others shall know of this node. They are told at most once a second. */
  reportLoad(sessions: number, isDraining?: boolean): void;
  /** `leadership`, and the service it relies on, for health. */
  components(): readonly ComponentHealth[];
};

/** `nobody`: there is no other node, or this one does not lead (any more). */
export type HandoverAnswer = 'ready' | 'nobody' | 'timeout';

export type TermEnd = { readonly epoch: number; readonly offset: number };

/** The term before: `end` is its last offset, known only when its leader was released. */
export type PreviousTerm = { readonly epoch: number; readonly end: number | null };

export type Term = {
  readonly epoch: number;
  /** Asked at every seal: may this node still write (rule FEN1)? */
  mayWrite(): boolean;
};

/** A node as the others know it. */
export type LeaderInfo = {
  readonly node: string;
  /** Where its stream is: `ws://10.0.0.5:8080/ws/exchange`; `null` when it does not say. */
  readonly url: string | null;
  readonly epoch: number;
};

export type NodeInfo = {
  readonly node: string;
  readonly url: string | null;
  /** Clients it serves, by its own last word. */
  readonly sessions: number;
  readonly isLeader: boolean;
  /** It is about to leave: send nobody there. */
  readonly isDraining: boolean;
};

export type LeadershipEvent =
  /** This node leads: begin the epoch. `previous` is `null` when no term is remembered anywhere. */
  | { readonly type: 'lead'; readonly term: Term; readonly previous: PreviousTerm | null }
  /** Seal nothing: for half a session timeout nobody has confirmed that this node leads. */
  | { readonly type: 'suspended'; readonly term: Term; readonly reason: string }
  /** The same term goes on; nobody else has led. */
  | { readonly type: 'resumed'; readonly term: Term }
  /** The term is over: end the epoch, let go of the exchanges, become a follower. */
  | { readonly type: 'stopLeading'; readonly term: Term; readonly reason: StopReason; readonly detail: string }
  /** The leader means to leave and has named this node: dial the exchanges, warm up, call `ready`. */
  | { readonly type: 'prepare'; readonly leader: LeaderInfo }
  /** This node is no longer the named one. */
  | { readonly type: 'prepareCancelled'; readonly reason: string }
  /** Who leads, as far as this node knows: itself, another, nobody. Told at every change. */
  | { readonly type: 'leader'; readonly leader: LeaderInfo | null };

export type StopReason =
  /** `stop` was called. */
  | 'stopped'
  /** `release` was called. */
  | 'released'
  /** The session is gone and with it the candidacy: others may have led since. */
  | 'sessionExpired'
  /** The candidacy was taken away, another node began a term, or `resign` was called. */
  | 'replaced';

export type ElectionState =
  | 'idle'
  | 'disconnected'
  | 'joining'
  | 'following'
  /** Named by the leader to follow it. */
  | 'preparing'
  | 'leading'
  /** Leads, and waits for its successor to be ready. */
  | 'handingOver'
  | 'suspended'
  /** Writes the end of its term. */
  | 'releasing'
  | 'stopping';

export type ElectionStatus = {
  readonly state: ElectionState;
  readonly since: EpochMillis;
  /** The leader, as far as this node knows. */
  readonly leader: LeaderInfo | null;
  /** The running term of this node, suspended or not. */
  readonly term: Term | null;
};

import { fullJitterMs } from '../../shared/base/backoff.ts';
import type { CancelTimer, Clock } from '../../shared/base/clock.ts';
import type { ComponentHealth } from '../../shared/wire/service-info.ts';
import { ComponentMonitor } from '../operations/health.ts';
import type { Logger } from '../operations/logger.ts';
import { type CandidateState, type RevocableTerm, termOf } from './candidate-state.ts';
import { type CandidateEffect, type CandidateEvent, isHandingOver, stepCandidate } from './candidate-transitions.ts';
import { askEpochMemories, type EpochMemory, type RememberedEpochs } from './epoch-memory.ts';
import type {
  ElectionStatus,
  HandoverAnswer,
  LeaderElection,
  LeaderInfo,
  LeadershipEvent,
  NodeInfo,
  TermEnd,
} from './leader-election.ts';
import { NamesakeWatch } from './namesake-watch.ts';
import { OneAtATime } from './one-at-a-time.ts';
import { wordsFor } from './state-words.ts';
import type { ZookeeperClient } from './zookeeper-client.ts';
import { isFault, type ZookeeperFault } from './zookeeper-error.ts';
import { type Identity, ZookeeperOwnNode } from './zookeeper-own-node.ts';
import { ZookeeperQueue } from './zookeeper-queue.ts';
import { ZookeeperRoll } from './zookeeper-roll.ts';
import { type ZookeeperAddress, ZookeeperSession } from './zookeeper-session.ts';

export type ZookeeperElectionOptions = {
  /** How this node is known: its name, and where its stream is. */
  readonly identity: Identity;
  readonly address: ZookeeperAddress;
  /** Who else remembers epochs: ZooKeeper's data may be lost. */
  readonly memories: readonly EpochMemory[];
  readonly clock: Clock;
  readonly logger: Pick<Logger, 'info' | 'warn'>;
  /** For waits; a number in [0, 1). */
  readonly random?: () => number;
};

/** What the other memories may take of a takeover. */
const MEMORY_TIMEOUT_MS = 500;
/** At the start, when it has not answered for so long. */
const UNREACHED_AFTER_MS = 3_000;
/** After ZooKeeper refused what should work: access lists, quotas. */
const REFUSAL_BACKOFF = { baseMs: 500, capMs: 30_000 };

const UP: ReadonlySet<CandidateState['name']> = new Set(['following', 'preparing', 'leading', 'handingOver']);

/** States in which the place in the queue matters. */
const LOOKING: ReadonlySet<CandidateState['name']> = new Set(['joining', 'following', 'preparing']);

/** Leadership by ZooKeeper: the first in a queue of ephemeral nodes leads. The moves are in `candidate-transitions.ts`. */
export class ZookeeperLeaderElection implements LeaderElection {
  readonly #options: ZookeeperElectionOptions;
  readonly #random: () => number;
  readonly #session: ZookeeperSession;
  readonly #own: ZookeeperOwnNode;
  readonly #queue: ZookeeperQueue;
  readonly #roll = new ZookeeperRoll();
  readonly #zookeeper: ComponentMonitor;
  readonly #leadership: ComponentMonitor;
  #state: CandidateState;
  #leader: LeaderInfo | null = null;
  #onEvent: (event: LeadershipEvent) => void = () => {};
  readonly #events: CandidateEvent[] = [];
  #isStepping = false;
  readonly #left = Promise.withResolvers<void>();
  readonly #look = new OneAtATime(() => this.#attempt(client => this.#lookOnce(client)));
  readonly #seek = new OneAtATime(() => this.#attempt(client => this.#seekOnce(client)));
  #refusals = 0;
  #memoryFaults: readonly string[] = [];
  /** What the other memories said when this node was named. */
  #foreseen: Promise<RememberedEpochs> | null = null;
  /** Who waits for a handover. */
  #handovers: ((answer: HandoverAnswer) => void)[] = [];
  #cancelPatience: CancelTimer = () => {};
  #cancelRetry: CancelTimer = () => {};
  #cancelRoll: CancelTimer = () => {};
  #cancelUnreached: CancelTimer = () => {};
  readonly #namesakes: NamesakeWatch;

  constructor(options: ZookeeperElectionOptions) {
    const { clock, identity, address, random = Math.random } = options;
    this.#options = options;
    this.#random = random;
    this.#state = { name: 'idle', since: clock.now() };
    this.#zookeeper = new ComponentMonitor('zookeeper', clock);
    this.#leadership = new ComponentMonitor('leadership', clock);
    this.#own = new ZookeeperOwnNode(identity, clock.now());
    this.#queue = new ZookeeperQueue(this.#own, clock);
    this.#namesakes = new NamesakeWatch(clock, () => {
      options.logger.warn({ nodeId: identity.node }, 'another node has the same name: give each its own NODE_ID');
    });
    this.#session = new ZookeeperSession({
      address,
      clock,
      random,
      heartbeat: () => this.#queue.checks(),
      prepare: client => this.#queue.prepare(client),
      onAttached: () => {
        this.#step({ type: 'attached' });
        void this.#callRoll();
      },
      onConfirmed: () => this.#step({ type: 'confirmed' }),
      onLapsed: reason => this.#step({ type: 'lapsed', reason }),
      onExpired: reason => this.#step({ type: 'expired', reason }),
      onRefuted: reason => this.#step({ type: 'evicted', reason }),
    });
  }

  get status(): ElectionStatus {
    return { state: this.#state.name, since: this.#state.since, leader: this.#leader, term: termOf(this.#state) };
  }

  async start(onEvent: (event: LeadershipEvent) => void): Promise<void> {
    this.#onEvent = onEvent;
    this.#step({ type: 'start' });
    this.#cancelUnreached = this.#options.clock.setTimer(UNREACHED_AFTER_MS, () => this.#sayIfUnreached());
  }

  async stop(): Promise<void> {
    this.#step({ type: 'stop' });
    await this.#left.promise;
  }

  handOver({ readyWithinMs }: { readonly readyWithinMs: number }): Promise<HandoverAnswer> {
    return new Promise(resolve => {
      this.#handovers.push(resolve);
      if (this.#handovers.length === 1) {
        this.#cancelPatience = this.#options.clock.setTimer(readyWithinMs, () => this.#step({ type: 'impatient' }));
      }
      this.#step({ type: 'handOver' });
    });
  }

  get successorUrl(): string | null {
    return this.#queue.successorUrl;
  }

  ready(): void {
    this.#step({ type: 'ready' });
  }

  async release(end: TermEnd): Promise<void> {
    this.#step({ type: 'release', end });
    await this.#left.promise;
  }

  resign(reason: string): void {
    this.#step({ type: 'resign', reason });
  }

  nodes(): readonly NodeInfo[] {
    const own = this.#own.record;
    const others = this.#roll.others.filter(({ node }) => node !== own.node);
    return [own, ...others].map(({ node, url, sessions, isDraining }) => {
      return { node, url, sessions, isLeader: this.#leader?.node === node, isDraining };
    });
  }

  reportLoad(sessions: number, isDraining = false): void {
    this.#own.say({ sessions, isDraining });
  }

  components(): readonly ComponentHealth[] {
    const { client, latencyMs, lastError } = this.#session;
    const strange = [...new Set([...this.#queue.strange, ...this.#roll.strange])];
    const troubles = [
      ...(strange.length === 0 ? [] : [`${strange.length} strange nodes: ${strange.slice(0, 3).join(', ')}`]),
      ...this.#memoryFaults,
      ...(lastError === null ? [] : [lastError]),
    ];
    this.#zookeeper.set(client === null ? 'down' : 'up', troubles.join('; ') || undefined, latencyMs);
    return [this.#leadership.health, this.#zookeeper.health];
  }

  /** Events that come while one is being worked on, from an owner that answers at once, wait for its end. */
  #step(event: CandidateEvent): void {
    this.#events.push(event);
    if (this.#isStepping) return;
    this.#isStepping = true;
    for (let next = this.#events.shift(); next !== undefined; next = this.#events.shift()) {
      const before = this.#state;
      const { state, effects } = stepCandidate(before, next, this.#options.clock.now());
      this.#state = state;
      if (state.name !== before.name) this.#report(before, state);
      for (const effect of effects) this.#carryOut(effect);
    }
    this.#isStepping = false;
  }

  #carryOut(effect: CandidateEffect): void {
    switch (effect.type) {
      case 'connect':
        this.#session.start();
        this.#rollLater();
        return;
      case 'look':
        this.#look.ask();
        return;
      case 'forget':
        this.#queue.forget();
        return;
      case 'renew':
        this.#session.renew();
        return;
      case 'revoke':
        effect.term.revoke();
        return;
      case 'tell':
        this.#tell(effect.event);
        return;
      case 'announce':
        this.#announce(effect.leader);
        return;
      case 'foresee':
        this.#foreseen = this.#askMemories();
        return;
      case 'sayReady':
        void this.#sayReady(effect.epoch);
        return;
      case 'seekSuccessor':
        this.#seek.ask();
        return;
      case 'takeBackName':
        this.#own.say({ successor: null });
        void this.#attempt(client => this.#own.write(client));
        return;
      case 'answer':
        this.#cancelPatience();
        for (const answer of this.#handovers.splice(0)) answer(effect.answer);
        return;
      case 'handIn':
        void this.#attempt(client => this.#handIn(client, effect.end));
        return;
      case 'leave':
        this.#cancelRetry();
        this.#cancelRoll();
        this.#cancelUnreached();
        this.#left.resolve(this.#session.stop());
        return;
    }
  }

  /** A fault of the owner is not one of the link that happened to bring the news: it ends the process. */
  #tell(event: LeadershipEvent): void {
    try {
      this.#onEvent(event);
    } catch (error) {
      queueMicrotask(() => {
        throw error;
      });
    }
  }

  #report(before: CandidateState, state: CandidateState): void {
    const reason = 'reason' in state ? state.reason : undefined;
    this.#leadership.set(UP.has(state.name) ? 'up' : state.name === 'suspended' ? 'degraded' : 'down', reason);
    const words = wordsFor(before, state);
    if (words !== null) this.#options.logger[words.level]({ epoch: termOf(state)?.epoch, reason }, words.message);
  }

  /** A session that never began changes no state. */
  #sayIfUnreached(): void {
    if (this.#state.name !== 'disconnected') return;
    const reason = this.#session.lastError ?? 'no answer';
    this.#options.logger.warn(
      { reason },
      'ZooKeeper has not been reached: nobody can be elected, and it is tried again',
    );
  }

  #announce(leader: LeaderInfo | { readonly self: RevocableTerm } | null): void {
    const known =
      leader !== null && 'self' in leader ? { ...this.#options.identity, epoch: leader.self.epoch } : leader;
    const { node, url, epoch } = this.#leader ?? { node: null, url: null, epoch: null };
    if (known?.node === node && known.url === url && known.epoch === epoch) return;
    if (known === null && this.#leader === null) return;
    this.#leader = known;
    this.#tell({ type: 'leader', leader: known });
  }

  async #lookOnce(client: ZookeeperClient): Promise<void> {
    const { id } = this.#session;
    if (id === null || !LOOKING.has(this.#state.name)) return;
    const place = await this.#queue.look(
      client,
      id,
      () => this.#session.beat(),
      () => this.#look.ask(),
    );
    this.#refusals = 0;
    if (place.kind === 'lost') {
      this.#step({ type: 'evicted', reason: place.reason });
    } else if (place.kind === 'behind') {
      this.#step({ type: 'placed', leader: place.leader, namedBy: place.namedBy });
      await this.#own.write(client);
    } else {
      const isForeseen = this.#state.name === 'preparing' && this.#foreseen !== null;
      const { highest, faults } = await (isForeseen ? this.#foreseen! : this.#askMemories());
      this.#memoryFaults = faults;
      const isAcknowledged = this.#session.lease.holds();
      const { epoch, previous, sent } = await this.#queue.beginTerm(client, place.term, highest, isAcknowledged);
      if (sent !== null) this.#session.confirm(sent);
      this.#step({ type: 'elected', term: this.#termOf(epoch), previous });
      this.#tellMemories(epoch);
    }
  }

  /** With the epochs that others remember, so that the leader can write our term for us. */
  async #sayReady(epoch: number | null): Promise<void> {
    const { highest } = (await this.#foreseen) ?? { highest: 0 };
    // Named by somebody else meanwhile, or by nobody any more.
    if (epoch !== null && !(this.#state.name === 'preparing' && this.#state.epoch === epoch)) return;
    this.#own.say({ readyAfter: epoch, remembers: highest });
    await this.#attempt(client => this.#own.write(client));
  }

  async #seekOnce(client: ZookeeperClient): Promise<void> {
    const term = termOf(this.#state);
    if (this.#state.name !== 'handingOver' || term === null) return;
    const succession = await this.#queue.nameSuccessor(client, term.epoch, () => this.#seek.ask());
    if (!isHandingOver(this.#state)) {
      // The name was taken back while it was being given.
      this.#own.say({ successor: null });
      await this.#own.write(client);
    } else if (succession !== 'waiting') {
      this.#step({ type: 'succession', answer: succession });
    }
  }

  async #handIn(client: ZookeeperClient, end: TermEnd): Promise<void> {
    try {
      await this.#queue.endTerm(client, end);
    } catch (error) {
      // Not known whether it happened: the next link will show, if there is one in time.
      if (['timeout', 'connectionLost', 'sessionExpired'].some(fault => isFault(error, fault as ZookeeperFault)))
        throw error;
      this.#options.logger.warn({ error: String(error), end }, 'the end of the term could not be told');
    }
    this.#step({ type: 'released' });
  }

  /** Says what changed about this node, and hears what changed about the others. */
  #rollLater(): void {
    this.#cancelRoll = this.#options.clock.setTimer(this.#roll.everyMs, async () => {
      await this.#callRoll();
      if (this.#state.name !== 'stopping') this.#rollLater();
    });
  }

  #callRoll(): Promise<void> {
    return this.#attempt(async client => {
      await this.#own.write(client);
      await this.#roll.call(client, this.#own.name);
      this.#namesakes.look(this.#own.record, this.#roll.others);
    });
  }

  #askMemories(): Promise<RememberedEpochs> {
    return askEpochMemories(this.#options.memories, MEMORY_TIMEOUT_MS, this.#options.clock);
  }

  #tellMemories(epoch: number): void {
    for (const memory of this.#options.memories) {
      memory.remember?.(epoch).catch(error => {
        this.#memoryFaults = [...this.#memoryFaults, `${memory.name}: ${String(error)}`];
      });
    }
  }

  #termOf(epoch: number): RevocableTerm {
    const { lease } = this.#session;
    let isRevoked = false;
    return {
      epoch,
      mayWrite: () => !isRevoked && lease.holds(),
      revoke: () => {
        isRevoked = true;
      },
    };
  }

  /** Calls over the link in use, if there is one. What goes wrong ends the link, or is mended by looking again. */
  async #attempt(work: (client: ZookeeperClient) => Promise<void>): Promise<void> {
    const { client } = this.#session;
    if (client === null) return;
    try {
      await work(client);
    } catch (error) {
      this.#failed(client, error);
    }
  }

  #failed(client: ZookeeperClient, error: unknown): void {
    if (isFault(error, 'timeout')) this.#session.abandon(client, error);
    // A lost link or session: the next one asks again.
    else if (isFault(error, 'connectionLost') || isFault(error, 'sessionExpired')) return;
    else if (isFault(error, 'badVersion')) this.#look.ask();
    // Our own node, most likely: the heartbeat will say.
    else if (isFault(error, 'noNode')) this.#session.beat();
    else {
      this.#session.lastError = String(error);
      this.#cancelRetry();
      this.#cancelRetry = this.#options.clock.setTimer(
        fullJitterMs(this.#refusals++, REFUSAL_BACKOFF, this.#random),
        () => {
          this.#look.ask();
          this.#seek.ask();
        },
      );
    }
  }
}

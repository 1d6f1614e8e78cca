import type {
  ElectionStatus,
  HandoverAnswer,
  LeaderElection,
  LeadershipEvent,
  NodeInfo,
  PreviousTerm,
  Term,
} from '../leader-election.ts';

/** An election that a test decides. */
export class HandElection implements LeaderElection {
  #onEvent: (event: LeadershipEvent) => void = () => {};
  #term: Term | null = null;
  /** Where the stream of the node is that will follow this one; `null`: there is no other. */
  successorUrl: string | null = null;
  /** This node has said that it could lead. */
  isReady = false;

  async start(onEvent: (event: LeadershipEvent) => void): Promise<void> {
    this.#onEvent = onEvent;
  }

  lead(epoch: number, previous: PreviousTerm | null = null): void {
    const term = { epoch, mayWrite: () => this.#term === term };
    this.#term = term;
    this.#onEvent({ type: 'lead', term, previous });
  }

  /** The node that leads means to leave. */
  prepare(): void {
    this.#onEvent({ type: 'prepare', leader: { node: 'node-1', url: null, epoch: 1 } });
  }

  async stop(): Promise<void> {
    const term = this.#term;
    this.#term = null;
    if (term !== null) this.#onEvent({ type: 'stopLeading', term, reason: 'stopped', detail: 'stopped' });
  }

  async handOver(): Promise<HandoverAnswer> {
    return this.successorUrl === null ? 'nobody' : 'ready';
  }

  ready(): void {
    this.isReady = true;
  }

  release(): Promise<void> {
    return this.stop();
  }

  resign(): void {}

  get status(): ElectionStatus {
    return { state: this.#term === null ? 'following' : 'leading', since: 0, leader: null, term: this.#term };
  }

  nodes(): readonly NodeInfo[] {
    const url = this.successorUrl;
    return url === null ? [] : [{ node: 'node-2', url, sessions: 0, isLeader: false, isDraining: false }];
  }

  reportLoad(): void {}

  components(): readonly never[] {
    return [];
  }
}

import type { ElectionStatus, HandoverAnswer, LeaderElection, LeadershipEvent, Term } from '../leader-election.ts';

/** An election that a test decides. */
export class HandElection implements LeaderElection {
  #onEvent: (event: LeadershipEvent) => void = () => {};
  #term: Term | null = null;

  async start(onEvent: (event: LeadershipEvent) => void): Promise<void> {
    this.#onEvent = onEvent;
  }

  lead(epoch: number): void {
    const term = { epoch, mayWrite: () => this.#term === term };
    this.#term = term;
    this.#onEvent({ type: 'lead', term, previous: null });
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
    return 'nobody';
  }

  readonly successorUrl = null;

  ready(): void {}

  release(): Promise<void> {
    return this.stop();
  }

  resign(): void {}

  get status(): ElectionStatus {
    return { state: this.#term === null ? 'following' : 'leading', since: 0, leader: null, term: this.#term };
  }

  nodes(): readonly never[] {
    return [];
  }

  reportLoad(): void {}

  components(): readonly never[] {
    return [];
  }
}

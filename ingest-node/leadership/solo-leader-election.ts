import type { CancelTimer, Clock } from '../../shared/base/clock.ts';
import type { ComponentHealth } from '../../shared/wire/service-info.ts';
import { ComponentMonitor, disabledComponent } from '../operations/health.ts';
import type { RevocableTerm } from './candidate-state.ts';
import type { EpochFile } from './epoch-file.ts';
import { askEpochMemories, type EpochMemory, nextEpoch } from './epoch-memory.ts';
import type {
  ElectionStatus,
  HandoverAnswer,
  LeaderElection,
  LeaderInfo,
  LeadershipEvent,
  NodeInfo,
  StopReason,
  TermEnd,
} from './leader-election.ts';

export type SoloElectionOptions = {
  /** How this node is known: its name, and where its stream is. */
  readonly identity: { readonly node: string; readonly url: string | null };
  readonly file: Pick<EpochFile, 'read' | 'write'>;
  /** Who else remembers epochs. */
  readonly memories?: readonly EpochMemory[];
  readonly clock: Clock;
};

/** How long the start may wait for other memories than the file. */
const MEMORY_TIMEOUT_MS = 500;

/** After a term that was refused, or could not begin. */
const PAUSE_MS = 1_000;

type State =
  | { readonly name: 'idle' | 'stopping'; readonly since: number }
  | { readonly name: 'leading'; readonly since: number; readonly term: RevocableTerm; readonly leader: LeaderInfo };

/** A node on its own always leads. Its epochs rise across restarts by what the disk remembers and by the clock. */
export class SoloLeaderElection implements LeaderElection {
  readonly #options: SoloElectionOptions;
  readonly #leadership: ComponentMonitor;
  readonly #startedAt: number;
  #state: State;
  #load = { sessions: 0, isDraining: false };
  #cancelBegin: CancelTimer = () => {};
  #onEvent: (event: LeadershipEvent) => void = () => {};

  constructor(options: SoloElectionOptions) {
    this.#options = options;
    this.#startedAt = options.clock.now();
    this.#state = { name: 'idle', since: this.#startedAt };
    this.#leadership = new ComponentMonitor('leadership', options.clock);
  }

  get status(): ElectionStatus {
    const { name, since } = this.#state;
    const { term = null, leader = null } = this.#state.name === 'leading' ? this.#state : {};
    return { state: name, since, leader, term };
  }

  async start(onEvent: (event: LeadershipEvent) => void): Promise<void> {
    this.#onEvent = onEvent;
    await this.#begin();
  }

  async stop(): Promise<void> {
    this.#leave('stopped');
  }

  /** There is nobody to lead after it. */
  async handOver(): Promise<HandoverAnswer> {
    return 'nobody';
  }

  readonly successorUrl = null;

  ready(): void {}

  /** Its next start reads the stream's end from whatever outlived it. */
  async release(_end: TermEnd): Promise<void> {
    this.#leave('released');
  }

  resign(reason: string): void {
    if (this.#state.name !== 'leading') return;
    this.#endTerm('idle', 'replaced', reason);
    this.#leadership.set('down', reason);
    this.#beginLater();
  }

  nodes(): readonly NodeInfo[] {
    return [{ ...this.#options.identity, ...this.#load, isLeader: this.#state.name === 'leading' }];
  }

  reportLoad(sessions: number, isDraining = false): void {
    this.#load = { sessions, isDraining };
  }

  components(): readonly ComponentHealth[] {
    return [this.#leadership.health, disabledComponent('zookeeper', this.#startedAt)];
  }

  async #begin(): Promise<void> {
    const { file, memories = [], clock, identity } = this.#options;
    const [known, others] = await Promise.all([file.read(), askEpochMemories(memories, MEMORY_TIMEOUT_MS, clock)]);
    const highest = Math.max(known, others.highest);
    const epoch = nextEpoch(highest, clock);
    // Remembered before it is used: a crash in between wastes a number, the other order could use one twice.
    await file.write(epoch);
    if (this.#state.name === 'stopping') return;
    let isOver = false;
    const term: RevocableTerm = {
      epoch,
      mayWrite: () => !isOver,
      revoke: () => {
        isOver = true;
      },
    };
    const leader = { ...identity, epoch };
    this.#state = { name: 'leading', since: clock.now(), term, leader };
    this.#leadership.set('up', others.faults.join('; ') || undefined);
    this.#onEvent({ type: 'lead', term, previous: highest === 0 ? null : { epoch: highest, end: null } });
    this.#onEvent({ type: 'leader', leader });
  }

  #beginLater(): void {
    this.#cancelBegin = this.#options.clock.setTimer(PAUSE_MS, () => {
      this.#begin().catch(error => {
        this.#leadership.set('down', String(error));
        if (this.#state.name === 'idle') this.#beginLater();
      });
    });
  }

  #leave(reason: StopReason): void {
    if (this.#state.name === 'stopping') return;
    this.#cancelBegin();
    this.#endTerm('stopping', reason, reason);
    this.#leadership.set('down');
  }

  #endTerm(next: 'idle' | 'stopping', reason: StopReason, detail: string): void {
    const before = this.#state;
    this.#state = { name: next, since: this.#options.clock.now() };
    if (before.name !== 'leading') return;
    before.term.revoke();
    this.#onEvent({ type: 'stopLeading', term: before.term, reason, detail });
    this.#onEvent({ type: 'leader', leader: null });
  }
}

import type { Clock } from '../../shared/base/clock.ts';
import type { ComponentHealth } from '../../shared/wire/service-info.ts';
import { ComponentMonitor, disabledComponent } from '../operations/health.ts';
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
  Term,
  TermEnd,
} from './leader-election.ts';

export type SoloElectionOptions = {
  /** How this node is known: its name, and where its stream is. */
  readonly identity: { readonly node: string; readonly url: string | null };
  readonly file: EpochFile;
  /** Who else remembers epochs. */
  readonly memories?: readonly EpochMemory[];
  readonly clock: Clock;
};

/** How long the start may wait for other memories than the file. */
const MEMORY_TIMEOUT_MS = 500;

type State =
  | { readonly name: 'idle' | 'stopping'; readonly since: number }
  | { readonly name: 'leading'; readonly since: number; readonly term: Term; readonly leader: LeaderInfo };

/** A node on its own always leads. Its epochs rise across restarts by what the disk remembers and by the clock. */
export class SoloLeaderElection implements LeaderElection {
  readonly #options: SoloElectionOptions;
  readonly #leadership: ComponentMonitor;
  readonly #startedAt: number;
  #state: State;
  #load = { sessions: 0, isDraining: false };
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
    const { file, memories = [], clock, identity } = this.#options;
    this.#onEvent = onEvent;
    const [known, others] = await Promise.all([file.read(), askEpochMemories(memories, MEMORY_TIMEOUT_MS, clock)]);
    const highest = Math.max(known, others.highest);
    const epoch = nextEpoch(highest, clock);
    // Remembered before it is used: a crash in between wastes a number, the other order could use one twice.
    await file.write(epoch);
    if (this.#state.name === 'stopping') return;
    const term: Term = { epoch, mayWrite: () => this.#state.name === 'leading' };
    const leader = { ...identity, epoch };
    this.#state = { name: 'leading', since: clock.now(), term, leader };
    this.#leadership.set('up', others.faults.join('; ') || undefined);
    onEvent({ type: 'lead', term, previous: highest === 0 ? null : { epoch: highest, end: null } });
    onEvent({ type: 'leader', leader });
  }

  async stop(): Promise<void> {
    this.#leave('stopped');
  }

  /** There is nobody to lead after it. */
  async handOver(): Promise<HandoverAnswer> {
    return 'nobody';
  }

  ready(): void {}

  /** Its next start reads the stream's end from whatever outlived it. */
  async release(_end: TermEnd): Promise<void> {
    this.#leave('released');
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

  #leave(reason: StopReason): void {
    const before = this.#state;
    if (before.name === 'stopping') return;
    this.#state = { name: 'stopping', since: this.#options.clock.now() };
    this.#leadership.set('down');
    if (before.name !== 'leading') return;
    this.#onEvent({ type: 'stopLeading', term: before.term, reason, detail: reason });
    this.#onEvent({ type: 'leader', leader: null });
  }
}

import type { Clock } from '../../shared/base/clock.ts';
import { FollowedLog, type FollowedView } from '../../shared/stream/followed-log.ts';
import type { StreamSource } from '../../shared/stream/source.ts';
import { StreamLog } from '../../shared/stream/stream-log.ts';
import type { Batch, SnapshotReason } from '../../shared/wire/messages.ts';
import { comparePositions, type Position } from '../../shared/wire/position.ts';

export type UpstreamOptions = {
  readonly clock: Clock;
  /** In order of preference. */
  readonly sources: readonly StreamSource[];
  readonly random: () => number;
  /** There is so much to send that the next tick should not be waited for. */
  readonly onPressure: () => void;
  /** Called before the log jumps to a snapshot: the last chance to send what was before it. */
  readonly onBeforeReset: () => void;
  readonly onReset: (reason: SnapshotReason) => void;
  /** After every batch. */
  readonly onBatch: () => void;
  /** It went from live to seeking or back. */
  readonly onTurn: () => void;
};

/** What is known about the upstream, for status and health. */
export type UpstreamView = FollowedView;

/** The log is only the buffer between two ticks: encoded history is kept elsewhere. */
const PENDING_BOUNDS = { maxAgeMs: 10_000, maxBytes: 8 * 1024 * 1024 };
const PRESSURE_BYTES = 1024 * 1024;

/** The stream as it comes from Redis or the nodes: latest state, what has not been sent on yet, and how the connection fares. */
export class Upstream {
  readonly #options: UpstreamOptions;
  #followed: FollowedLog;
  /** Ring number of the first batch that was not taken. */
  #unsent = 0;
  #unsentBytes = 0;
  #heartbeatWriter: number | null = null;
  /** Where the path that greeted us last said that the stream stands. */
  #greeted: Position | null = null;

  constructor(options: UpstreamOptions) {
    this.#options = options;
    this.#followed = this.#anew();
  }

  get log(): StreamLog {
    return this.#followed.log;
  }

  get view(): UpstreamView {
    return this.#followed.view;
  }

  /** Whether there is a present state: what Redis keeps as a snapshot may be 20 s old, and what follows it is still to come. */
  get isCaughtUp(): boolean {
    const { position } = this.log;
    return position.epoch > 0 && (this.#greeted === null || comparePositions(position, this.#greeted) >= 0);
  }

  get isFollowing(): boolean {
    return this.#followed.isFollowing;
  }

  start(): void {
    this.#followed.start();
  }

  /** Lets go, and forgets everything. */
  stop(): void {
    this.#followed.stop('no viewers');
    this.#followed = this.#anew();
    this.#unsent = 0;
    this.#unsentBytes = 0;
    this.#heartbeatWriter = null;
    this.#greeted = null;
  }

  /** Batches since the last time. */
  takeUnsent(): Batch[] {
    const { ring } = this.log;
    const batches: Batch[] = [];
    for (let number = this.#unsent; number < ring.end; number++) batches.push(ring.at(number)!.batch);
    this.#unsent = ring.end;
    this.#unsentBytes = 0;
    return batches;
  }

  /** The writer of a heartbeat that came since the last time; `null`: none came, and none may be invented (rule HB1). */
  takeHeartbeat(): number | null {
    const writer = this.#heartbeatWriter;
    this.#heartbeatWriter = null;
    return writer;
  }

  #anew(): FollowedLog {
    const { clock, sources, random, onBeforeReset, onReset, onTurn } = this.#options;
    return new FollowedLog({
      log: new StreamLog(PENDING_BOUNDS),
      sources: sources.map(source => this.#hearingGreetings(source)),
      clock,
      random,
      onHeartbeat: (_position, writer) => {
        this.#heartbeatWriter = writer;
      },
      onBatch: () => this.#appended(),
      onBeforeReset,
      onReset: ({ reason }) => {
        this.#unsent = this.log.ring.end;
        this.#unsentBytes = 0;
        onReset(reason);
      },
      onTurn,
    });
  }

  #hearingGreetings(source: StreamSource): StreamSource {
    return {
      name: source.name,
      open: (request, { message, closed }) =>
        source.open(request, {
          message: said => {
            if (said.type === 'hello') this.#greeted = { epoch: said.epoch, offset: said.offset };
            message(said);
          },
          closed,
        }),
    };
  }

  #appended(): void {
    const { ring } = this.log;
    this.#unsentBytes += ring.at(ring.end - 1)!.bytes;
    if (this.#unsentBytes >= PRESSURE_BYTES) this.#options.onPressure();
    this.#options.onBatch();
  }
}

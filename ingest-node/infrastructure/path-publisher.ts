import type { Backoff } from '../../shared/base/backoff.ts';
import type { Clock } from '../../shared/base/clock.ts';
import { StreamCursor, type TakenUnit } from '../../shared/stream/cursor.ts';
import { encodeMessage, heartbeatAt } from '../../shared/wire/json-codec.ts';
import type { Batch } from '../../shared/wire/messages.ts';
import { comparePositions, type Lineage, type Position } from '../../shared/wire/position.ts';
import { FencedError, type PathTail, type PublishTerm } from './infrastructure-service.ts';
import { type PublishingFault, WriteLoop } from './write-loop.ts';

/** One unit on its way to the path's history and its live readers. */
export type PathUnit = {
  readonly writer: number;
  /** What the path must end at for this unit to fit; `null`: it must be empty. */
  readonly after: Position | null;
  /** What the path ends at afterwards. */
  readonly position: Position;
  /** Encoded batches: one, or the parts of one. */
  readonly messages: readonly string[];
  /** Everything up to here may be forgotten by the path, but what follows its snapshot. */
  readonly forget: Position;
  /** The snapshot is so old that history need not reach back to it any more. */
  readonly forgetsSnapshot: boolean;
  /** Throws away what the path holds: nothing of it continues to this unit. */
  readonly replaces: boolean;
  /** Live readers have had it already: for the history only. */
  readonly isRepeated: boolean;
};

export type PathSnapshot = {
  readonly writer: number;
  readonly position: Position;
  readonly lineage: Lineage;
  readonly messages: readonly string[];
};

/** How a path is written, each call one atomic step that is refused with {@link FencedError} when somebody higher was there. */
export type PathWriter = {
  /**
   * @param isAlone nobody else writes any more, by their own word: the fence may go with the first write, which finds out
   *   if somebody does
   */
  fence(writer: number, isAlone?: boolean): Promise<PathTail>;
  append(unit: PathUnit): Promise<PathAnswer>;
  beat(writer: number, after: Position | null, message: string): Promise<PathAnswer>;
  writeSnapshot(snapshot: PathSnapshot): Promise<void>;
};

export type PathAnswer = {
  /** Nothing was written: the path does not end where the writer believed, so it has to look again. */
  readonly hasMoved: boolean;
  /** There is no snapshot for newcomers, whatever became of it. */
  readonly lacksSnapshot: boolean;
};

export type PathPublisherOptions = {
  readonly writer: PathWriter;
  readonly clock: Clock;
  /** Least time between the beginnings of two writes: what is sealed in between travels merged. */
  readonly paceMs: number;
  readonly snapshotIntervalMs: number;
  readonly random: () => number;
  readonly retry?: Backoff;
};

const NOTHING: Position = { epoch: 0, offset: 0 };

/** History reaches back to the last snapshot; when so many in a row could not be written it does no longer. */
const SNAPSHOT_MISSES = 3;

/**
 * Publishes a log on one path, as a cursor over the log's ring: one write at a time, at the path's own pace. It believes
 * only what the path has acknowledged; after every doubt it reads the path's end back and goes on from there.
 */
export class PathPublisher {
  readonly #options: PathPublisherOptions;
  readonly #loop: WriteLoop<PublishTerm>;
  #unlisten: () => void = () => {};
  /** In this term the path was not, or may not be, as we believed. */
  #isDoubted = false;
  /** `null`: where the path ends is not known. */
  #cursor: StreamCursor | null = null;
  #tail: Position | null = null;
  #replaces = false;
  /** What live readers have had from this term, whatever the path has lost since. */
  #published: Position = { epoch: 0, offset: 0 };
  /** The state at the very beginning of the term, until it is written: who took a wrong turn before starts from there. */
  #beginning: PathSnapshot | null = null;
  /** Of the last snapshot; `null`: one is owed. */
  #snapshotPosition: Position | null = null;
  /** When it was written, or when the term began without one. */
  #snapshotAt = 0;
  #isBeatDue = false;
  #isAppending = false;
  /** Told after every step. */
  readonly #waiters = new Set<() => void>();

  constructor(options: PathPublisherOptions) {
    this.#options = options;
    this.#loop = new WriteLoop({
      ...options,
      hasWork: term => this.#hasWork(term),
      step: term => this.#step(term),
      onFailure: (term, error) => this.#failed(term, error),
    });
  }

  begin(term: PublishTerm): void {
    this.end();
    this.#published = { epoch: 0, offset: 0 };
    this.#isDoubted = false;
    this.#snapshotAt = this.#options.clock.monotonic();
    this.#unlisten = term.log.onChange(() => this.#loop.wake());
    this.#beginning = term.log.position.offset === 0 ? this.#takeSnapshot(term) : null;
    this.#loop.begin(term);
  }

  end(): void {
    this.#unlisten();
    this.#loop.end();
    this.#cursor = null;
    this.#beginning = null;
    this.#snapshotPosition = null;
    this.#isBeatDue = false;
    this.#tellWaiters();
  }

  heartbeat(): void {
    this.#isBeatDue = true;
    this.#loop.wake();
  }

  /** What keeps the log from arriving, and since when; `null` when nothing does. */
  get fault(): PublishingFault | null {
    return this.#loop.fault;
  }

  get #term(): PublishTerm | null {
    return this.#loop.term;
  }

  async flush(withinMs: number): Promise<boolean> {
    const { clock } = this.#options;
    const term = this.#term;
    if (term === null) return false;
    const goal = term.log.position;
    const until = clock.monotonic() + withinMs;
    const relax = this.#loop.hurry();
    while (this.#term === term && !this.#hasArrived(goal) && clock.monotonic() < until) {
      await this.#progress(until - clock.monotonic());
    }
    relax();
    return this.#term === term && this.#hasArrived(goal);
  }

  /** Resolves when a step is done, or after a while. */
  #progress(withinMs: number): Promise<void> {
    return new Promise<void>(resolve => {
      const done = () => {
        cancel();
        this.#waiters.delete(done);
        resolve();
      };
      const cancel = this.#options.clock.setTimer(withinMs, done);
      this.#waiters.add(done);
    });
  }

  #hasArrived(goal: Position): boolean {
    if (this.#cursor === null) return false;
    if (!this.#isAppending && this.#cursor.isCaughtUp) return true;
    return this.#tail !== null && comparePositions(this.#tail, goal) >= 0;
  }

  #tellWaiters(): void {
    for (const done of this.#waiters) done();
  }

  #failed(term: PublishTerm, error: unknown): void {
    this.#cursor = null;
    this.#isDoubted = true;
    if (!(error instanceof FencedError)) return;
    this.end();
    term.onFenced(error.higher);
  }

  #hasWork(term: PublishTerm): boolean {
    return this.#cursor === null || this.#isBeatDue || this.#isSnapshotDue(term) || !this.#cursor.isCaughtUp;
  }

  /** To look is not to write: a path that is full answers, and takes nothing. */
  async #step(term: PublishTerm): Promise<boolean> {
    const cursor = this.#cursor;
    if (cursor === null) await this.#look(term);
    else await this.#write(term, cursor);
    if (this.#term === term) this.#tellWaiters();
    return cursor !== null;
  }

  async #write(term: PublishTerm, cursor: StreamCursor): Promise<void> {
    const unit = cursor.takeUnit();
    if (unit?.snapshot != null) {
      // The log no longer holds what this path lacks. Looking again finds that nothing continues.
      this.#cursor = null;
      return;
    }
    const isOurs = unit === null || unit.position.epoch === term.epoch;
    // From where all readers stand by the same end nobody can have taken a wrong turn: they need not wait for the way back.
    if (isOurs && (unit === null || !term.continues)) {
      await this.#writeBeginning(term);
      if (this.#term !== term) return;
    }
    // The state belongs to this very moment: while the unit is on its way the log goes on.
    const isDue = this.#beginning === null && cursor.isCaughtUp && this.#isSnapshotDue(term);
    const snapshot = isDue ? this.#takeSnapshot(term) : null;
    if (unit !== null && !(await this.#append(term, unit))) return;
    if (isOurs) await this.#writeBeginning(term);
    if (this.#term !== term) return;
    if (snapshot !== null) await this.#writeSnapshot(term, snapshot);
    else if (unit === null) await this.#beat(term, cursor);
  }

  /** Raises the fence, and decides from what the path holds where to go on. */
  async #look(term: PublishTerm): Promise<void> {
    const { log, epoch } = term;
    const { position } = await this.#options.writer.fence(epoch, term.continues === true && !this.#isDoubted);
    if (this.#term !== term) return;
    const continues =
      position !== null && log.plan(position).kind === 'resume' && comparePositions(position, log.position) <= 0;
    this.#tail = position;
    this.#replaces = position !== null && !continues;
    this.#cursor = new StreamCursor(log, continues ? position : (log.ring.floor ?? log.position), 'full');
    this.#snapshotPosition = null;
  }

  async #append(term: PublishTerm, { messages, position }: TakenUnit): Promise<boolean> {
    const { epoch, log } = term;
    const { clock, snapshotIntervalMs } = this.#options;
    this.#isAppending = true;
    const appending = this.#options.writer.append({
      writer: epoch,
      after: this.#tail,
      position,
      messages: position.epoch === epoch ? messages : messages.map(message => withWriter(message, epoch)),
      // A leader that has just joined remembers less than the path may: that is no reason to forget it.
      forget: (log.ring.hasForgotten ? log.ring.floor : null) ?? NOTHING,
      forgetsSnapshot: clock.monotonic() - this.#snapshotAt > SNAPSHOT_MISSES * snapshotIntervalMs,
      replaces: this.#replaces,
      isRepeated: comparePositions(position, this.#published) <= 0,
    });
    const answer = await appending.finally(() => {
      this.#isAppending = false;
    });
    if (this.#term !== term) return false;
    this.#heed(answer);
    if (answer.hasMoved) return false;
    this.#tail = position;
    this.#replaces = false;
    if (comparePositions(position, this.#published) > 0) this.#published = position;
    return true;
  }

  /** Not while there is anything to write: a beat stands where the path does, and the log has gone on since it was looked. */
  async #beat(term: PublishTerm, cursor: StreamCursor): Promise<void> {
    if (!this.#isBeatDue || !cursor.isCaughtUp) return;
    this.#isBeatDue = false;
    const { epoch, offset } = term.log.position;
    const beat = heartbeatAt(term.epoch, epoch, offset, offset === 0 ? term.log.lineage : undefined);
    const answer = await this.#options.writer.beat(term.epoch, this.#tail, encodeMessage(beat));
    if (this.#term === term) this.#heed(answer);
  }

  #heed({ hasMoved, lacksSnapshot }: PathAnswer): void {
    if (hasMoved) {
      this.#cursor = null;
      this.#isDoubted = true;
    }
    if (lacksSnapshot) this.#snapshotPosition = null;
  }

  #isSnapshotDue({ log, continues }: PublishTerm): boolean {
    const { ring, position } = log;
    const last = this.#snapshotPosition;
    if (this.#cursor === null) return false;
    // Whoever waits for the first events shall not wait for it besides.
    if (last === null) return !continues || this.#beginning === null || position.offset > 0;
    // What has not moved has not changed.
    if (comparePositions(last, position) === 0) return false;
    const { clock, snapshotIntervalMs } = this.#options;
    if (clock.monotonic() - this.#snapshotAt >= snapshotIntervalMs) return true;
    // Whoever begins from it must find in the history all that follows.
    return ring.floor !== null && comparePositions(last, ring.floor) < 0;
  }

  #takeSnapshot({ epoch, log }: PublishTerm): PathSnapshot {
    const { position, lineage } = log;
    return { writer: epoch, position, lineage, messages: log.snapshotMessages('full', 'initial') };
  }

  /** Beside the first batch of the term, unless the path was away until what follows the beginning was forgotten. */
  async #writeBeginning(term: PublishTerm): Promise<void> {
    const beginning = this.#beginning;
    this.#beginning = null;
    const { floor } = term.log.ring;
    if (beginning === null || (floor !== null && comparePositions(beginning.position, floor) < 0)) return;
    await this.#writeSnapshot(term, beginning);
  }

  async #writeSnapshot(term: PublishTerm, snapshot: PathSnapshot): Promise<void> {
    await this.#options.writer.writeSnapshot(snapshot);
    if (this.#term === term && this.#cursor !== null) {
      this.#snapshotPosition = snapshot.position;
      this.#snapshotAt = this.#options.clock.monotonic();
    }
  }
}

/** Rule EPO1: a batch of an epoch before ours, copied forward under our own name. */
function withWriter(message: string, writer: number): string {
  const batch: Batch = JSON.parse(message);
  return encodeMessage({ ...batch, writer });
}

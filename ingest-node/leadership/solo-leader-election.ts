import type { Clock } from '../../shared/base/clock.ts';
import type { EpochFile } from './epoch-file.ts';
import type { LeaderElection, Term } from './leader-election.ts';

/** A node on its own always leads. Its epochs rise across restarts by what the disk remembers and by the clock. */
export class SoloLeaderElection implements LeaderElection {
  readonly #file: EpochFile;
  readonly #clock: Clock;

  constructor(file: EpochFile, clock: Clock) {
    this.#file = file;
    this.#clock = clock;
  }

  async lead(): Promise<Term> {
    const epoch = Math.max((await this.#file.read()) + 1, Math.floor(this.#clock.now() / 1000));
    // Remembered before it is used: a crash in between wastes a number, the other order could use one twice.
    await this.#file.write(epoch);
    return { epoch, mayWrite: () => true };
  }

  async stop(): Promise<void> {}
}

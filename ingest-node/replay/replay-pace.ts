import type { Clock } from '../../shared/base/clock.ts';
import type { EpochMillis } from '../../shared/model/time.ts';

/** While it waits, what is paced by the recording's clock is told this often. */
const TELL_EVERY_MS = 25;

/** Holds a replay back to `speed` times the speed of the recording: 1 takes as long as recording it did. */
export class ReplayPace {
  readonly #clock: Clock;
  readonly #speed: number;
  #anchor: { readonly recorded: EpochMillis; readonly monotonic: number } | null = null;

  constructor(clock: Clock, speed: number) {
    this.#clock = clock;
    this.#speed = speed;
  }

  /** The next time begins anew: another file may be of another year. */
  restart(): void {
    this.#anchor = null;
  }

  /**
   * Resolves when the replay has come to `time` of the recording: at once at the first one. Rejects when aborted.
   *
   * @param onTime told of the recording's time while it passes
   */
  async reach(time: EpochMillis, onTime: (time: EpochMillis) => void, signal: AbortSignal): Promise<void> {
    this.#anchor ??= { recorded: time, monotonic: this.#clock.monotonic() };
    const { recorded, monotonic } = this.#anchor;
    for (;;) {
      signal.throwIfAborted();
      const reached = recorded + (this.#clock.monotonic() - monotonic) * this.#speed;
      if (reached >= time) return;
      onTime(reached);
      await this.#sleep(Math.min((time - reached) / this.#speed, TELL_EVERY_MS), signal);
    }
  }

  #sleep(ms: number, signal: AbortSignal): Promise<void> {
    return new Promise(resolve => {
      const wake = () => {
        cancel();
        signal.removeEventListener('abort', wake);
        resolve();
      };
      const cancel = this.#clock.setTimer(ms, wake);
      signal.addEventListener('abort', wake);
    });
  }
}
